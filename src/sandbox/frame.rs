//! What goes between this process, its zygote and the cells.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{fd::BorrowedFd, unix::net::UnixStream},
};

use jobs::ports::Picture;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::descriptors;
use crate::decoder::{
    DecodeLimits,
    work::{Answer, Refusal, Work},
};

/// The longest description of an answer: facts have some hundred bytes.
const HEAD_BYTES: u32 = 1 << 20;
/// The largest of all pictures of one file.
const PICTURE_BYTES: u64 = 256 << 20;

/// A word to the zygote; with [`Word::RUN`] come the file, the cell's socket and a pipe for its
/// end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub kind: u8,
    pub cell: u64,
}

impl Word {
    pub const RUN: u8 = 1;
    pub const KILL: u8 = 2;
    pub const BYTES: usize = 9;

    pub fn bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (kind, cell) = bytes.split_at_mut(1);
        kind.copy_from_slice(&[self.kind]);
        cell.copy_from_slice(&self.cell.to_le_bytes());
        bytes
    }

    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (kind, cell) = bytes.split_first()?;
        Some(Self { kind: *kind, cell: u64::from_le_bytes(cell.try_into().ok()?) })
    }
}

/// Which zygote a cell is forked from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kin {
    /// The one for pictures, which is small.
    Pictures,
    /// The one that has FFmpeg's libraries loaded.
    Films,
}

impl Kin {
    /// The word behind the hidden one.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pictures => "pictures",
            Self::Films => "films",
        }
    }
}

/// What a cell is asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub task: Task,
    pub limits: DecodeLimits,
    /// Whether the cell waits for another file when it has answered.
    pub stays: bool,
}

/// What it is to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Task {
    Decode(Work),
    Drill(Drill),
}

impl Task {
    /// Which zygote has what it needs.
    pub fn kin(&self) -> Kin {
        match self {
            Self::Decode(work) if work.needs_ffmpeg() => Kin::Films,
            Self::Drill(Drill::Films) => Kin::Films,
            _ => Kin::Pictures,
        }
    }
}

/// What a hostile file may make of a codec, for tests and the doctor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Drill {
    /// Nothing: to see that a cell works.
    Nothing,
    /// Nothing, where films are decoded: to see that FFmpeg's libraries are there.
    Films,
    /// It reads where there is nothing.
    Crash,
    /// It takes memory without end.
    Hoard,
    /// It never ends.
    Loop,
    /// It opens a socket.
    Call,
}

/// What holds a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locks {
    /// Whether the kernel filters its system calls.
    pub seccomp: bool,
    /// Whether the kernel keeps files from it.
    pub landlock: bool,
}

/// What a cell says, without the bytes of pictures, which come behind it in their order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    pub said: Result<Said, Refusal>,
    lengths: Vec<i64>,
}

/// What it has to say.
#[derive(Debug, Serialize, Deserialize)]
pub enum Said {
    Answer(Answer),
    Locks(Locks),
}

/// Sends a file to a cell that stays.
pub fn send_file(to: &UnixStream, file: BorrowedFd<'_>) -> io::Result<()> {
    Ok(descriptors::send(to, &[0], &[file])?)
}

/// Receives it; `None` when there will be no other.
pub fn receive_file(from: &File) -> Option<File> {
    let (_, files) = descriptors::receive(from, &mut [0]).ok()?;
    files.into_iter().next().map(File::from)
}

/// Writes a description behind its length.
pub fn write<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    let bytes = bson::serialize_to_vec(value).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)
}

/// Reads what [`write`] has written.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > HEAD_BYTES {
        return Err(io::Error::other("a description that is too long"));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    from.read_exact(&mut bytes)?;
    bson::deserialize_from_slice(&bytes).map_err(io::Error::other)
}

/// Writes what a cell says.
pub fn reply(to: &mut impl Write, mut said: Result<Said, Refusal>) -> io::Result<()> {
    let pictures: Vec<Vec<u8>> =
        pictures_of(&mut said).iter_mut().map(|p| std::mem::take(&mut p.bytes)).collect();
    let length = |bytes: &Vec<u8>| i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    write(to, &Reply { said, lengths: pictures.iter().map(length).collect() })?;
    pictures.iter().try_for_each(|bytes| to.write_all(bytes))
}

/// Reads it. The cell may lie: nothing larger than agreed is read.
pub fn hear(from: &mut impl Read) -> io::Result<Result<Said, Refusal>> {
    let Reply { mut said, lengths } = read(from)?;
    let pictures = pictures_of(&mut said);
    if pictures.len() != lengths.len() {
        return Err(io::Error::other("pictures and lengths differ"));
    }
    let mut left = PICTURE_BYTES;
    for (picture, length) in pictures.iter_mut().zip(lengths) {
        let length = u64::try_from(length).map_err(io::Error::other)?;
        left = left.checked_sub(length).ok_or_else(|| io::Error::other("pictures too large"))?;
        from.take(length).read_to_end(&mut picture.bytes)?;
        if picture.bytes.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(said)
}

fn pictures_of(said: &mut Result<Said, Refusal>) -> &mut [Picture] {
    match said {
        Ok(Said::Answer(Answer::Pictures(made))) => &mut made.pictures,
        _ => &mut [],
    }
}
