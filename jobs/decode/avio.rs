//! The bytes of a file for a demuxer: read at positions of its own, up to a deadline and a budget.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ffmpeg_sys_next::{
    AVERROR, AVERROR_EOF, AVIOContext, AVSEEK_FORCE, AVSEEK_SIZE, EIO, SEEK_CUR, SEEK_END, SEEK_SET,
};

use crate::libav_link::{av_freep, av_mallocz, avio_alloc_context, avio_context_free};
use crate::{Code, DecodeError, Limits};

/// What FFmpeg asks for at a time, as in its own reader of files.
const BUFFER_BYTES: c_int = 32 << 10;

/// Why a demuxer was stopped; it only hears "input/output error" itself.
#[derive(Debug)]
pub(crate) struct Watch {
    deadline: Instant,
    failed: AtomicBool,
}

impl Watch {
    /// A watch that stops at the deadline of `limits`.
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self { deadline: limits.deadline, failed: AtomicBool::new(false) })
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// What to answer when the demuxer or decoder gave up.
    pub(crate) fn refusal(&self, message: &str) -> DecodeError {
        if self.is_over() {
            return DecodeError::new(Code::DecodeTimeout, "decoding took longer than its limit");
        }
        if self.failed.load(Ordering::Relaxed) {
            return DecodeError::new(Code::ReadFailed, "the file could not be read");
        }
        DecodeError::corrupt(message)
    }
}

/// A reader with a position of its own: the descriptor's is shared with others and stays put.
pub(crate) struct Reader {
    file: File,
    position: u64,
    size: u64,
    left: u64,
    watch: Arc<Watch>,
}

impl Reader {
    /// A reader at the start of `file` that gives `budget` bytes at most, as if it ended then.
    pub(crate) fn new(file: &File, watch: Arc<Watch>, budget: u64) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file: file.try_clone()?, position: 0, size, left: budget, watch })
    }
}

impl Reader {
    /// Reads on, into the front of `buffer`; 0 bytes at the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.watch.is_over() {
            return Err(io::Error::other("the deadline passed"));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most) else { return Ok(0) };
        let read = loop {
            match self.file.read_at(buffer, self.position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                answer => break answer,
            }
        };
        let read = read.inspect_err(|_| self.watch.failed.store(true, Ordering::Relaxed))?;
        self.position = self.position.saturating_add(read as u64);
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }

    /// Goes to a place, counted as `lseek` does; where it is then, or `None` if there is no such.
    fn seek(&mut self, by: i64, from: c_int) -> Option<i64> {
        let position = match from {
            SEEK_SET => u64::try_from(by).ok(),
            SEEK_CUR => self.position.checked_add_signed(by),
            SEEK_END => self.size.checked_add_signed(by),
            _ => None,
        };
        // pread takes a signed offset.
        let signed = i64::try_from(position?).ok()?;
        self.position = position?;
        Some(signed)
    }
}

/// A [`Reader`] as FFmpeg takes it.
pub(crate) struct Io {
    context: *mut AVIOContext,
    // Only used through the context.
    source: *mut Source,
}

struct Source {
    reader: Reader,
    /// What was read, before FFmpeg gets it: its own buffer may be uninitialised.
    read: Vec<u8>,
}

impl Io {
    /// Gives FFmpeg the reader.
    pub(crate) fn new(reader: Reader) -> Result<Self, DecodeError> {
        let source = Box::into_raw(Box::new(Source { reader, read: Vec::new() }));
        // SAFETY: the buffer has so many bytes, and belongs to the context from then on; the source
        // lives until `drop`. Where there is no buffer, `drop` finds no context.
        let context = unsafe {
            let buffer = av_mallocz(BUFFER_BYTES as usize).cast::<u8>();
            if buffer.is_null() {
                ptr::null_mut()
            } else {
                let opaque = source.cast();
                avio_alloc_context(buffer, BUFFER_BYTES, 0, opaque, Some(read), None, Some(seek))
            }
        };
        let io = Self { context, source };
        if context.is_null() { Err(crate::libav::out_of_memory()) } else { Ok(io) }
    }

    /// What a demuxer reads from, as long as this lives.
    pub(crate) fn context(&self) -> *mut AVIOContext {
        self.context
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        // SAFETY: both are ours and freed once, after the demuxer; FFmpeg may have put another
        // buffer in place of the first.
        unsafe {
            if !self.context.is_null() {
                av_freep((&raw mut (*self.context).buffer).cast());
                avio_context_free(&mut self.context);
            }
            drop(Box::from_raw(self.source));
        }
    }
}

/// Called by FFmpeg for `most` bytes.
unsafe extern "C" fn read(source: *mut c_void, into: *mut u8, most: c_int) -> c_int {
    // SAFETY: the pointer is the `Source` of the `Io` of this context; nobody else has it.
    let Source { reader, read } = unsafe { &mut *source.cast::<Source>() };
    read.resize(usize::try_from(most).unwrap_or(0), 0);
    match reader.read(read) {
        Ok(0) => AVERROR_EOF,
        Ok(length) => {
            // SAFETY: FFmpeg has room for `most` bytes, and no more than that were read.
            unsafe { ptr::copy_nonoverlapping(read.as_ptr(), into, length) };
            c_int::try_from(length).unwrap_or(most)
        }
        Err(_) => AVERROR(EIO),
    }
}

/// Called by FFmpeg to go elsewhere, or to hear the size.
unsafe extern "C" fn seek(source: *mut c_void, by: i64, from: c_int) -> i64 {
    // SAFETY: as for `read`.
    let reader = unsafe { &mut (*source.cast::<Source>()).reader };
    let from = from & !(AVSEEK_FORCE as c_int);
    if from == AVSEEK_SIZE as c_int {
        return i64::try_from(reader.size).unwrap_or(i64::MAX);
    }
    reader.seek(by, from).unwrap_or_else(|| i64::from(AVERROR(EIO)))
}
