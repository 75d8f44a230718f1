//! GIF89a: the size, and how many pictures follow each other.

use super::Blocks;
use super::scan::le16;
use crate::source::{Source, whole};

/// The largest file whose pictures are counted, and how far.
const COUNTED: (u64, u32) = (64 * 1024 * 1024, 10_000);

/// Reads it.
pub(super) fn read(source: &mut dyn Source, blocks: &mut Blocks) {
    let Ok(Some(bytes)) = whole(source, COUNTED.0) else { return };
    blocks.stored = le16(&bytes, 6).zip(le16(&bytes, 8)).map(|(width, height)| (u32::from(width), u32::from(height)));
    let frames = frames(&bytes);
    let image = blocks.image();
    image.frames = frames.filter(|frames| *frames > 1);
    (image.color, image.bit_depth) = (Some("palette".to_owned()), Some(8));
}

fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3usize << ((flags & 7).saturating_add(1)) }
}

fn frames(bytes: &[u8]) -> Option<u32> {
    let mut at = 13usize.checked_add(table(*bytes.get(10)?))?;
    let mut count = 0u32;
    while count < COUNTED.1 {
        match bytes.get(at) {
            Some(0x2C) => {
                count = count.saturating_add(1);
                let flags = *bytes.get(at.checked_add(9)?)?;
                at = skip(bytes, at.checked_add(11)?.checked_add(table(flags))?)?;
            }
            Some(0x21) => at = skip(bytes, at.checked_add(2)?)?,
            _ => break,
        }
    }
    Some(count)
}

/// Behind the sub-blocks that begin at `at`.
fn skip(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at = at.checked_add(1)?.checked_add(length)?;
        if length == 0 {
            return Some(at);
        }
    }
}
