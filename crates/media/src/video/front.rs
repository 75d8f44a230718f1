//! Films whose index (`moov`) stands at the end, as phones write them, cannot be read through a pipe: the index is put before
//! the file, with its places moved by its own length. Source: ISO/IEC 14496-12, section 8.7.5.

use crate::metadata::isobmff::{inner, top};
use crate::metadata::scan::be32;
use crate::source::{Source, bytes_at};

/// The largest index that is moved.
const INDEX_MAX: u64 = 16 * 1024 * 1024;

/// The index to put before the whole file; `None` where it stands before the media data already, or cannot be moved.
pub fn front(source: &mut dyn Source) -> Option<Vec<u8>> {
    let mut found = None;
    let mut late = false;
    top(source, |_, kind, span| {
        match &kind {
            b"mdat" => late = true,
            b"moov" => found = Some(span),
            _ => {}
        }
        found.is_none()
    });
    let span = found.filter(|span| late && span.len <= INDEX_MAX)?;
    let mut body = bytes_at(source, span.at, usize::try_from(span.len).ok()?).ok()?;
    let size = u32::try_from(body.len().checked_add(8)?).ok()?;
    shift(&mut body, u64::from(size))?;
    Some([&size.to_be_bytes()[..], b"moov", &body].concat())
}

/// Moves every place in these boxes.
fn shift(body: &mut [u8], by: u64) -> Option<()> {
    // Only the way to the tables, whose boxes are never of the 64-bit kind.
    let boxes: Vec<([u8; 4], usize)> = inner(body).into_iter().map(|(kind, inside)| (kind, inside.len())).collect();
    let mut at = 0usize;
    for (kind, len) in boxes {
        let head = if be32(body, at)? == 1 { 16 } else { 8 };
        let inside = body.get_mut(at.checked_add(head)?..at.checked_add(head)?.checked_add(len)?)?;
        match &kind {
            b"trak" | b"mdia" | b"minf" | b"stbl" => shift(inside, by)?,
            b"stco" => {
                for place in inside.get_mut(8..)?.chunks_exact_mut(4) {
                    let moved = u64::from(be32(place, 0)?).checked_add(by)?;
                    place.copy_from_slice(&u32::try_from(moved).ok()?.to_be_bytes());
                }
            }
            b"co64" => {
                for place in inside.get_mut(8..)?.chunks_exact_mut(8) {
                    let moved = u64::from_be_bytes(*place.first_chunk()?).checked_add(by)?;
                    place.copy_from_slice(&moved.to_be_bytes());
                }
            }
            _ => {}
        }
        at = at.checked_add(head)?.checked_add(len)?;
    }
    Some(())
}
