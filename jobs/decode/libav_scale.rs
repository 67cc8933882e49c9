//! FFmpeg's scaler: frames in other sizes and formats.

use std::ffi::{CStr, c_int};
use std::ptr;

use ffmpeg_sys_next::{
    AVPixelFormat, SWS_AREA, SWS_CS_BT2020, SWS_CS_DEFAULT, SWS_CS_FCC, SWS_CS_ITU601,
    SWS_CS_ITU709, SWS_CS_SMPTE240M, SwsContext,
};

use crate::libav_frame::Frame;
use crate::libav_link::*;
use crate::{Code, DecodeError, Raster};

/// A scaler, freed when it goes.
pub(crate) struct Scaler(pub(crate) *mut SwsContext);

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: the context is ours and freed once.
        unsafe { sws_freeContext(self.0) }
    }
}

impl Scaler {
    /// A scaler from pictures of one size and format (by FFmpeg's number) to those of another, by
    /// this filter; not initialised yet.
    pub(crate) fn between(
        from: ((u32, u32), c_int),
        to: ((u32, u32), c_int),
        flags: i64,
    ) -> Option<Self> {
        let options: [(&CStr, i64); 7] = [
            (c"srcw", from.0.0.into()),
            (c"srch", from.0.1.into()),
            (c"src_format", from.1.into()),
            (c"dstw", to.0.0.into()),
            (c"dsth", to.0.1.into()),
            (c"dst_format", to.1.into()),
            (c"sws_flags", flags),
        ];
        // SAFETY: options are set by name on a fresh context, which is freed by the drop.
        unsafe {
            let scaler = Self(sws_alloc_context());
            let set = |(name, value): (&CStr, i64)| {
                av_opt_set_int(scaler.0.cast(), name.as_ptr(), value, 0) >= 0
            };
            (!scaler.0.is_null() && options.into_iter().all(set)).then_some(scaler)
        }
    }

    /// Makes it ready; whether it knows the formats.
    pub(crate) fn init(&self) -> bool {
        // SAFETY: the context is ours; the library checks its options.
        unsafe { sws_init_context(self.0, ptr::null_mut(), ptr::null_mut()) >= 0 }
    }
}

/// Scales `frame` to `width` x `height` and converts it to RGB; light of HDR keeps 16 bits until it
/// is sRGB.
pub(crate) fn to_rgb(frame: &Frame, width: u32, height: u32) -> Result<Raster, DecodeError> {
    let unsupported =
        || DecodeError::new(Code::UnsupportedFormat, "the video has an unknown pixel format");
    let hdr = frame.hdr();
    let format = match hdr {
        None => AVPixelFormat::AV_PIX_FMT_RGB24,
        Some(_) => AVPixelFormat::AV_PIX_FMT_RGB48LE,
    };
    let scaler = scaler(frame, ((width, height), format as c_int)).ok_or_else(unsupported)?;
    let mut scaled = Frame::with_room(width, height, format as c_int)?;

    // SAFETY: the scaler was made for exactly this source size and format and this target, which
    // has room for them.
    unsafe {
        let done = sws_scale(
            scaler.0,
            (*frame.0).data.as_ptr().cast(),
            (*frame.0).linesize.as_ptr(),
            0,
            (*frame.0).height,
            (*scaled.0).data.as_ptr(),
            (*scaled.0).linesize.as_ptr(),
        );
        if done <= 0 {
            return Err(unsupported());
        }
    }
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    match hdr {
        None => each_row(&mut scaled, width as usize * 3, |row| rgb.extend_from_slice(row)),
        Some(hdr) => each_row(&mut scaled, width as usize * 6, |row| hdr.push_row(row, &mut rgb)),
    }
    Ok(Raster { width, height, rgb })
}

/// Hands over the rows of a frame, of `length` bytes each, without the padding between them.
fn each_row(frame: &mut Frame, length: usize, mut take: impl FnMut(&[u8])) {
    let (_, height) = frame.size();
    for y in 0..height as usize {
        // SAFETY: FFmpeg allocated `height` rows of `linesize` >= `length` bytes.
        take(unsafe {
            let stride = usize::try_from((*frame.0).linesize[0]).unwrap_or(length);
            std::slice::from_raw_parts((*frame.0).data[0].add(y * stride), length)
        });
    }
}

fn scaler(frame: &Frame, to: ((u32, u32), c_int)) -> Option<Scaler> {
    // SAFETY: the frame is ours and alive; its format is read as an integer.
    let format = unsafe { (*frame.0).format };
    // Exact rounding would double the time, for a mean difference below one.
    let scaler = Scaler::between((frame.size(), format), to, SWS_AREA.into())?;
    if !scaler.init() {
        return None;
    }
    set_colours(&scaler, frame);
    Some(scaler)
}

/// Tells the scaler which matrix and range the frame has. RGB frames have none: it refuses, and
/// nothing is to be done.
fn set_colours(scaler: &Scaler, frame: &Frame) {
    const FULL_RANGE: c_int = 2; // AVCOL_RANGE_JPEG
    const ONE: c_int = 1 << 16;
    // SAFETY: the enums are read as the integers they are in C; the tables are static.
    unsafe {
        let space = (&raw const (*frame.0).colorspace).cast::<c_int>().read();
        let range = (&raw const (*frame.0).color_range).cast::<c_int>().read();
        let (_, height) = frame.size();
        let matrix = match space {
            1 => SWS_CS_ITU709,
            4 => SWS_CS_FCC,
            5 | 6 => SWS_CS_ITU601,
            7 => SWS_CS_SMPTE240M,
            9 | 10 => SWS_CS_BT2020,
            // Nobody says: high definition is BT.709, as players take it.
            _ if height > 576 => SWS_CS_ITU709,
            _ => SWS_CS_ITU601,
        };
        let (mut inverse, mut table) = (ptr::null_mut(), ptr::null_mut());
        let (mut full, mut target, mut brightness, mut contrast, mut saturation) = (0, 0, 0, 0, 0);
        // The old "yuvj" formats are full range by name; the scaler has noticed that already.
        let known = sws_getColorspaceDetails(
            scaler.0,
            &mut inverse,
            &mut full,
            &mut table,
            &mut target,
            &mut brightness,
            &mut contrast,
            &mut saturation,
        );
        if known < 0 {
            return;
        }
        let full = c_int::from(full != 0 || range == FULL_RANGE);
        let matrix = sws_getCoefficients(matrix);
        let rgb = sws_getCoefficients(SWS_CS_DEFAULT);
        sws_setColorspaceDetails(scaler.0, matrix, full, rgb, 1, 0, ONE, ONE);
    }
}
