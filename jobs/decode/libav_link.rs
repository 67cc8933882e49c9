//! FFmpeg's functions, found in its libraries when the first film comes.
//!
//! Debian's FFmpeg brings 130 libraries along. A program that is linked with them starts in 20 ms
//! instead of 1 ms, takes 25 MB more, and forks in 1.3 ms instead of 0.15 (two processors, Debian
//! 12); pictures need none of them. So they are opened by their names, of the versions whose
//! headers this was built with; the compiler checks each function below against those headers.

use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

use ffmpeg_sys_next as headers;
use headers::{
    AVCodec, AVCodecContext, AVCodecID, AVCodecParameters, AVDictionary, AVDictionaryEntry,
    AVFormatContext, AVFrame, AVIOContext, AVInputFormat, AVPacket, AVPacketSideDataType, AVStream,
    LIBAVCODEC_VERSION_MAJOR, LIBAVFORMAT_VERSION_MAJOR, LIBAVUTIL_VERSION_MAJOR,
    LIBSWSCALE_VERSION_MAJOR, SwsContext, SwsFilter,
};
use libloading::Library;

use crate::{Code, DecodeError};

/// Reads into a buffer of so many bytes.
type Read = unsafe extern "C" fn(*mut c_void, *mut u8, c_int) -> c_int;
/// Goes to a position, or says the size.
type Seek = unsafe extern "C" fn(*mut c_void, i64, c_int) -> i64;

static TABLE: OnceLock<Table> = OnceLock::new();

/// Opens the libraries, if that was not done. A machine without them may get them later.
pub(crate) fn open() -> Result<(), DecodeError> {
    if TABLE.get().is_none() {
        let table = Table::open().map_err(|error| {
            let message = format!("FFmpeg's libraries cannot be opened: {error}");
            DecodeError::new(Code::ReadFailed, message)
        })?;
        // Of two at once the second has the same.
        TABLE.get_or_init(|| table);
    }
    Ok(())
}

/// # Panics
/// Without [`open`] before, which is nobody's fault but this crate's.
#[expect(clippy::expect_used, reason = "every way to a function begins by opening them")]
fn table() -> &'static Table {
    TABLE.get().expect("FFmpeg's libraries were opened")
}

/// Declares the functions: what a caller sees, where they are found, and that they are those of the
/// headers.
macro_rules! functions {
    ($($library:literal $version:ident {
        $($name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $back:ty)?;)+
    })+) => {
        struct Table {
            $($($name: unsafe extern "C" fn($($kind),*) $(-> $back)?,)+)+
        }

        impl Table {
            fn open() -> Result<Self, libloading::Error> {
                $(
                    let name = format!("lib{}.so.{}", $library, $version);
                    // SAFETY: the distribution's library, whose start-up code is harmless. It is
                    // never closed, so that its functions stay where they are.
                    let library = std::mem::ManuallyDrop::new(unsafe { Library::new(name) }?);
                    // SAFETY: the types are those of the headers of this version, see below.
                    $(let $name = *unsafe {
                        library.get(concat!(stringify!($name), "\0").as_bytes())
                    }?;)+
                )+
                Ok(Self { $($($name,)+)+ })
            }
        }

        $($(
            const _: unsafe extern "C" fn($($kind),*) $(-> $back)? = headers::$name;

            #[allow(clippy::too_many_arguments, reason = "they are as many as FFmpeg's")]
            /// # Safety
            /// As FFmpeg's manual says of the function of this name, after [`open`].
            pub(crate) unsafe fn $name($($argument: $kind),*) $(-> $back)? {
                // SAFETY: the caller's promise.
                unsafe { (table().$name)($($argument),*) }
            }
        )+)+
    };
}

functions! {
    "avutil" LIBAVUTIL_VERSION_MAJOR {
        av_dict_get(
            from: *const AVDictionary,
            key: *const c_char,
            after: *const AVDictionaryEntry,
            flags: c_int,
        ) -> *mut AVDictionaryEntry;
        av_frame_alloc() -> *mut AVFrame;
        av_frame_free(frame: *mut *mut AVFrame);
        av_frame_get_buffer(frame: *mut AVFrame, align: c_int) -> c_int;
        av_frame_unref(frame: *mut AVFrame);
        av_freep(pointer: *mut c_void);
        av_log_set_level(level: c_int);
        av_mallocz(bytes: usize) -> *mut c_void;
        av_max_alloc(bytes: usize);
        av_opt_set(
            of: *mut c_void,
            name: *const c_char,
            value: *const c_char,
            flags: c_int,
        ) -> c_int;
        av_opt_set_int(of: *mut c_void, name: *const c_char, value: i64, flags: c_int) -> c_int;
    }
    "avcodec" LIBAVCODEC_VERSION_MAJOR {
        av_new_packet(packet: *mut AVPacket, bytes: c_int) -> c_int;
        av_packet_alloc() -> *mut AVPacket;
        av_packet_free(packet: *mut *mut AVPacket);
        av_packet_unref(packet: *mut AVPacket);
        avcodec_alloc_context3(codec: *const AVCodec) -> *mut AVCodecContext;
        avcodec_find_decoder(id: AVCodecID) -> *const AVCodec;
        avcodec_find_encoder_by_name(name: *const c_char) -> *const AVCodec;
        avcodec_flush_buffers(context: *mut AVCodecContext);
        avcodec_free_context(context: *mut *mut AVCodecContext);
        avcodec_get_name(id: AVCodecID) -> *const c_char;
        avcodec_open2(
            context: *mut AVCodecContext,
            codec: *const AVCodec,
            options: *mut *mut AVDictionary,
        ) -> c_int;
        avcodec_parameters_to_context(
            context: *mut AVCodecContext,
            parameters: *const AVCodecParameters,
        ) -> c_int;
        avcodec_receive_frame(context: *mut AVCodecContext, frame: *mut AVFrame) -> c_int;
        avcodec_receive_packet(context: *mut AVCodecContext, packet: *mut AVPacket) -> c_int;
        avcodec_send_frame(context: *mut AVCodecContext, frame: *const AVFrame) -> c_int;
        avcodec_send_packet(context: *mut AVCodecContext, packet: *const AVPacket) -> c_int;
    }
    "avformat" LIBAVFORMAT_VERSION_MAJOR {
        av_find_input_format(name: *const c_char) -> *const AVInputFormat;
        av_read_frame(context: *mut AVFormatContext, packet: *mut AVPacket) -> c_int;
        av_stream_get_side_data(
            stream: *const AVStream,
            kind: AVPacketSideDataType,
            bytes: *mut usize,
        ) -> *mut u8;
        avformat_alloc_context() -> *mut AVFormatContext;
        avformat_close_input(context: *mut *mut AVFormatContext);
        avformat_find_stream_info(
            context: *mut AVFormatContext,
            options: *mut *mut AVDictionary,
        ) -> c_int;
        avformat_free_context(context: *mut AVFormatContext);
        avformat_open_input(
            context: *mut *mut AVFormatContext,
            url: *const c_char,
            format: *const AVInputFormat,
            options: *mut *mut AVDictionary,
        ) -> c_int;
        avformat_seek_file(
            context: *mut AVFormatContext,
            stream: c_int,
            least: i64,
            at: i64,
            most: i64,
            flags: c_int,
        ) -> c_int;
        avio_alloc_context(
            buffer: *mut u8,
            bytes: c_int,
            is_written: c_int,
            opaque: *mut c_void,
            read: Option<Read>,
            write: Option<Read>,
            seek: Option<Seek>,
        ) -> *mut AVIOContext;
        avio_context_free(context: *mut *mut AVIOContext);
    }
    "swscale" LIBSWSCALE_VERSION_MAJOR {
        sws_alloc_context() -> *mut SwsContext;
        sws_freeContext(context: *mut SwsContext);
        sws_getCoefficients(space: c_int) -> *const c_int;
        sws_getColorspaceDetails(
            context: *mut SwsContext,
            inverse: *mut *mut c_int,
            source: *mut c_int,
            table: *mut *mut c_int,
            target: *mut c_int,
            brightness: *mut c_int,
            contrast: *mut c_int,
            saturation: *mut c_int,
        ) -> c_int;
        sws_init_context(
            context: *mut SwsContext,
            from: *mut SwsFilter,
            to: *mut SwsFilter,
        ) -> c_int;
        sws_scale(
            context: *mut SwsContext,
            from: *const *const u8,
            from_row: *const c_int,
            top: c_int,
            rows: c_int,
            to: *const *mut u8,
            to_row: *const c_int,
        ) -> c_int;
        sws_setColorspaceDetails(
            context: *mut SwsContext,
            inverse: *const c_int,
            source: c_int,
            table: *const c_int,
            target: c_int,
            brightness: c_int,
            contrast: c_int,
            saturation: c_int,
        ) -> c_int;
    }
}
