//! More of the door to libwebp: a lossy picture row by row, with light and colours apart.

use std::ptr::{self, NonNull};

use libwebp_sys as sys;

use crate::DecodeError;
use crate::webp_sys::{config_of, refused};

use sys::VP8StatusCode as Status;

/// How many bytes are decoded at a time: their rows are still in the cache when they are taken.
const STEP_BYTES: usize = 16 << 10;

/// A picture while it is decoded, freed when dropped.
pub(crate) struct Growing<'a> {
    decoder: NonNull<sys::WebPIDecoder>,
    /// Read and written by the library until the decoder is gone.
    config: Box<sys::WebPDecoderConfig>,
    data: &'a [u8],
    given: usize,
}

/// What there is of it: rows with what lies between one and the next.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) light: &'a [u8],
    pub(crate) blue: &'a [u8],
    pub(crate) red: &'a [u8],
    /// Bytes from one row of light to the next.
    pub(crate) light_row: usize,
    /// Bytes from one row of blue to the next, and of red.
    pub(crate) colour_row: usize,
}

impl<'a> Growing<'a> {
    /// The still picture without alpha in `data`; with or without the filter that smooths the
    /// borders of its blocks.
    pub(crate) fn new(data: &'a [u8], is_smooth: bool) -> Result<Self, DecodeError> {
        let mut config = Box::new(config_of(data)?);
        config.options.bypass_filtering = (!is_smooth).into();
        config.output.colorspace = sys::WEBP_CSP_MODE::MODE_YUV;
        // SAFETY: the configuration is on the heap and is freed after the decoder, in `drop`.
        let decoder = unsafe { sys::WebPIDecode(ptr::null(), 0, &raw mut *config) };
        let decoder = NonNull::new(decoder);
        let decoder = decoder.ok_or_else(|| refused(Status::VP8_STATUS_OUT_OF_MEMORY))?;
        Ok(Self { decoder, config, data, given: 0 })
    }

    /// Decodes some more of it; whether all is there. After an error there is no more.
    pub(crate) fn go_on(&mut self) -> Result<bool, DecodeError> {
        self.given = self.given.saturating_add(STEP_BYTES).min(self.data.len());
        let (decoder, data) = (self.decoder.as_ptr(), self.data.as_ptr());
        // SAFETY: `given` bytes of a slice that outlives the decoder, and is always the same.
        match unsafe { sys::WebPIUpdate(decoder, data, self.given) } {
            Status::VP8_STATUS_OK => Ok(true),
            Status::VP8_STATUS_SUSPENDED if self.given < self.data.len() => Ok(false),
            other => Err(refused(other)),
        }
    }

    /// The rows that are there.
    pub(crate) fn seen(&self) -> Option<Seen<'_>> {
        let (mut blue, mut red) = (ptr::null_mut(), ptr::null_mut());
        let [mut rows, mut width, mut height, mut light_row, mut colour_row] = [0; 5];
        // SAFETY: the decoder lives, and writes where it is told to; no alpha is asked for.
        let light = unsafe {
            sys::WebPIDecGetYUVA(
                self.decoder.as_ptr(),
                &mut rows,
                &mut blue,
                &mut red,
                ptr::null_mut(),
                &mut width,
                &mut height,
                &mut light_row,
                &mut colour_row,
                ptr::null_mut(),
            )
        };
        let length = |it: i32| usize::try_from(it).unwrap_or(0);
        let rows = length(rows.min(height));
        let (light_row, colour_row) = (length(light_row), length(colour_row));
        if light.is_null() || blue.is_null() || red.is_null() || rows == 0 {
            return None;
        }
        let slice = |from: *mut u8, bytes| {
            // SAFETY: the library has a plane of at least so many rows of so many bytes there, of
            // which it has written these, and leaves it alone until `self` is borrowed as mutable.
            unsafe { std::slice::from_raw_parts(from.cast_const(), bytes) }
        };
        let colours = colour_row * rows.div_ceil(2);
        let [blue, red] = [blue, red].map(|from| slice(from, colours));
        Some(Seen { light: slice(light, light_row * rows), blue, red, light_row, colour_row })
    }
}

impl Drop for Growing<'_> {
    fn drop(&mut self) {
        // SAFETY: both made by the library, freed once, and the user of the planes first.
        unsafe {
            sys::WebPIDelete(self.decoder.as_ptr());
            sys::WebPFreeDecBuffer(&raw mut self.config.output);
        }
    }
}
