//! Edits as bytes, on their way out of the process that found them.

use bson::{Binary, spec::BinarySubtype};
use jobs::ports::{Edit, With};
use serde::{Deserialize, Serialize};

/// Two numbers, of eight bytes each, and what is to be done; behind it a byte, or how many bytes
/// follow and they themselves.
const BYTES: u8 = 0;
const FILL: u8 = 1;

/// A list of edits in one piece: as fields of a document each would take five times the room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Packed(Binary);

impl Packed {
    /// These edits.
    pub fn of(edits: &[decode::Edit]) -> Self {
        let mut bytes = Vec::new();
        for decode::Edit { at, length, with } in edits {
            bytes.extend(at.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            match with {
                decode::With::Fill(byte) => bytes.extend([FILL, *byte]),
                decode::With::Bytes(new) => {
                    bytes.push(BYTES);
                    bytes.extend((new.len() as u64).to_le_bytes());
                    bytes.extend(new);
                }
            }
        }
        Self(Binary { subtype: BinarySubtype::Generic, bytes })
    }

    /// The edits; `None` where the bytes are none of ours.
    pub fn edits(&self) -> Option<Vec<Edit>> {
        let (mut rest, mut edits) = (self.0.bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let (at, length) = (number(&mut rest)?, number(&mut rest)?);
            let (kind, behind) = rest.split_first()?;
            rest = behind;
            let with = match *kind {
                FILL => {
                    let (byte, behind) = rest.split_first()?;
                    rest = behind;
                    With::Fill(*byte)
                }
                BYTES => {
                    let count = usize::try_from(number(&mut rest)?).ok()?;
                    let (new, behind) = rest.split_at_checked(count)?;
                    rest = behind;
                    With::Bytes(new.to_vec())
                }
                _ => return None,
            };
            edits.push(Edit { at, length, with });
        }
        Some(edits)
    }
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_come_out_as_they_went_in_and_broken_ones_not_at_all() {
        let edit = |at, with| decode::Edit { at, length: 7, with };
        let filled = edit(1 << 40, decode::With::Fill(32));
        let packed = Packed::of(&[edit(3, decode::With::Bytes(b"abc".to_vec())), filled]);

        let edits = packed.edits().unwrap();

        let expected = [
            Edit { at: 3, length: 7, with: With::Bytes(b"abc".to_vec()) },
            Edit { at: 1 << 40, length: 7, with: With::Fill(32) },
        ];
        assert_eq!(edits, expected);
        let mut cut = packed.clone();
        cut.0.bytes.pop();
        assert_eq!(cut.edits(), None);
    }
}
