//! The door to FFmpeg's C interface: files, streams and packets.
//!
//! Values that a file controls and that FFmpeg does not check (colour spaces, formats) are read
//! as plain integers, never as Rust enums: an unknown enum value would be undefined behaviour.

use std::ffi::{CStr, c_int, c_void};
use std::fs::File;
use std::ptr;
use std::sync::{Arc, Once};

use ffmpeg_sys_next::{
    AV_DISPOSITION_ATTACHED_PIC, AV_DISPOSITION_TIMED_THUMBNAILS, AV_LOG_QUIET, AV_NOPTS_VALUE,
    AV_PKT_FLAG_KEY, AV_TIME_BASE, AVCodecID, AVCodecParameters, AVDiscard, AVERROR,
    AVERROR_INVALIDDATA, AVFMT_FLAG_CUSTOM_IO, AVFormatContext, AVMediaType, AVPacket,
    AVPacketSideDataType, AVStream, ENOMEM,
};

use crate::avio::{Io, Reader, Watch};
use crate::libav_link::*;
use crate::{Code, DecodeError, Format, Limits, mov_tables};

/// The most bytes that one probe or poster reads. A demuxer that looks for a keyframe in a file
/// without an index reads on and on; half a gigabyte is some minutes of 4K video.
const READ_BYTES: u64 = 512 << 20;
/// How much a probe may read and how long it may look, in bytes and microseconds of the film.
const PROBE_BYTES: i64 = 5 << 20;
const PROBE_MICROSECONDS: i64 = 5_000_000;
/// The largest single piece of memory that FFmpeg may ask for, as large as the default budget.
const MOST_ALLOCATED: usize = 512 << 20;
/// More streams than any camera or editor writes; each costs memory.
const MAX_STREAMS: i64 = 100;
/// The decoders that may run, in a poster or while probing. FFmpeg knows hundreds, most of them
/// old and little tested.
pub(crate) const DECODERS: &CStr = c"h264,hevc,vp8,vp9,libdav1d,av1,mpeg4,mpeg1video,mpeg2video,\
    mjpeg,h263,msmpeg4v2,msmpeg4,prores,vc1,wmv3,theora,dvvideo,flv,aac,mp3float,mp3,opus,\
    libopus,vorbis,flac,ac3,eac3,alac,amrnb,amrwb,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,\
    pcm_s32le,pcm_s32be,pcm_u8,pcm_f32le,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav";

/// The demuxer for a format. It is set, not guessed: no file reaches a demuxer of playlists.
fn demuxer(format: Format) -> Option<&'static CStr> {
    Some(match format {
        Format::Mp4 | Format::Mov | Format::ThreeGp | Format::M4a => c"mov",
        Format::WebM | Format::Mkv => c"matroska",
        Format::Avi => c"avi",
        Format::MpegTs => c"mpegts",
        Format::Mp3 => c"mp3",
        Format::Flac => c"flac",
        Format::Ogg => c"ogg",
        Format::Wav => c"wav",
        _ => return None,
    })
}

/// What kind of stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamKind {
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
    /// Attached pictures, subtitles, data.
    Other,
}

/// Which pictures of a film are read and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frames {
    /// Those that need no others, each by itself.
    Key,
    /// All, in their order.
    All,
}

/// What a container says about one stream.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) index: usize,
    pub(crate) kind: StreamKind,
    pub(crate) codec: Option<String>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) sample_aspect: (i32, i32),
    pub(crate) frame_rate: Option<f64>,
    pub(crate) sample_rate: u32,
    /// Seconds of one step of its clock.
    pub(crate) tick: f64,
    /// The display matrix, as in ISO/IEC 14496-12.
    pub(crate) matrix: Option<[i32; 9]>,
}

/// An opened file.
pub(crate) struct Input {
    context: *mut AVFormatContext,
    // Both are used by the context and must outlive it: `Drop` closes it before they go.
    _io: Io,
    watch: Arc<Watch>,
}

/// Asked by FFmpeg between blocks of work; not zero means stop.
unsafe extern "C" fn interrupted(watch: *mut c_void) -> c_int {
    // SAFETY: the pointer is the `Watch` that the `Input` of this context keeps alive.
    let watch = unsafe { &*watch.cast_const().cast::<Watch>() };
    c_int::from(watch.is_over())
}

impl Input {
    /// Opens `file` and reads its header.
    pub(crate) fn open(file: &File, format: Format, limits: &Limits) -> Result<Self, DecodeError> {
        limits.check_deadline()?;
        let name = demuxer(format).ok_or_else(|| {
            DecodeError::new(Code::UnsupportedFormat, "no demuxer for this format")
        })?;
        if name == c"mov" {
            mov_tables::check(file, limits)?;
        }
        prepare()?;
        let watch = Watch::new(limits);
        let io = Io::new(Reader::new(file, Arc::clone(&watch), READ_BYTES)?)?;

        // SAFETY: all pointers are fresh from FFmpeg or static strings. `avformat_open_input`
        // frees the context itself when it fails and sets it to null. `io` and `watch` live as
        // long as the context, because `Input` owns them.
        let (context, status) = unsafe {
            let demuxer = av_find_input_format(name.as_ptr());
            let mut context = avformat_alloc_context();
            if context.is_null() || demuxer.is_null() {
                avformat_free_context(context);
                return Err(DecodeError::new(Code::UnsupportedFormat, "FFmpeg lacks a demuxer"));
            }
            (*context).pb = io.context();
            (*context).flags |= AVFMT_FLAG_CUSTOM_IO;
            (*context).interrupt_callback.callback = Some(interrupted);
            (*context).interrupt_callback.opaque = Arc::as_ptr(&watch).cast_mut().cast();
            let target = context.cast();
            av_opt_set_int(target, c"probesize".as_ptr(), PROBE_BYTES, 0);
            av_opt_set_int(target, c"analyzeduration".as_ptr(), PROBE_MICROSECONDS, 0);
            av_opt_set_int(target, c"max_streams".as_ptr(), MAX_STREAMS, 0);
            // No file may name another file or address.
            av_opt_set(target, c"protocol_whitelist".as_ptr(), c"".as_ptr(), 0);
            av_opt_set(target, c"codec_whitelist".as_ptr(), DECODERS.as_ptr(), 0);
            let status = avformat_open_input(&mut context, ptr::null(), demuxer, ptr::null_mut());
            (context, status)
        };
        if status < 0 {
            return Err(refusal(&watch, status, "the container cannot be read"));
        }
        Ok(Self { context, _io: io, watch })
    }

    /// Reads on until all streams are described; what is known stays known when it fails.
    pub(crate) fn look_closer(&mut self) -> Result<(), DecodeError> {
        // SAFETY: the context is open.
        let status = unsafe { avformat_find_stream_info(self.context, ptr::null_mut()) };
        if status < 0 {
            return Err(self.refusal(status, "the streams cannot be read"));
        }
        Ok(())
    }

    /// Length in seconds.
    pub(crate) fn duration(&self) -> Option<f64> {
        // SAFETY: the context is open.
        let duration = unsafe { (*self.context).duration };
        (duration > 0).then(|| duration as f64 / f64::from(AV_TIME_BASE))
    }

    /// Where the film starts, in microseconds.
    pub(crate) fn start(&self) -> i64 {
        // SAFETY: the context is open.
        let start = unsafe { (*self.context).start_time };
        if start == AV_NOPTS_VALUE { 0 } else { start }
    }

    /// A text that the container has under `key`, in any case of letters.
    pub(crate) fn tag(&self, key: &CStr) -> Option<String> {
        // SAFETY: the context is open; entries hold strings that end with a NUL.
        unsafe {
            let entry = av_dict_get((*self.context).metadata, key.as_ptr(), ptr::null(), 0);
            let value = (!entry.is_null()).then(|| CStr::from_ptr((*entry).value))?;
            crate::exif_text::text(value.to_bytes())
        }
    }

    /// The streams that the container describes so far.
    pub(crate) fn streams(&self) -> Vec<Stream> {
        // SAFETY: FFmpeg keeps `nb_streams` valid pointers at `streams`.
        let streams = unsafe {
            let count = (*self.context).nb_streams as usize;
            if count == 0 {
                &[][..]
            } else {
                std::slice::from_raw_parts((*self.context).streams, count)
            }
        };
        // SAFETY: each of them is a live stream with codec parameters.
        streams.iter().enumerate().map(|(i, s)| unsafe { describe(i, *s) }).collect()
    }

    /// The file of the picture that goes with a piece of music, if it has at most `most` bytes.
    pub(crate) fn attached_picture(&self, most: u64) -> Option<Vec<u8>> {
        // SAFETY: FFmpeg keeps `nb_streams` valid pointers at `streams`; the packet of a stream
        // is empty, or has `size` bytes at `data` as long as the context is open.
        unsafe {
            (0..(*self.context).nb_streams as usize).find_map(|index| {
                let stream = *(*self.context).streams.add(index);
                let packet = &(*stream).attached_pic;
                let size = usize::try_from(packet.size).ok().filter(|size| *size as u64 <= most)?;
                let is_there = (*stream).disposition & AV_DISPOSITION_ATTACHED_PIC != 0
                    && size > 0
                    && !packet.data.is_null();
                is_there.then(|| std::slice::from_raw_parts(packet.data, size).to_vec())
            })
        }
    }

    /// The codec parameters of a stream, for the decoder.
    pub(crate) fn parameters(&self, index: usize) -> Option<*const AVCodecParameters> {
        // SAFETY: the index is checked against the number of streams.
        unsafe {
            let known = index < (*self.context).nb_streams as usize;
            known.then(|| (*(*(*self.context).streams.add(index))).codecpar.cast_const())
        }
    }

    /// Reads only these pictures of one stream from now on.
    pub(crate) fn only(&mut self, index: usize, frames: Frames) {
        let kept = match frames {
            Frames::Key => AVDiscard::AVDISCARD_NONKEY,
            Frames::All => AVDiscard::AVDISCARD_DEFAULT,
        };
        // SAFETY: the loop stays within the streams.
        unsafe {
            for other in 0..(*self.context).nb_streams as usize {
                (*(*(*self.context).streams.add(other))).discard = match other == index {
                    true => kept,
                    false => AVDiscard::AVDISCARD_ALL,
                };
            }
        }
    }

    /// Goes to the last keyframe at or before a time in microseconds; false when it cannot.
    pub(crate) fn seek(&mut self, time: i64) -> bool {
        // SAFETY: the context is open; -1 means the default stream and `AV_TIME_BASE`.
        unsafe { avformat_seek_file(self.context, -1, i64::MIN, time, time, 0) >= 0 }
    }

    /// Reads the next packet into `packet`; false at the end of the readable part.
    pub(crate) fn read(&mut self, packet: &mut Packet) -> bool {
        // A few damaged packets in a row are skipped, a file of nothing else ends.
        for _ in 0..64 {
            // SAFETY: both pointers are owned and alive; the old content is given back first.
            let status = unsafe {
                av_packet_unref(packet.0);
                av_read_frame(self.context, packet.0)
            };
            if status != AVERROR_INVALIDDATA {
                return status >= 0;
            }
        }
        false
    }

    /// What to answer to a failure of FFmpeg.
    pub(crate) fn refusal(&self, status: c_int, message: &str) -> DecodeError {
        refusal(&self.watch, status, message)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // SAFETY: the context is ours; it is closed once, before `_io` and `watch` are freed.
        unsafe { avformat_close_input(&mut self.context) }
    }
}

/// One packet of coded data.
pub(crate) struct Packet(pub(crate) *mut AVPacket);

impl Packet {
    /// An empty packet.
    pub(crate) fn new() -> Result<Self, DecodeError> {
        // SAFETY: no preconditions; null is checked.
        let packet = unsafe { av_packet_alloc() };
        if packet.is_null() { Err(out_of_memory()) } else { Ok(Self(packet)) }
    }

    /// A packet of these bytes, which are a keyframe.
    pub(crate) fn of(data: &[u8]) -> Result<Self, DecodeError> {
        let packet = Self::new()?;
        let size = c_int::try_from(data.len()).map_err(|_| out_of_memory())?;
        // SAFETY: the packet is ours; `av_new_packet` gives it `size` bytes and the padding.
        unsafe {
            if av_new_packet(packet.0, size) < 0 {
                return Err(out_of_memory());
            }
            ptr::copy_nonoverlapping(data.as_ptr(), (*packet.0).data, data.len());
            (*packet.0).flags |= AV_PKT_FLAG_KEY;
        }
        Ok(packet)
    }

    /// Whether it is of the stream.
    pub(crate) fn is_of(&self, stream: usize) -> bool {
        // SAFETY: the packet is ours and alive.
        usize::try_from(unsafe { (*self.0).stream_index }) == Ok(stream)
    }

    /// Whether it is a keyframe of the stream.
    pub(crate) fn is_keyframe_of(&self, stream: usize) -> bool {
        // SAFETY: the packet is ours and alive.
        self.is_of(stream) && unsafe { (*self.0).flags } & AV_PKT_FLAG_KEY != 0
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: the packet is ours and freed once.
        unsafe { av_packet_free(&mut self.0) }
    }
}

/// The answer when FFmpeg cannot allocate.
pub(crate) fn out_of_memory() -> DecodeError {
    DecodeError::new(Code::MemoryLimit, "decoding would take more memory than there is")
}

fn refusal(watch: &Watch, status: c_int, message: &str) -> DecodeError {
    if status == AVERROR(ENOMEM) { out_of_memory() } else { watch.refusal(message) }
}

/// Opens the libraries and sets what FFmpeg has once for the whole process.
pub(crate) fn prepare() -> Result<(), DecodeError> {
    static ONCE: Once = Once::new();
    if cfg!(fuzzing) {
        // Its parsers are fuzzed by its own people.
        return Err(DecodeError::new(Code::UnsupportedFormat, "FFmpeg is left out"));
    }
    crate::libav_link::open()?;
    // SAFETY: sets two global numbers. FFmpeg would write to standard error otherwise.
    ONCE.call_once(|| unsafe {
        av_log_set_level(AV_LOG_QUIET);
        av_max_alloc(MOST_ALLOCATED);
    });
    Ok(())
}

/// # Safety
/// `stream` is a live stream with codec parameters.
unsafe fn describe(index: usize, stream: *const AVStream) -> Stream {
    // SAFETY: the caller's promise; `avcodec_get_name` returns a static string, and FFmpeg
    // allocates at least `size` bytes of side data, aligned for any type.
    unsafe {
        let parameters = &*(*stream).codecpar;
        let picture = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS;
        let kind = match parameters.codec_type {
            AVMediaType::AVMEDIA_TYPE_VIDEO if (*stream).disposition & picture == 0 => {
                StreamKind::Video
            }
            AVMediaType::AVMEDIA_TYPE_AUDIO => StreamKind::Audio,
            _ => StreamKind::Other,
        };
        let mut size = 0;
        let type_ = AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
        let matrix = av_stream_get_side_data(stream, type_, &mut size).cast::<[i32; 9]>();
        let has_matrix = !matrix.is_null() && size >= size_of::<[i32; 9]>();
        let own = (*stream).sample_aspect_ratio;
        let aspect = if own.num > 0 { own } else { parameters.sample_aspect_ratio };
        let (rate, base) = ((*stream).avg_frame_rate, (*stream).time_base);
        let known = parameters.codec_id != AVCodecID::AV_CODEC_ID_NONE;
        let name = CStr::from_ptr(avcodec_get_name(parameters.codec_id));
        Stream {
            index,
            kind,
            codec: known.then(|| name.to_string_lossy().into_owned()),
            width: u32::try_from(parameters.width).unwrap_or(0),
            height: u32::try_from(parameters.height).unwrap_or(0),
            sample_aspect: (aspect.num, aspect.den),
            frame_rate: (rate.num > 0 && rate.den > 0)
                .then(|| f64::from(rate.num) / f64::from(rate.den)),
            sample_rate: u32::try_from(parameters.sample_rate).unwrap_or(0),
            tick: f64::from(base.num) / f64::from(base.den.max(1)),
            matrix: has_matrix.then(|| matrix.read_unaligned()),
        }
    }
}
