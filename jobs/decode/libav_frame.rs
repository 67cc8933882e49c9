//! More of the door to FFmpeg: one coded keyframe becomes a frame.

use std::ffi::{CStr, c_int};
use std::ptr;

use ffmpeg_sys_next::{
    AV_CODEC_FLAG_OUTPUT_CORRUPT, AV_INPUT_BUFFER_PADDING_SIZE, AV_NOPTS_VALUE, AVCodecContext,
    AVCodecID, AVDiscard, AVFrame,
};

use crate::libav::{DECODERS, Frames, Input, Packet, Stream, out_of_memory};
use crate::libav_link::*;
use crate::tone::Hdr;
use crate::{Code, DecodeError, Limits};

/// Memory of a decode for each pixel: a decoder keeps up to four frames of 4:2:0 with two bytes
/// a sample (3 bytes a pixel) while it makes one.
const BYTES_PER_PIXEL: u64 = 12;
/// The same where pictures are made of others: H.264 and HEVC keep up to 16 of them, large ones 6.
const BYTES_PER_PIXEL_OF_FILM: u64 = 30;

/// A decoder of pictures.
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

    /// When it is shown, by the clock of its stream.
    pub(crate) fn time(&self) -> Option<i64> {
        // SAFETY: the frame is ours and alive.
        let time = unsafe { (*self.0).best_effort_timestamp };
        (time != AV_NOPTS_VALUE).then_some(time)
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
        frames: Frames,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let pixels = u64::from(stream.width) * u64::from(stream.height);
        let bytes_per_pixel = match frames {
            Frames::Key => BYTES_PER_PIXEL,
            Frames::All => BYTES_PER_PIXEL_OF_FILM,
        };
        limits.check_memory(pixels.saturating_mul(bytes_per_pixel))?;
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
                if frames == Frames::Key {
                    (*context).skip_frame = AVDiscard::AVDISCARD_NONKEY;
                    return Ok(());
                }
                // What is not there yet after a jump is left out, and what no other picture is
                // made of is not smoothed: it is shown much smaller.
                (*context).flags &= !(AV_CODEC_FLAG_OUTPUT_CORRUPT as c_int);
                (*context).skip_loop_filter = AVDiscard::AVDISCARD_NONREF;
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
            // A damaged keyframe is better than none.
            (*context).flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT as c_int;
            prepare(context)?;
            (*context).thread_count = 1;
            // The stream's own header may ask for more than the container says.
            let most = limits.memory_bytes / BYTES_PER_PIXEL;
            (*context).max_pixels = i64::try_from(most).unwrap_or(i64::MAX);
            let status = avcodec_open2(context, codec, ptr::null_mut());
            Ok(Some((decoder, status)))
        }
    }

    /// Takes the next packet of a film, or its end; the pictures that come of it are
    /// [`Decoder::picture`].
    pub(crate) fn take(&mut self, packet: Option<&Packet>) {
        // SAFETY: the context is ours; a null packet is the end. What it refuses, it leaves out.
        unsafe {
            avcodec_send_packet(self.context, packet.map_or(ptr::null(), |packet| packet.0));
        }
    }

    /// The next picture in the order in which they are shown; `None` until more is taken.
    pub(crate) fn picture(&mut self) -> Option<&Frame> {
        // SAFETY: both pointers are ours and alive; the old content is given back first.
        let status = unsafe {
            av_frame_unref(self.frame.0);
            avcodec_receive_frame(self.context, self.frame.0)
        };
        (status >= 0 && self.frame.size().0 > 0 && self.frame.size().1 > 0).then_some(&self.frame)
    }

    /// Makes it ready for another part of the film.
    pub(crate) fn flush(&mut self) {
        // SAFETY: the context is ours and open.
        unsafe { avcodec_flush_buffers(self.context) }
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

/// Primaries, transfer, matrix and range of a picture, by the numbers of ITU-T H.273.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colours {
    pub(crate) primaries: u16,
    pub(crate) transfer: u16,
    pub(crate) matrix: u16,
    pub(crate) is_full: bool,
}

impl Frame {
    /// The container's word on the colours counts more than the stream's; where neither says a
    /// matrix, still pictures have that of ITU-R BT.601 (MIAF, ISO/IEC 23000-22).
    pub(crate) fn say_colours(&mut self, said: Option<Colours>) {
        const BT601: c_int = 6;
        // SAFETY: the frame is ours; the enums are read and written as the integers they are in C.
        unsafe {
            let matrix = (&raw mut (*self.0).colorspace).cast::<c_int>();
            match said {
                Some(Colours { primaries, transfer, matrix: said, is_full }) => {
                    self.say_light(primaries, transfer);
                    matrix.write(said.into());
                    let range = (&raw mut (*self.0).color_range).cast::<c_int>();
                    range.write(if is_full { 2 } else { 1 });
                }
                None if matrix.read() == c_int::from(UNSPECIFIED) => matrix.write(BT601),
                None => {}
            }
        }
    }

    /// What else than the stream says how signals stand for light: a profile, for one.
    pub(crate) fn say_light(&mut self, primaries: u16, transfer: u16) {
        // SAFETY: the frame is ours; the enums are written as the integers they are in C.
        unsafe {
            (&raw mut (*self.0).color_primaries).cast::<c_int>().write(primaries.into());
            (&raw mut (*self.0).color_trc).cast::<c_int>().write(transfer.into());
        }
    }

    /// What its signals mean where they are of HDR.
    pub(crate) fn hdr(&self) -> Option<Hdr> {
        // SAFETY: the frame is ours and alive; the enums are read as the integers they are in C.
        let (primaries, transfer) = unsafe {
            let primaries = (&raw const (*self.0).color_primaries).cast::<c_int>().read();
            (primaries, (&raw const (*self.0).color_trc).cast::<c_int>().read())
        };
        Hdr::of_code_points(primaries, transfer)
    }
}

/// The number of ITU-T H.273 by which nothing is said.
pub(crate) const UNSPECIFIED: u16 = 2;

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

impl Frame {
    /// A frame with room for a picture of this size in a format of FFmpeg's number.
    pub(crate) fn with_room(width: u32, height: u32, format: c_int) -> Result<Self, DecodeError> {
        let frame = Self::new()?;
        let length = |length: u32| c_int::try_from(length).map_err(|_| out_of_memory());
        // SAFETY: the frame is ours and fresh; the library gives the buffer, with its own padding
        // behind each row.
        unsafe {
            (*frame.0).format = format;
            ((*frame.0).width, (*frame.0).height) = (length(width)?, length(height)?);
            match av_frame_get_buffer(frame.0, 0) {
                0.. => Ok(frame),
                _ => Err(out_of_memory()),
            }
        }
    }
}
