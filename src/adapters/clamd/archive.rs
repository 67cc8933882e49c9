//! Finds what clamd passes over in silence inside zip files.
//!
//! Measured with clamd 1.4.6 and `AlertExceedsMax`: a member above `MaxFileSize` is answered with
//! OK, and so is one packed by a method that clamd does not know, and one that is encrypted in a
//! zip behind other bytes. So each member is unpacked here once, counted and thrown away: what the
//! archive says of its own sizes proves nothing.

use std::{
    cell::Cell,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    rc::Rc,
    time::Instant,
};

use jobs::ports::LocalFile;
use zip::{CompressionMethod, ZipArchive, read::ZipFile};

/// clamd's own `MaxFiles`, for all levels together.
const MEMBERS: usize = 10_000;
/// What may be read to list an archive: some 60,000 entries, which bounds our memory.
const LISTING: u64 = 4 << 20;
/// An archive within an archive is looked at in memory, if it is not larger than this.
const INNER: usize = 16 << 20;
/// An archive within an archive is looked at; one within that is not.
const DEPTH: usize = 1;
/// The end record, with its comment of at most 65,535 bytes.
const TAIL: usize = 22 + 65_535;

/// Why clamd's OK for this file does not count; stable, `snake_case`.
pub(super) type Objection = &'static str;

/// Its structure cannot be followed.
pub(super) const DAMAGED: Objection = "archive_damaged";

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The largest member that may be.
    pub(super) member_bytes: u64,
    /// When to give up.
    pub(super) until: Instant,
}

/// Says whether something in this file was not looked at, and how large its largest member is;
/// files that are no zip have none.
pub(super) fn look(file: &LocalFile, bounds: Bounds) -> io::Result<Result<u64, Objection>> {
    let mut head = [0; 4];
    let mut tail = vec![0; usize::try_from(file.bytes).unwrap_or(TAIL).min(TAIL)];
    let got = file.file.read_at(&mut head, 0)?;
    let length = tail.len() as u64;
    file.file.read_exact_at(&mut tail, file.bytes - length)?;
    if !is_zip(head.get(..got).unwrap_or_default(), &tail) {
        return Ok(Ok(0));
    }
    let mut walk = Walk { bounds, members: 0, bytes: 0, largest: 0 };
    let whole = Window { file, at: 0 };
    Ok(walk.archive(BufReader::new(whole), 0).map(|()| walk.largest))
}

/// A zip begins as one, or ends as one behind anything else.
fn is_zip(head: &[u8], tail: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") || ends_as_zip(tail)
}

/// Four bytes occur by chance; an end record also counts its entries twice, and counts disks.
fn ends_as_zip(tail: &[u8]) -> bool {
    tail.windows(22).any(|record| match record {
        [b'P', b'K', 5, 6, d1, d2, d3, d4, n1, n2, m1, m2, ..] => {
            [d1, d2] == [d3, d4] && [n1, n2] == [m1, m2]
        }
        _ => false,
    })
}

struct Walk {
    bounds: Bounds,
    members: usize,
    bytes: u64,
    largest: u64,
}

impl Walk {
    fn archive<R: Read + Seek>(&mut self, reader: R, depth: usize) -> Result<(), Objection> {
        if depth > DEPTH {
            return Err("archive_too_deep");
        }
        let left = Rc::new(Cell::new(LISTING));
        let mut archive = ZipArchive::new(Metered { reader, left: Rc::clone(&left) })
            .map_err(|_| if left.get() == 0 { "archive_too_many_members" } else { DAMAGED })?;
        self.members += archive.len();
        if self.members > MEMBERS {
            return Err("archive_too_many_members");
        }
        left.set(u64::MAX);
        for index in 0..archive.len() {
            let member = archive.by_index_raw(index).map_err(|_| DAMAGED)?;
            self.may_be_opened(&member)?;
            drop(member);
            let zip = self.member(archive.by_index(index).map_err(|_| DAMAGED)?)?;
            if zip {
                let inner = unpack(archive.by_index(index).map_err(|_| DAMAGED)?)?;
                self.archive(Cursor::new(inner), depth + 1)?;
            }
        }
        // Members that are not listed, or lie over each other, or are described differently in
        // their two places: clamd and the reader may not see the same file.
        archive.validate_header_consistency().map_err(|_| DAMAGED)
    }

    fn may_be_opened<R: Read>(&self, member: &ZipFile<'_, R>) -> Result<(), Objection> {
        if member.encrypted() {
            return Err("encrypted");
        }
        if !matches!(member.compression(), CompressionMethod::Stored | CompressionMethod::Deflated)
        {
            return Err("archive_method");
        }
        if member.size() > self.bounds.member_bytes {
            return Err("archive_member_too_large");
        }
        Ok(())
    }

    /// Unpacks a member to nowhere; says whether it is a zip itself.
    fn member<R: Read>(&mut self, mut member: ZipFile<'_, R>) -> Result<bool, Objection> {
        let mut piece = vec![0; 64 * 1024];
        let (mut bytes, mut head, mut tail) = (0, Vec::new(), Vec::new());
        loop {
            let read = member.read(&mut piece).map_err(|_| DAMAGED)?;
            let piece = piece.get(..read).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            bytes += read as u64;
            self.bytes += read as u64;
            self.within_bounds(bytes)?;
            head.extend(piece.iter().take(4_usize.saturating_sub(head.len())));
            tail.extend_from_slice(piece);
            if tail.len() > 8 * TAIL {
                tail.drain(..tail.len() - TAIL);
            }
        }
        self.largest = self.largest.max(bytes);
        if bytes != member.size() {
            return Err(DAMAGED);
        }
        Ok(is_zip(&head, &tail))
    }

    fn within_bounds(&self, member_bytes: u64) -> Result<(), Objection> {
        if member_bytes > self.bounds.member_bytes {
            return Err("archive_member_too_large");
        }
        // clamd's `MaxScanSize` is twice its `MaxFileSize` as we set it.
        if self.bytes > self.bounds.member_bytes.saturating_mul(2) {
            return Err("archive_too_large");
        }
        if Instant::now() > self.bounds.until {
            return Err("timeout");
        }
        Ok(())
    }
}

fn unpack<R: Read>(member: ZipFile<'_, R>) -> Result<Vec<u8>, Objection> {
    let mut inner = Vec::new();
    member.take(INNER as u64 + 1).read_to_end(&mut inner).map_err(|_| DAMAGED)?;
    if inner.len() > INNER { Err("archive_too_deep") } else { Ok(inner) }
}

/// Reads at offsets: the descriptor's own position belongs to others, too.
struct Window<'a> {
    file: &'a LocalFile,
    at: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.file.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Stops reading when a number of bytes is used up.
struct Metered<R> {
    reader: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.left.set(self.left.get().saturating_sub(read as u64));
        if self.left.get() == 0 {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}
