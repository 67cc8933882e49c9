//! Changes of a file, said without writing it.

/// What stands in place of some bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where these bytes begin.
    pub at: u64,
    /// How many they are.
    pub length: u64,
    /// What stands there instead.
    pub with: With,
}

/// What stands in place of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum With {
    /// These, of any number; none where they are taken out.
    Bytes(Vec<u8>),
    /// As many of this byte.
    Fill(u8),
}

impl Edit {
    /// How many bytes stand there after it.
    pub fn written(&self) -> u64 {
        match &self.with {
            With::Bytes(bytes) => bytes.len() as u64,
            With::Fill(_) => self.length,
        }
    }
}

/// The edits of one file, in the order of their places; none lies over another or over the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edits {
    list: Vec<Edit>,
    bytes: u64,
}

impl Edits {
    /// The edits of a file of `bytes` bytes; `None` unless they are as this type promises.
    pub fn of(bytes: u64, list: Vec<Edit>) -> Option<Self> {
        let (mut end, mut after) = (0, bytes);
        for edit in &list {
            if edit.at < end {
                return None;
            }
            end = edit.at.checked_add(edit.length).filter(|end| *end <= bytes)?;
            after = (after - edit.length).checked_add(edit.written())?;
        }
        Some(Self { list, bytes: after })
    }

    /// One behind the other.
    pub fn list(&self) -> &[Edit] {
        &self.list
    }

    /// Whether the file stays as it is.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How long the file is after them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(at: u64, length: u64, with: &[u8]) -> Edit {
        Edit { at, length, with: With::Bytes(with.to_vec()) }
    }

    #[test]
    fn edits_lie_side_by_side_within_their_file() {
        let filled = Edit { at: 4, length: 6, with: With::Fill(0) };
        let edits = Edits::of(10, vec![edit(0, 3, b""), edit(3, 0, b"ab"), filled.clone()]);
        assert_eq!(edits.map(|edits| edits.bytes()), Some(9));

        assert_eq!(Edits::of(10, vec![edit(3, 3, b""), edit(5, 1, b"")]), None);
        assert_eq!(Edits::of(9, vec![filled]), None);
        assert_eq!(Edits::of(9, vec![edit(1, u64::MAX, b"")]), None);
    }
}
