//! What must be true of a file without its metadata.

use decode::{Edit, Format, Kind, With};

use crate::{answered, file, limits};

/// Strips `bytes`: the edits are in order and within the file; a second time changes nothing; no
/// place is left that we would read ourselves.
pub fn strip(bytes: &[u8], format: Format) {
    let Some(once) = stripped(bytes, format) else { return };
    let Some(twice) = stripped(&once, format) else {
        let error = decode::strip(&file(&once), format, &limits()).map(drop).unwrap_err();
        panic!("what was stripped can be stripped again, not: {error}");
    };
    assert!(once == twice, "a second time changes something");
    if format.kind() == Kind::Image {
        let facts = answered(decode::facts(&file(&once), format, &limits()));
        let place = facts.and_then(|facts| facts.exif).and_then(|exif| exif.gps);
        assert_eq!(place, None, "a place is left");
    }
}

/// The file after its edits; `None` where it is refused, or has a format that is left as it is.
fn stripped(bytes: &[u8], format: Format) -> Option<Vec<u8>> {
    let edits = answered(decode::strip(&file(bytes), format, &limits())).flatten()?;
    let (mut made, mut at) = (Vec::new(), 0);
    for Edit { at: start, length, with } in edits {
        let start = usize::try_from(start).expect("it is within the file");
        let length = usize::try_from(length).expect("it is within the file");
        made.extend_from_slice(bytes.get(at..start).expect("edits are in order"));
        at = start.checked_add(length).expect("it is within the file");
        assert!(at <= bytes.len(), "an edit ends behind the file");
        match with {
            With::Bytes(new) => made.extend(new),
            With::Fill(byte) => made.resize(made.len() + length, byte),
        }
    }
    made.extend_from_slice(bytes.get(at..).expect("edits are within the file"));
    Some(made)
}
