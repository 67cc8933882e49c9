//! The only place that talks to libjpeg-turbo: decode at a scale, encode.
//!
//! The safe crate is not enough: it makes errors of warnings, so that a cut file gives no
//! picture, and it refuses four-colour pictures. Every call below passes a handle that lives,
//! and a buffer whose length was computed from what the library itself says.

use std::ffi::CStr;
use std::ptr::NonNull;

use turbojpeg_sys as sys;

use crate::picture::Ink;
use crate::planes::{Plane, Planes};
use crate::{Code, DecodeError};

/// How a JPEG is to be decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Scale in eighths, 1 to 8.
    pub(crate) eighths: u8,
    /// The channels; ink comes as the file has it.
    pub(crate) ink: Ink,
    /// The most memory for the library's own buffers, in bytes.
    pub(crate) memory_bytes: u64,
    /// The most scans.
    pub(crate) scans: u16,
}

/// A decoded JPEG.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<u8>,
    /// The library's first warning; the picture is there all the same.
    pub(crate) warning: Option<String>,
}

/// Decodes `data`, making a picture of damaged data too.
pub(crate) fn decompress(data: &[u8], wanted: Wanted) -> Result<Decoded, DecodeError> {
    let handle = Handle::to_decompress(data, wanted)?;
    // The bindings have `size_t` as a 64 bit number.
    let length = data.len() as u64;
    if wanted.eighths != 8 && handle.get(sys::TJPARAM_TJPARAM_LOSSLESS) != 0 {
        // It would be written in full size, past the end of a buffer for the smaller one.
        return Err(DecodeError::corrupt("a lossless JPEG has no scales"));
    }
    let scale = sys::tjscalingfactor { num: i32::from(wanted.eighths), denom: 8 };
    // SAFETY: the handle lives; the library checks the factor.
    handle.check(unsafe { sys::tj3SetScalingFactor(handle.raw(), reduced(scale)) })?;

    let width = handle.scaled(sys::TJPARAM_TJPARAM_JPEGWIDTH, wanted.eighths)?;
    let height = handle.scaled(sys::TJPARAM_TJPARAM_JPEGHEIGHT, wanted.eighths)?;
    let layout = match wanted.ink {
        Ink::Gray => sys::TJPF_TJPF_GRAY,
        Ink::Rgb => sys::TJPF_TJPF_RGB,
        Ink::Cmyk => sys::TJPF_TJPF_CMYK,
    };
    let mut pixels = vec![0; width * height * wanted.ink.channels()];
    // SAFETY: the buffer holds width * height * channels bytes at the scale set above, and a
    // pitch of 0 means rows without padding.
    let status = unsafe {
        let (from, to) = (data.as_ptr(), pixels.as_mut_ptr());
        sys::tj3Decompress8(handle.raw(), from, length, to, 0, layout)
    };
    let warning = match handle.check(status) {
        Ok(warning) => warning,
        // The rows before a fatal fault are a picture too; a buffer of zeros is none.
        Err(fault) if pixels.iter().any(|&byte| byte != 0) => Some(fault.message),
        Err(fault) => return Err(fault),
    };
    Ok(Decoded { width, height, pixels, warning })
}

/// The same in full size, as the file has it: light, and colours that may be smaller; and the
/// library's first warning. `None` for what has other planes than are usual.
pub(crate) fn decompress_planes(
    data: &[u8],
    wanted: Wanted,
) -> Result<Option<(Planes, Option<String>)>, DecodeError> {
    const USUAL: [i32; 4] = [
        sys::TJSAMP_TJSAMP_420,
        sys::TJSAMP_TJSAMP_422,
        sys::TJSAMP_TJSAMP_440,
        sys::TJSAMP_TJSAMP_444,
    ];
    let handle = Handle::to_decompress(data, wanted)?;
    let sampling = handle.get(sys::TJPARAM_TJPARAM_SUBSAMP);
    let is_ycc = handle.get(sys::TJPARAM_TJPARAM_COLORSPACE) == sys::TJCS_TJCS_YCbCr.cast_signed();
    if !is_ycc || !USUAL.contains(&sampling) {
        return Ok(None);
    }
    let width = handle.scaled(sys::TJPARAM_TJPARAM_JPEGWIDTH, 8)?;
    let height = handle.scaled(sys::TJPARAM_TJPARAM_JPEGHEIGHT, 8)?;
    let number = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let held = |component| {
        // SAFETY: computations without pointers; the sampling is known.
        let (across, down) = unsafe {
            let across = sys::tj3YUVPlaneWidth(component, number(width), sampling);
            (across, sys::tj3YUVPlaneHeight(component, number(height), sampling))
        };
        (across.unsigned_abs(), down.unsigned_abs())
    };
    let [(across, down), size] = [held(0), held(1)];
    let shown = (width.try_into().unwrap_or(across), height.try_into().unwrap_or(down));
    let mut light = Plane::empty(shown, (across as usize, down as usize), 1);
    let mut colours = Plane::empty(size, (size.0 as usize, size.1 as usize), 2);
    let rows = [light.row(), colours.row(), colours.row()].map(number);
    let red = colours.held.0;
    let (blue, red) = colours.bytes.split_at_mut(red);
    let mut to = [light.bytes.as_mut_ptr(), blue.as_mut_ptr(), red.as_mut_ptr()];
    // SAFETY: the planes have the sizes that the library says, in rows of these lengths; those of
    // blue and red lie between each other. What was mapped is not touched before the call is over.
    let status = unsafe {
        let (from, length) = (data.as_ptr(), data.len() as u64);
        let (to, rows) = (to.as_mut_ptr(), rows.as_ptr().cast_mut());
        sys::tj3DecompressToYUVPlanes8(handle.raw(), from, length, to, rows)
    };
    let warning = handle.check(status)?;
    Ok(Some((Planes { light, colours }, warning)))
}

/// A JPEG of `rgb` (three bytes a pixel), 4:2:0, without metadata.
pub(crate) fn compress(
    rgb: &[u8],
    width: u32,
    height: u32,
    quality: u8,
    best_tables: bool,
) -> Result<Vec<u8>, DecodeError> {
    compress_with(rgb, width, height, &parameters(quality, best_tables))
}

fn parameters(quality: u8, best_tables: bool) -> [(sys::TJPARAM, i32); 3] {
    [
        (sys::TJPARAM_TJPARAM_QUALITY, i32::from(quality)),
        (sys::TJPARAM_TJPARAM_SUBSAMP, sys::TJSAMP_TJSAMP_420),
        (sys::TJPARAM_TJPARAM_OPTIMIZE, i32::from(best_tables)),
    ]
}

/// The same of planes: of light with an even number of pixels in each row and an even number of
/// rows; of blue and red with half as many, side by side.
pub(crate) fn compress_planes(
    light: &[u8],
    colours: &[u8],
    (width, height): (u32, u32),
    quality: u8,
    best_tables: bool,
) -> Result<Vec<u8>, DecodeError> {
    let ours = || DecodeError::corrupt("the small picture has an impossible size");
    let across = i32::try_from(width).map_err(|_| ours())?;
    let down = i32::try_from(height).map_err(|_| ours())?;
    let half = (across.unsigned_abs() as usize).div_ceil(2);
    let quarter = half * (down.unsigned_abs() as usize).div_ceil(2);
    if (light.len(), colours.len()) != (4 * quarter, 2 * quarter) || quarter == 0 {
        return Err(ours());
    }
    let red = colours.get(half..).unwrap_or_default();
    let row = i32::try_from(2 * half).map_err(|_| ours())?;
    let handle = Handle::to_compress(&parameters(quality, best_tables))?;
    let mut jpeg = file_for(across, down)?;
    let (mut to, mut length) = (jpeg.as_mut_ptr(), jpeg.capacity() as u64);
    let from = [light.as_ptr(), colours.as_ptr(), red.as_ptr()];
    // SAFETY: light has rows of `row` bytes, as many as the library reads of a picture of this size
    // in 4:2:0, and blue and red have half as many of half of them, from `row` to `row` (checked
    // above); `to` has `length` bytes, which is the most that the library says it writes, and
    // NOREALLOC forbids it to move it.
    unsafe {
        let (from, rows) = (from.as_ptr(), [row; 3]);
        let raw = handle.raw();
        let status = sys::tj3CompressFromYUVPlanes8(
            raw,
            from,
            across,
            rows.as_ptr(),
            down,
            &mut to,
            &mut length,
        );
        handle.check(status)?;
        jpeg.set_len(usize::try_from(length).unwrap_or(0).min(jpeg.capacity()));
    }
    jpeg.shrink_to_fit();
    Ok(jpeg)
}

/// Room for any JPEG of this size.
fn file_for(across: i32, down: i32) -> Result<Vec<u8>, DecodeError> {
    // SAFETY: a computation without pointers.
    let most = unsafe { sys::tj3JPEGBufSize(across, down, sys::TJSAMP_TJSAMP_444) };
    let most = usize::try_from(most);
    let ours = |_| DecodeError::corrupt("the small picture has an impossible size");
    most.map(Vec::with_capacity).map_err(ours)
}

/// The same with these of the library's parameters.
pub(crate) fn compress_with(
    rgb: &[u8],
    width: u32,
    height: u32,
    parameters: &[(sys::TJPARAM, i32)],
) -> Result<Vec<u8>, DecodeError> {
    let ours = || DecodeError::corrupt("the small picture has an impossible size");
    let across = i32::try_from(width).map_err(|_| ours())?;
    let down = i32::try_from(height).map_err(|_| ours())?;
    if rgb.len() as u64 != u64::from(width) * u64::from(height) * 3 || rgb.is_empty() {
        return Err(ours());
    }
    let handle = Handle::to_compress(parameters)?;
    let mut jpeg = file_for(across, down)?;
    let (mut to, mut length) = (jpeg.as_mut_ptr(), jpeg.capacity() as u64);
    // SAFETY: `rgb` holds width * height * 3 bytes (checked above); `to` has `length` bytes,
    // which is the most that the library says it writes, and NOREALLOC forbids it to move it.
    unsafe {
        let layout = sys::TJPF_TJPF_RGB;
        let from = rgb.as_ptr();
        let status =
            sys::tj3Compress8(handle.raw(), from, across, 0, down, layout, &mut to, &mut length);
        handle.check(status)?;
        jpeg.set_len(usize::try_from(length).unwrap_or(0).min(jpeg.capacity()));
    }
    jpeg.shrink_to_fit();
    Ok(jpeg)
}

/// The library knows its factors in lowest terms only.
fn reduced(scale: sys::tjscalingfactor) -> sys::tjscalingfactor {
    let mut scale = scale;
    while scale.num % 2 == 0 && scale.denom > 1 {
        scale.num /= 2;
        scale.denom /= 2;
    }
    scale
}

/// An instance of the library, freed when dropped.
struct Handle(NonNull<std::ffi::c_void>);

impl Handle {
    fn new(kind: sys::TJINIT) -> Result<Self, DecodeError> {
        // SAFETY: no precondition; it answers null when it has no memory.
        let raw = unsafe { sys::tj3Init(kind.cast_signed()) };
        let none = || DecodeError::new(Code::MemoryLimit, "no memory for the JPEG library");
        NonNull::new(raw).map(Self).ok_or_else(none)
    }

    /// An instance that has read the header of `data`.
    fn to_decompress(data: &[u8], wanted: Wanted) -> Result<Self, DecodeError> {
        let handle = Self::new(sys::TJINIT_TJINIT_DECOMPRESS)?;
        let megabytes = i32::try_from((wanted.memory_bytes >> 20).max(1)).unwrap_or(i32::MAX);
        handle.set(sys::TJPARAM_TJPARAM_MAXMEMORY, megabytes)?;
        handle.set(sys::TJPARAM_TJPARAM_SCANLIMIT, i32::from(wanted.scans))?;
        // SAFETY: the handle lives, and the pointer and the length are those of one slice.
        let status =
            unsafe { sys::tj3DecompressHeader(handle.raw(), data.as_ptr(), data.len() as u64) };
        handle.check(status)?;
        Ok(handle)
    }

    /// An instance that writes with these parameters, where it is told to.
    fn to_compress(parameters: &[(sys::TJPARAM, i32)]) -> Result<Self, DecodeError> {
        let handle = Self::new(sys::TJINIT_TJINIT_COMPRESS)?;
        for (parameter, value) in parameters {
            handle.set(*parameter, *value)?;
        }
        handle.set(sys::TJPARAM_TJPARAM_NOREALLOC, 1)?;
        Ok(handle)
    }

    fn raw(&self) -> sys::tjhandle {
        self.0.as_ptr()
    }

    fn set(&self, parameter: sys::TJPARAM, value: i32) -> Result<(), DecodeError> {
        // SAFETY: the handle lives; the library checks parameter and value.
        let status = unsafe { sys::tj3Set(self.raw(), parameter.cast_signed(), value) };
        self.check(status).map(|_| ())
    }

    fn get(&self, parameter: sys::TJPARAM) -> i32 {
        // SAFETY: the handle lives; an unknown parameter answers -1.
        unsafe { sys::tj3Get(self.raw(), parameter.cast_signed()) }
    }

    /// A length of the picture at the scale, as the library rounds it (up).
    fn scaled(&self, parameter: sys::TJPARAM, eighths: u8) -> Result<usize, DecodeError> {
        let length = usize::try_from(self.get(parameter)).unwrap_or(0);
        if length == 0 {
            return Err(DecodeError::corrupt("the JPEG has no width or height"));
        }
        Ok((length * usize::from(eighths)).div_ceil(8))
    }

    /// An error, or the warning that came instead.
    fn check(&self, status: i32) -> Result<Option<String>, DecodeError> {
        if status == 0 {
            return Ok(None);
        }
        // SAFETY: the handle lives; the text is the handle's own, ends with NUL, and is copied.
        let (warning, text) = unsafe {
            let code = sys::tj3GetErrorCode(self.raw());
            let text = CStr::from_ptr(sys::tj3GetErrorStr(self.raw()));
            (code == sys::TJERR_TJERR_WARNING.cast_signed(), text.to_string_lossy().into_owned())
        };
        if warning {
            return Ok(Some(text));
        }
        // The limit shows as a wish for a file on disk, which this build has not.
        if text.contains("emory") || text.contains("acking store") {
            return Err(DecodeError::new(Code::MemoryLimit, format!("JPEG: {text}")));
        }
        Err(DecodeError::corrupt(format!("JPEG: {text}")))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: created by `tj3Init`, destroyed once.
        unsafe { sys::tj3Destroy(self.raw()) };
    }
}
