//! Size, frames and time of a GIF: one walk over its blocks, none of which is unpacked.

use crate::DecodeError;
use crate::bytes::{has, le16};
use crate::picture_header::{Header, MOST_PARTS};
use crate::window::Window;

/// Reads the header and walks over the blocks of the first `most_bytes`.
pub(crate) fn read(window: &mut Window, most_bytes: u64) -> Result<Header, DecodeError> {
    let mut header = Header::default();
    let Some(head) = window.array::<13>(0)? else { return Ok(header) };
    if !has(&head, 0, b"GIF8") {
        return Ok(header);
    }
    let edge = |at| le16(&head, at).map(u32::from);
    header.size = edge(6).zip(edge(8));
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3u64 << ((flags & 7) + 1) };
    let mut at = 13 + table(head[10]);
    // A delay stands before its frame.
    let mut delay = 0;
    while header.frames < MOST_PARTS && at < most_bytes {
        at = match window.array(at)? {
            Some([0x21]) => {
                if let Some([0xF9, _, _, low, high]) = window.array(at + 1)? {
                    delay = u16::from_le_bytes([low, high]);
                }
                skip_blocks(window, at + 2)?
            }
            Some([0x2C]) => {
                let Some([flags]) = window.array(at + 9)? else { break };
                header.frames += 1;
                header.seconds += f64::from(delay) / 100.0;
                delay = 0;
                // Behind the table of colours is one byte, the size of the first code.
                skip_blocks(window, at + 10 + table(flags) + 1)?
            }
            _ => break,
        };
    }
    Ok(header)
}

fn skip_blocks(window: &mut Window, mut at: u64) -> Result<u64, DecodeError> {
    while let Some([length]) = window.array(at)? {
        at += 1 + u64::from(length);
        if length == 0 {
            return Ok(at);
        }
    }
    Ok(u64::MAX)
}
