//! The rest of the door to FFmpeg: one coded keyframe becomes red, green and blue.

use std::ffi::{CStr, c_int};
use std::ptr;

use ffmpeg_sys_next::{
    AV_CODEC_FLAG_OUTPUT_CORRUPT, AV_INPUT_BUFFER_PADDING_SIZE, AVCodecContext, AVCodecID,
    AVDiscard, AVFrame, AVPixelFormat, SWS_AREA, SWS_CS_BT2020, SWS_CS_DEFAULT, SWS_CS_FCC,
    SWS_CS_ITU601, SWS_CS_ITU709, SWS_CS_SMPTE240M, SwsContext,
};

use crate::libav::{DECODERS, Input, Packet, Stream, out_of_memory};
use crate::libav_link::*;
use crate::{Code, DecodeError, Limits, Raster};

/// Memory of a decode for each pixel: a decoder keeps up to four frames of 4:2:0 with two bytes
/// a sample (3 bytes a pixel) while it makes one.
const BYTES_PER_PIXEL: u64 = 12;

/// A decoder of single keyframes.
pub(crate) struct Decoder {
    context: *mut AVCodecContext,
    frame: Frame,
}

/// A decoded picture as the codec stores it.
pub(crate) struct Frame(pub(crate) *mut AVFrame);

impl Frame {
    pub(crate) fn new() -> Result<Self, DecodeError> {
        // SAFETY: no preconditions; null is checked.
        let frame = unsafe { av_frame_alloc() };
        if frame.is_null() { Err(out_of_memory()) } else { Ok(Self(frame)) }
    }

    /// Width and height as stored.
    pub(crate) fn size(&self) -> (u32, u32) {
        // SAFETY: the frame is ours and alive.
        let (width, height) = unsafe { ((*self.0).width, (*self.0).height) };
        (u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0))
    }

    /// The shape of a pixel where the codec says it, else (0, 1).
    pub(crate) fn sample_aspect(&self) -> (i32, i32) {
        // SAFETY: the frame is ours and alive.
        let aspect = unsafe { (*self.0).sample_aspect_ratio };
        (aspect.num, aspect.den)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: the frame is ours and freed once.
        unsafe { av_frame_free(&mut self.0) }
    }
}

impl Decoder {
    /// Opens the decoder of `stream`, after checking what it would take.
    pub(crate) fn open(
        input: &Input,
        stream: &Stream,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let pixels = u64::from(stream.width) * u64::from(stream.height);
        limits.check_memory(pixels.saturating_mul(BYTES_PER_PIXEL))?;
        let missing = || {
            let name = stream.codec.as_deref().unwrap_or("unknown");
            DecodeError::new(Code::UnsupportedFormat, format!("no decoder for video codec {name}"))
        };
        let parameters = input.parameters(stream.index).ok_or_else(missing)?;

        // SAFETY: `parameters` belongs to `input`, which outlives this call; the decoder copies
        // them.
        unsafe {
            let (decoder, status) = Self::opened((*parameters).codec_id, limits, |context| {
                let status = avcodec_parameters_to_context(context, parameters);
                if status < 0 {
                    return Err(input.refusal(status, "the video stream is damaged"));
                }
                (*context).skip_frame = AVDiscard::AVDISCARD_NONKEY;
                Ok(())
            })?
            .ok_or_else(missing)?;
            if status < 0 {
                return Err(input.refusal(status, "the video decoder refuses the stream"));
            }
            Ok(decoder)
        }
    }

    /// The decoder of this codec, whose context `prepare` tells what it is to decode, and with what
    /// status it opened; `None` where there is none.
    ///
    /// # Safety
    /// `prepare` leaves a valid context.
    unsafe fn opened(
        id: AVCodecID,
        limits: &Limits,
        prepare: impl FnOnce(*mut AVCodecContext) -> Result<(), DecodeError>,
    ) -> Result<Option<(Self, c_int)>, DecodeError> {
        // SAFETY: the context is fresh and freed by `Decoder`'s drop, also when opening it fails.
        unsafe {
            let codec = avcodec_find_decoder(id);
            if codec.is_null() || !is_allowed(CStr::from_ptr((*codec).name)) {
                return Ok(None);
            }
            let context = avcodec_alloc_context3(codec);
            if context.is_null() {
                return Err(out_of_memory());
            }
            let decoder = Self { context, frame: Frame::new()? };
            prepare(context)?;
            (*context).thread_count = 1;
            // A damaged keyframe is better than none.
            (*context).flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT as c_int;
            // The stream's own header may ask for more than the container says.
            let most = limits.memory_bytes / BYTES_PER_PIXEL;
            (*context).max_pixels = i64::try_from(most).unwrap_or(i64::MAX);
            let status = avcodec_open2(context, codec, ptr::null_mut());
            Ok(Some((decoder, status)))
        }
    }

    /// Decodes one keyframe at once, without waiting for later packets.
    pub(crate) fn decode(&mut self, packet: &Packet) -> Option<&Frame> {
        // SAFETY: all pointers are ours and alive. A null packet drains the decoder: it gives
        // what it has instead of waiting for B-frames; flushing makes it ready for the next.
        let status = unsafe {
            av_frame_unref(self.frame.0);
            let sent = avcodec_send_packet(self.context, packet.0);
            if sent >= 0 {
                avcodec_send_packet(self.context, ptr::null());
            }
            let status = match sent {
                0.. => avcodec_receive_frame(self.context, self.frame.0),
                _ => sent,
            };
            avcodec_flush_buffers(self.context);
            status
        };
        (status >= 0 && self.frame.size().0 > 0 && self.frame.size().1 > 0).then_some(&self.frame)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the context is ours and freed once.
        unsafe { avcodec_free_context(&mut self.context) }
    }
}

/// How a still picture is coded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Still<'a> {
    /// HEVC, with the body of its `hvcC`.
    Hevc(&'a [u8]),
    /// AV1, whose data say all.
    Av1,
}

/// Matrix and range of a picture, by the numbers of ITU-T H.273.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colours {
    pub(crate) matrix: u16,
    pub(crate) is_full: bool,
}

impl Frame {
    /// The container's word on the colours counts more than the stream's; where neither says a
    /// matrix, still pictures have that of ITU-R BT.601 (MIAF, ISO/IEC 23000-22).
    pub(crate) fn say_colours(&mut self, said: Option<Colours>) {
        const UNSPECIFIED: c_int = 2;
        const BT601: c_int = 6;
        // SAFETY: the frame is ours; the enums are read and written as the integers they are in C.
        unsafe {
            let matrix = (&raw mut (*self.0).colorspace).cast::<c_int>();
            match said {
                Some(Colours { matrix: said, is_full }) => {
                    matrix.write(said.into());
                    let range = (&raw mut (*self.0).color_range).cast::<c_int>();
                    range.write(if is_full { 2 } else { 1 });
                }
                None if matrix.read() == UNSPECIFIED => matrix.write(BT601),
                None => {}
            }
        }
    }
}

impl Decoder {
    /// A decoder of still pictures of this size that are coded in the same way.
    pub(crate) fn of_stills(
        still: Still<'_>,
        (width, height): (u32, u32),
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        crate::libav::prepare()?;
        let pixels = u64::from(width) * u64::from(height);
        limits.check_memory(pixels.saturating_mul(BYTES_PER_PIXEL))?;
        let (id, name, extra) = match still {
            Still::Hevc(extra) => (AVCodecID::AV_CODEC_ID_HEVC, "HEVC", extra),
            Still::Av1 => (AVCodecID::AV_CODEC_ID_AV1, "AV1", &[][..]),
        };
        let missing = || {
            let message = format!("this build of FFmpeg has no decoder for {name}");
            DecodeError::new(Code::UnsupportedFormat, message)
        };
        // SAFETY: FFmpeg frees the extra data with the context, and they have the padding that it
        // asks for.
        unsafe {
            let (decoder, status) = Self::opened(id, limits, |context| {
                if extra.is_empty() {
                    return Ok(());
                }
                let room = extra.len() + AV_INPUT_BUFFER_PADDING_SIZE as usize;
                let copy = av_mallocz(room).cast::<u8>();
                if copy.is_null() {
                    return Err(out_of_memory());
                }
                ptr::copy_nonoverlapping(extra.as_ptr(), copy, extra.len());
                (*context).extradata = copy;
                (*context).extradata_size = c_int::try_from(extra.len()).unwrap_or(0);
                Ok(())
            })?
            .ok_or_else(missing)?;
            if status < 0 {
                return Err(DecodeError::corrupt("the decoder refuses how the picture is coded"));
            }
            Ok(decoder)
        }
    }

    /// Decodes one still picture; `None` if it is damaged.
    pub(crate) fn still(&mut self, data: &[u8]) -> Result<Option<&mut Frame>, DecodeError> {
        let packet = Packet::of(data)?;
        Ok(self.decode(&packet).is_some().then_some(&mut self.frame))
    }
}

fn is_allowed(decoder: &CStr) -> bool {
    DECODERS.to_bytes().split(|byte| *byte == b',').any(|name| name == decoder.to_bytes())
}

/// A scaler, freed when it goes.
pub(crate) struct Scaler(pub(crate) *mut SwsContext);

impl Drop for Scaler {
    fn drop(&mut self) {
        // SAFETY: the context is ours and freed once.
        unsafe { sws_freeContext(self.0) }
    }
}

/// Scales `frame` to `width` x `height` and converts it to RGB.
pub(crate) fn to_rgb(frame: &Frame, width: u32, height: u32) -> Result<Raster, DecodeError> {
    let unsupported =
        || DecodeError::new(Code::UnsupportedFormat, "the video has an unknown pixel format");
    let scaler = scaler(frame, width, height).ok_or_else(unsupported)?;
    let mut scaled = Frame::new()?;

    // SAFETY: the scaler was made for exactly this source size and format and this target; the
    // target has room for them, with FFmpeg's own padding behind each row.
    unsafe {
        (*scaled.0).format = AVPixelFormat::AV_PIX_FMT_RGB24 as c_int;
        (*scaled.0).width = c_int::try_from(width).map_err(|_| unsupported())?;
        (*scaled.0).height = c_int::try_from(height).map_err(|_| unsupported())?;
        if av_frame_get_buffer(scaled.0, 0) < 0 {
            return Err(out_of_memory());
        }
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
    Ok(Raster { width, height, rgb: rows(&mut scaled, width, height) })
}

/// The rows of an RGB frame without the padding between them.
fn rows(frame: &mut Frame, width: u32, height: u32) -> Vec<u8> {
    let row = width as usize * 3;
    let mut rgb = Vec::with_capacity(row * height as usize);
    for y in 0..height as usize {
        // SAFETY: FFmpeg allocated `height` rows of `linesize` >= `width * 3` bytes.
        let bytes = unsafe {
            let stride = usize::try_from((*frame.0).linesize[0]).unwrap_or(row);
            std::slice::from_raw_parts((*frame.0).data[0].add(y * stride), row)
        };
        rgb.extend_from_slice(bytes);
    }
    rgb
}

fn scaler(frame: &Frame, width: u32, height: u32) -> Option<Scaler> {
    // SAFETY: options are set by name on a fresh context; `sws_init_context` checks them and
    // fails on a format that it does not know. Colour space and range are read as integers.
    unsafe {
        let scaler = Scaler(sws_alloc_context());
        if scaler.0.is_null() {
            return None;
        }
        let (source_width, source_height) = frame.size();
        let options: [(&CStr, i64); 7] = [
            (c"srcw", source_width.into()),
            (c"srch", source_height.into()),
            (c"src_format", (*frame.0).format.into()),
            (c"dstw", width.into()),
            (c"dsth", height.into()),
            (c"dst_format", AVPixelFormat::AV_PIX_FMT_RGB24 as i64),
            // Exact rounding would double the time, for a mean difference below one.
            (c"sws_flags", SWS_AREA.into()),
        ];
        for (name, value) in options {
            if av_opt_set_int(scaler.0.cast(), name.as_ptr(), value, 0) < 0 {
                return None;
            }
        }
        if sws_init_context(scaler.0, ptr::null_mut(), ptr::null_mut()) < 0 {
            return None;
        }
        set_colours(&scaler, frame);
        Some(scaler)
    }
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
