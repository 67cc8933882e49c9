//! The boxes of an ISO base media or QuickTime file with their places in it.

use std::ops::Range;

use super::edits::Edits;
use super::unsure;
use crate::DecodeError;
use crate::bytes::be32;
use crate::window::Window;

/// Boxes of one file: a film of ten hours in pieces of two seconds has some 150,000.
const MOST_BOXES: u32 = 400_000;

/// A box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) kind: [u8; 4],
    pub(super) start: u64,
    /// Where its content begins.
    pub(super) body: u64,
    pub(super) end: u64,
}

impl Placed {
    pub(super) fn length(&self) -> u64 {
        self.end - self.body
    }
}

/// Boxes that stand one behind the other.
pub(super) struct Row {
    pub(super) boxes: Vec<Placed>,
    /// Where they stop before the end: what is there does not fit, and the kind it has.
    pub(super) broken: Option<(u64, [u8; 4])>,
}

/// A walk over the boxes of one file.
pub(super) struct Walk<'a, 'b> {
    pub(super) window: &'a mut Window<'b>,
    left: u32,
}

impl<'a, 'b> Walk<'a, 'b> {
    pub(super) fn new(window: &'a mut Window<'b>) -> Self {
        Self { window, left: MOST_BOXES }
    }

    /// The boxes in this part of the file.
    pub(super) fn row(&mut self, part: Range<u64>) -> Result<Row, DecodeError> {
        let (mut at, mut boxes) = (part.start, Vec::new());
        // Some lists of QuickTime end with four zeros.
        while part.end.saturating_sub(at) >= 8 {
            self.left =
                self.left.checked_sub(1).ok_or_else(|| unsure("the file has too many boxes"))?;
            let head = self.window.array::<8>(at)?.unwrap_or_default();
            let kind = [4, 5, 6, 7].map(|index: usize| head.get(index).copied().unwrap_or(0));
            let (length, skip) = match be32(&head, 0).unwrap_or(0) {
                0 => (part.end - at, 8),
                1 => (self.window.array(at + 8)?.map_or(0, u64::from_be_bytes), 16),
                length => (u64::from(length), 8),
            };
            let end = at.checked_add(length).filter(|end| *end <= part.end && length >= skip);
            let Some(end) = end else { return Ok(Row { boxes, broken: Some((at, kind)) }) };
            boxes.push(Placed { kind, start: at, body: at + skip, end });
            at = end;
        }
        let rest = (at < part.end).then_some((at, [0; 4]));
        Ok(Row { boxes, broken: rest })
    }

    /// The boxes inside of one; an error where they do not fit.
    pub(super) fn inside(&mut self, of: Placed, skip: u64) -> Result<Vec<Placed>, DecodeError> {
        let row = self.row(of.body.saturating_add(skip).min(of.end)..of.end)?;
        match row.broken {
            // Fewer than eight bytes that are left over.
            Some((at, _)) if of.end - at >= 8 => {
                let kind = String::from_utf8_lossy(&of.kind).into_owned();
                Err(unsure(&format!("the box {kind} is damaged")))
            }
            _ => Ok(row.boxes),
        }
    }

    /// The first bytes of a box's content.
    pub(super) fn head<const N: usize>(
        &mut self,
        of: Placed,
    ) -> Result<Option<[u8; N]>, DecodeError> {
        if of.length() < N as u64 { Ok(None) } else { self.window.array(of.body) }
    }
}

/// Turns a box into free space of the same length, so that nothing behind it moves.
pub(super) fn free(of: Placed, edits: &mut Edits) -> Result<(), DecodeError> {
    edits.put(of.start + 4, 4, b"free".to_vec())?;
    edits.fill(of.body, of.length(), 0)
}
