//! More of the door to libwebp: pictures one after the other become an animation.

use std::ptr;

use libwebp_sys as sys;

use crate::webp_sys::{Coded, impossible, lossy, other_version};
use crate::{DecodeError, Raster};

/// An animation while it grows, freed when dropped.
pub(crate) struct Animation {
    encoder: *mut sys::WebPAnimEncoder,
    config: sys::WebPConfig,
    size: (u32, u32),
}

impl Animation {
    /// An animation of pictures of this size that begins again and again, lossy.
    pub(crate) fn new(width: u32, height: u32, quality: u8) -> Result<Self, DecodeError> {
        const VERSION: i32 = sys::WEBP_MUX_ABI_VERSION as i32;
        let config = lossy(quality)?;
        let length = |length: u32| i32::try_from(length).map_err(|_| impossible());
        let (across, down) = (length(width)?, length(height)?);
        let mut options = std::mem::MaybeUninit::zeroed();
        // SAFETY: the library sets all options where it is of the headers' version. It copies them,
        // and the encoder is freed by the drop.
        let encoder = unsafe {
            if sys::WebPAnimEncoderOptionsInitInternal(options.as_mut_ptr(), VERSION) == 0 {
                return Err(other_version());
            }
            sys::WebPAnimEncoderNewInternal(across, down, options.as_ptr(), VERSION)
        };
        match encoder.is_null() {
            true => Err(impossible()),
            false => Ok(Self { encoder, config, size: (width, height) }),
        }
    }

    /// Shows a picture of the animation's size from this time on, which is later than that before.
    pub(crate) fn add(&mut self, raster: &Raster, milliseconds: i32) -> Result<(), DecodeError> {
        if (raster.width, raster.height) != self.size {
            return Err(impossible());
        }
        let mut picture = Coded::of(&raster.rgb, raster.width, raster.height, true)?;
        // SAFETY: encoder, picture and configuration live through the call, which copies pixels.
        let is_done = unsafe {
            sys::WebPAnimEncoderAdd(self.encoder, &mut picture.0, milliseconds, &self.config)
        };
        if is_done == 0 { Err(picture.failure()) } else { Ok(()) }
    }

    /// The file; its last picture is shown until this time.
    pub(crate) fn finish(self, milliseconds: i32) -> Result<Vec<u8>, DecodeError> {
        let mut data = sys::WebPData { bytes: ptr::null(), size: 0 };
        // SAFETY: the encoder is alive; no picture means the end. The library gives `size` bytes,
        // which are copied and freed once.
        unsafe {
            let is_done =
                sys::WebPAnimEncoderAdd(self.encoder, ptr::null_mut(), milliseconds, ptr::null())
                    != 0
                    && sys::WebPAnimEncoderAssemble(self.encoder, &mut data) != 0;
            if !is_done || data.bytes.is_null() {
                return Err(impossible());
            }
            let bytes = std::slice::from_raw_parts(data.bytes, data.size).to_vec();
            sys::WebPFree(data.bytes.cast_mut().cast());
            Ok(bytes)
        }
    }
}

impl Drop for Animation {
    fn drop(&mut self) {
        // SAFETY: made by the library, freed once.
        unsafe { sys::WebPAnimEncoderDelete(self.encoder) };
    }
}
