//! The door to libwebp: features, scaled decoding, encoding.

use libwebp_sys as sys;

use crate::{Code, DecodeError};

use sys::VP8StatusCode as Status;

/// Of 0 to 6: what more effort saves in bytes it costs several times in time.
const EFFORT: i32 = 2;

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
pub(crate) fn config_of(data: &[u8]) -> Result<sys::WebPDecoderConfig, DecodeError> {
    let mut config = sys::WebPDecoderConfig::new().map_err(|()| other_version())?;
    // SAFETY: the slice and the configuration live through the call.
    let status = unsafe { sys::WebPGetFeatures(data.as_ptr(), data.len(), &mut config.input) };
    if status == Status::VP8_STATUS_OK { Ok(config) } else { Err(refused(status)) }
}

/// What a status that is no success says.
pub(crate) fn refused(status: Status) -> DecodeError {
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

/// A lossy WebP of `rgb` (three bytes a pixel), without metadata.
pub(crate) fn compress(
    rgb: &[u8],
    width: u32,
    height: u32,
    quality: u8,
) -> Result<Vec<u8>, DecodeError> {
    let config = lossy(quality)?;
    let mut picture = Coded::of(rgb, width, height, false)?;
    let mut file = Written::new();
    picture.0.writer = Some(sys::WebPMemoryWrite);
    picture.0.custom_ptr = (&raw mut file.0).cast();
    // SAFETY: the writer that the picture points to lives until after the call that writes to it.
    let is_done = unsafe { sys::WebPEncode(&config, &mut picture.0) != 0 };
    if is_done { Ok(file.bytes()) } else { Err(picture.failure()) }
}

/// How a lossy picture of this quality is coded.
pub(crate) fn lossy(quality: u8) -> Result<sys::WebPConfig, DecodeError> {
    let mut config = sys::WebPConfig::new().map_err(|()| other_version())?;
    config.quality = f32::from(quality);
    config.method = EFFORT;
    Ok(config)
}

/// The answer where no WebP can be made of pixels.
pub(crate) fn impossible() -> DecodeError {
    DecodeError::corrupt("the small picture cannot be a WebP")
}

/// The answer where the library is not that of the headers.
pub(crate) fn other_version() -> DecodeError {
    DecodeError::new(Code::UnsupportedFormat, "libwebp is another version")
}

/// Pixels on their way into a file, freed when dropped.
pub(crate) struct Coded(pub(crate) sys::WebPPicture);

impl Coded {
    /// The pixels of `rgb`, three bytes each: as they are, or in the planes of lossy coding.
    pub(crate) fn of(
        rgb: &[u8],
        width: u32,
        height: u32,
        as_they_are: bool,
    ) -> Result<Self, DecodeError> {
        if rgb.len() as u64 != u64::from(width) * u64::from(height) * 3 || rgb.is_empty() {
            return Err(impossible());
        }
        let length = |length: u32| i32::try_from(length).map_err(|_| impossible());
        let mut coded = sys::WebPPicture::new().map(Self).map_err(|()| other_version())?;
        let picture = &mut coded.0;
        (picture.width, picture.height) = (length(width)?, length(height)?);
        picture.use_argb = as_they_are.into();
        let stride = length(width * 3)?;
        // SAFETY: `rgb` holds `height` rows of `stride` bytes (checked above), and is copied.
        match unsafe { sys::WebPPictureImportRGB(picture, rgb.as_ptr(), stride) } {
            0 => Err(coded.failure()),
            _ => Ok(coded),
        }
    }

    /// Why it could not be coded.
    pub(crate) fn failure(&self) -> DecodeError {
        match self.0.error_code {
            sys::WebPEncodingError::VP8_ENC_ERROR_OUT_OF_MEMORY
            | sys::WebPEncodingError::VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY => {
                DecodeError::new(Code::MemoryLimit, "WebP: there is no memory to encode it")
            }
            _ => impossible(),
        }
    }
}

impl Drop for Coded {
    fn drop(&mut self) {
        // SAFETY: made by the library, freed once.
        unsafe { sys::WebPPictureFree(&mut self.0) };
    }
}

/// A file that the library writes, freed when dropped.
struct Written(sys::WebPMemoryWriter);

impl Written {
    fn new() -> Self {
        let mut writer = std::mem::MaybeUninit::zeroed();
        // SAFETY: the library sets all of it; zeros are a writer that holds nothing.
        unsafe {
            sys::WebPMemoryWriterInit(writer.as_mut_ptr());
            Self(writer.assume_init())
        }
    }

    fn bytes(&self) -> Vec<u8> {
        if self.0.mem.is_null() {
            return Vec::new();
        }
        // SAFETY: the library keeps `size` bytes at `mem`.
        unsafe { std::slice::from_raw_parts(self.0.mem, self.0.size) }.to_vec()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // SAFETY: set up by the library, cleared once.
        unsafe { sys::WebPMemoryWriterClear(&mut self.0) };
    }
}
