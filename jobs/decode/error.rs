//! Why bytes did not become values.

/// A stable reason, `snake_case` on the wire; clients and dashboards read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The format is known but this build does not decode it.
    UnsupportedFormat,
    /// The bytes do not follow the format they claim.
    CorruptFile,
    /// Decoding would take more memory than the limit allows.
    MemoryLimit,
    /// The picture has more pixels than the limit allows.
    PixelLimit,
    /// The animated picture has more frames than the limit allows.
    FrameLimit,
    /// The film is longer than the limit allows.
    DurationLimit,
    /// The file has more bytes than this kind of file may have.
    FileTooLarge,
    /// The deadline passed.
    DecodeTimeout,
    /// What tells of people, places and machines cannot be taken out of the file for sure.
    Unstrippable,
    /// The descriptor could not be read: the machine's fault, worth another try.
    ReadFailed,
}

impl Code {
    /// The word that goes into documents and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnsupportedFormat => "unsupported_format",
            Self::CorruptFile => "corrupt_file",
            Self::MemoryLimit => "memory_limit",
            Self::PixelLimit => "pixel_limit",
            Self::FrameLimit => "frame_limit",
            Self::DurationLimit => "duration_limit",
            Self::FileTooLarge => "file_too_large",
            Self::DecodeTimeout => "decode_timeout",
            Self::Unstrippable => "unstrippable",
            Self::ReadFailed => "read_failed",
        }
    }
}

/// A refusal with its code and one sentence in the user's words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// The stable reason.
    pub code: Code,
    /// Lower case, no full stop, names the thing.
    pub message: String,
}

impl DecodeError {
    /// A refusal for `code`, said in `message`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The bytes do not follow their format.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(Code::CorruptFile, message)
    }
}

impl From<std::io::Error> for DecodeError {
    fn from(error: std::io::Error) -> Self {
        Self::new(Code::ReadFailed, format!("the file could not be read: {error}"))
    }
}
