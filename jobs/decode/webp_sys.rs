//! The only place that talks to libwebp: features and scaled decoding.

use libwebp_sys as sys;

use crate::{Code, DecodeError};

use sys::VP8StatusCode as Status;

/// What the header says.
#[derive(Debug)]
pub(crate) struct Features {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) has_alpha: bool,
    pub(crate) is_lossless: bool,
}

/// A decoded still picture.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// Three bytes a pixel, or four (multiplied by alpha) when alpha was asked for.
    pub(crate) pixels: Vec<u8>,
    pub(crate) truncated: bool,
}

/// Reads the header of a still picture.
pub(crate) fn features(data: &[u8]) -> Result<Features, DecodeError> {
    const LOSSLESS: i32 = 2;
    let config = config_of(data)?;
    let length = |value: i32| u32::try_from(value).unwrap_or(0);
    Ok(Features {
        width: length(config.input.width),
        height: length(config.input.height),
        has_alpha: config.input.has_alpha != 0,
        is_lossless: config.input.format == LOSSLESS,
    })
}

/// Decodes a still picture to `width` x `height`; rows that a cut file lacks are white.
pub(crate) fn decompress(
    data: &[u8],
    width: u32,
    height: u32,
    alpha: bool,
) -> Result<Decoded, DecodeError> {
    let channels: u32 = if alpha { 4 } else { 3 };
    let empty = if alpha { 0 } else { u8::MAX };
    let mut pixels = vec![empty; width as usize * height as usize * channels as usize];
    let mut config = config_of(data)?;
    let impossible = || refused(Status::VP8_STATUS_INVALID_PARAM);
    config.options.use_scaling = 1;
    config.options.scaled_width = i32::try_from(width).map_err(|_| impossible())?;
    config.options.scaled_height = i32::try_from(height).map_err(|_| impossible())?;
    config.output.colorspace =
        if alpha { sys::WEBP_CSP_MODE::MODE_rgbA } else { sys::WEBP_CSP_MODE::MODE_RGB };
    config.output.is_external_memory = 1;
    config.output.u.RGBA = sys::WebPRGBABuffer {
        rgba: pixels.as_mut_ptr(),
        stride: i32::try_from(width * channels).map_err(|_| impossible())?,
        size: pixels.len(),
    };
    // SAFETY: the slice lives through the call; the output is our buffer, whose true stride and
    // size are in the configuration and are checked by the library before it writes.
    let status = unsafe { sys::WebPDecode(data.as_ptr(), data.len(), &mut config) };
    match status {
        Status::VP8_STATUS_OK => Ok(Decoded { pixels, truncated: false }),
        // Rows that came before the end or the fault are in the buffer.
        _ if pixels.iter().any(|&byte| byte != empty) => Ok(Decoded { pixels, truncated: true }),
        other => Err(refused(other)),
    }
}

/// A configuration with the header of `data` in it.
fn config_of(data: &[u8]) -> Result<sys::WebPDecoderConfig, DecodeError> {
    let other_version = || DecodeError::new(Code::UnsupportedFormat, "libwebp is another version");
    let mut config = sys::WebPDecoderConfig::new().map_err(|()| other_version())?;
    // SAFETY: the slice and the configuration live through the call.
    let status = unsafe { sys::WebPGetFeatures(data.as_ptr(), data.len(), &mut config.input) };
    if status == Status::VP8_STATUS_OK { Ok(config) } else { Err(refused(status)) }
}

fn refused(status: Status) -> DecodeError {
    let (code, text) = match status {
        Status::VP8_STATUS_OUT_OF_MEMORY => (Code::MemoryLimit, "there is no memory to decode it"),
        Status::VP8_STATUS_UNSUPPORTED_FEATURE => {
            (Code::UnsupportedFormat, "it uses an unknown feature")
        }
        Status::VP8_STATUS_SUSPENDED | Status::VP8_STATUS_NOT_ENOUGH_DATA => {
            (Code::CorruptFile, "it ends too early")
        }
        _ => (Code::CorruptFile, "its data are broken"),
    };
    DecodeError::new(code, format!("WebP: {text}"))
}
