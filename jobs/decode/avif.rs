//! Pixels become an AVIF: libaom through FFmpeg codes them, a small writer makes the container.
//!
//! One thread and one frame: SVT-AV1, which FFmpeg may prefer, starts threads, which a process that
//! only decodes may not.

use std::ffi::{CStr, c_int};
use std::ptr;

use avif_serialize::Aviffy;
use avif_serialize::constants::{ColorPrimaries, MatrixCoefficients, TransferCharacteristics};
use ffmpeg_sys_next::{
    AVCodecContext, AVColorPrimaries, AVColorRange, AVColorSpace, AVColorTransferCharacteristic,
    AVPixelFormat, AVRational, SWS_ACCURATE_RND, SWS_AREA, SWS_CS_ITU601,
};

use crate::libav::{Packet, out_of_memory, prepare};
use crate::libav_frame::Frame;
use crate::libav_link::*;
use crate::libav_scale::Scaler;
use crate::{Code, DecodeError, Limits};

/// libaom's copies of a picture and what it notes of each block: 20 bytes were measured at 12 MP.
const BYTES_PER_PIXEL: u64 = 32;
/// From 0 to 8; slower ones take several times the time for a tenth of the bytes.
const SPEED: &CStr = c"8";

/// An AVIF of `rgb` (three bytes a pixel), 4:2:0, without metadata.
pub(crate) fn compress(
    rgb: &[u8],
    (width, height): (u32, u32),
    quality: u8,
    limits: &Limits,
) -> Result<Vec<u8>, DecodeError> {
    prepare()?;
    limits.check_memory((u64::from(width) * u64::from(height)).saturating_mul(BYTES_PER_PIXEL))?;
    let frame = of_rgb(rgb, width, height)?;
    let coded = Encoder::open((width, height), quality)?.code(&frame)?;
    // As the frame was made, and as the container of our own decoder says it.
    Ok(Aviffy::new()
        .set_color_primaries(ColorPrimaries::Bt709)
        .set_transfer_characteristics(TransferCharacteristics::Srgb)
        .set_matrix_coefficients(MatrixCoefficients::Bt601)
        .set_full_color_range(true)
        .set_chroma_subsampling((true, true))
        .to_vec(&coded, None, width, height, 8))
}

/// An encoder of one picture, freed when dropped.
struct Encoder(*mut AVCodecContext);

impl Encoder {
    fn open((width, height): (u32, u32), quality: u8) -> Result<Self, DecodeError> {
        let missing = || {
            let message = "this build of FFmpeg has no libaom to encode AVIF";
            DecodeError::new(Code::UnsupportedFormat, message)
        };
        // The scale of libavif: 100 is the quantizer 0, and 0 is 63.
        let quantizer = (u32::from(100 - quality.min(100)) * 63 + 50) / 100;
        // SAFETY: the codec is static; the context is fresh and freed by the drop. Options are set
        // by name and checked by the library.
        unsafe {
            let codec = avcodec_find_encoder_by_name(c"libaom-av1".as_ptr());
            if codec.is_null() {
                return Err(missing());
            }
            let encoder = Self(avcodec_alloc_context3(codec));
            if encoder.0.is_null() {
                return Err(out_of_memory());
            }
            let context = &mut *encoder.0;
            context.width = c_int::try_from(width).map_err(|_| impossible())?;
            context.height = c_int::try_from(height).map_err(|_| impossible())?;
            context.time_base = AVRational { num: 1, den: 1 };
            context.pix_fmt = AVPixelFormat::AV_PIX_FMT_YUV420P;
            context.color_range = AVColorRange::AVCOL_RANGE_JPEG;
            context.color_primaries = AVColorPrimaries::AVCOL_PRI_BT709;
            context.color_trc = AVColorTransferCharacteristic::AVCOL_TRC_IEC61966_2_1;
            context.colorspace = AVColorSpace::AVCOL_SPC_SMPTE170M;
            context.gop_size = 0;
            context.thread_count = 1;
            let options = [
                (c"cpu-used", SPEED),
                (c"usage", c"allintra"),
                (c"still-picture", c"1"),
                (c"row-mt", c"0"),
            ];
            for (name, value) in options {
                if av_opt_set(context.priv_data, name.as_ptr(), value.as_ptr(), 0) < 0 {
                    return Err(missing());
                }
            }
            av_opt_set_int(context.priv_data, c"crf".as_ptr(), quantizer.into(), 0);
            match avcodec_open2(encoder.0, codec, ptr::null_mut()) {
                0.. => Ok(encoder),
                _ => Err(impossible()),
            }
        }
    }

    /// The picture's coded data.
    fn code(self, frame: &Frame) -> Result<Vec<u8>, DecodeError> {
        let packet = Packet::new()?;
        // SAFETY: context, frame and packet are alive; a null frame ends the stream. A packet that
        // was received holds `size` bytes.
        unsafe {
            if avcodec_send_frame(self.0, frame.0) < 0
                || avcodec_send_frame(self.0, ptr::null()) < 0
                || avcodec_receive_packet(self.0, packet.0) < 0
            {
                return Err(impossible());
            }
            let size = usize::try_from((*packet.0).size).unwrap_or(0);
            Ok(std::slice::from_raw_parts((*packet.0).data, size).to_vec())
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the context is ours and freed once.
        unsafe { avcodec_free_context(&mut self.0) }
    }
}

fn impossible() -> DecodeError {
    DecodeError::new(Code::MemoryLimit, "the small picture cannot be coded as an AVIF")
}

/// A frame of `rgb` (three bytes a pixel) in 4:2:0, with the matrix of ITU-R BT.601 in full range.
fn of_rgb(rgb: &[u8], width: u32, height: u32) -> Result<Frame, DecodeError> {
    if rgb.len() as u64 != u64::from(width) * u64::from(height) * 3 || rgb.is_empty() {
        return Err(impossible());
    }
    let scaler = to_yuv(width, height).ok_or_else(out_of_memory)?;
    let frame = Frame::with_room(width, height, AVPixelFormat::AV_PIX_FMT_YUV420P as c_int)?;
    let across = c_int::try_from(width).map_err(|_| impossible())?;
    let down = c_int::try_from(height).map_err(|_| impossible())?;
    // SAFETY: the target has room for its size and format; the source has `height` rows of
    // `width * 3` bytes (checked above), as the scaler was told.
    unsafe {
        (*frame.0).color_range = AVColorRange::AVCOL_RANGE_JPEG;
        let rows = [rgb.as_ptr(), ptr::null(), ptr::null(), ptr::null()];
        let pitch = [across * 3, 0, 0, 0];
        let done = sws_scale(
            scaler.0,
            rows.as_ptr(),
            pitch.as_ptr(),
            0,
            down,
            (*frame.0).data.as_ptr(),
            (*frame.0).linesize.as_ptr(),
        );
        if done > 0 { Ok(frame) } else { Err(impossible()) }
    }
}

/// What turns three bytes a pixel into 4:2:0 of the same size.
fn to_yuv(width: u32, height: u32) -> Option<Scaler> {
    const ONE: c_int = 1 << 16;
    let size = (width, height);
    let from = (size, AVPixelFormat::AV_PIX_FMT_RGB24 as c_int);
    let to = (size, AVPixelFormat::AV_PIX_FMT_YUV420P as c_int);
    let flags = i64::from(SWS_AREA) | i64::from(SWS_ACCURATE_RND);
    let scaler = Scaler::between(from, to, flags)?;
    // SAFETY: the context is alive; the tables are static.
    unsafe {
        let matrix = sws_getCoefficients(SWS_CS_ITU601);
        sws_setColorspaceDetails(scaler.0, matrix, 1, matrix, 1, 0, ONE, ONE);
    }
    scaler.init().then_some(scaler)
}
