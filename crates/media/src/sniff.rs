//! Bytes to a row of the table of formats.
//! Promise: any input gets an answer, in time linear in the head; file names and the client's type play no part.
//! Not here: whether the rest of the file keeps what its head promises; decoders find that out.

use crate::formats::{BEHIND, Family, Format, Meaning, Part, SIGNATURES, UNKNOWN};
use crate::{archive, audio_frame, bytes, container, text, tiff};

/// As much of a file as is looked at.
pub const HEAD_BYTES: usize = 4096;

/// Tells what a file is from its first bytes.
///
/// `head` is the file's start: [`HEAD_BYTES`] of it, or all where the file is shorter (more is not looked at);
/// `complete` says whether it is the whole file. The first signature wins, so a JPEG with HTML behind it is a JPEG. The
/// empty file, and what nothing fits, is [`UNKNOWN`].
pub fn sniff(head: &[u8], complete: bool) -> Format {
    let (head, complete) = match head.get(..HEAD_BYTES) {
        Some(start) => (start, complete && head.len() == HEAD_BYTES),
        None => (head, complete),
    };
    if head.is_empty() {
        return UNKNOWN;
    }
    by_signature(head, complete)
        .or_else(|| audio_frame::untagged(head, complete))
        .or_else(|| text::text(head, complete))
        .or_else(|| rarer(head))
        .unwrap_or(UNKNOWN)
}

fn by_signature(head: &[u8], complete: bool) -> Option<Format> {
    let fits = |parts: &[Part]| parts.iter().all(|(at, part)| bytes::has(head, *at, part));
    SIGNATURES.iter().filter(|(parts, _)| fits(parts)).find_map(|(_, meaning)| match meaning {
        Meaning::Is(format) => Some(*format),
        Meaning::In(family) => inside(*family, head, complete),
    })
}

fn inside(family: Family, head: &[u8], complete: bool) -> Option<Format> {
    match family {
        Family::IsoMedia => container::iso_media(head),
        Family::Ebml => container::ebml(head),
        Family::Ogg => container::ogg(head),
        Family::Asf => Some(container::asf(head)),
        Family::Tiff => Some(tiff::tiff(head)),
        Family::Zip => Some(archive::zip(head)),
        Family::Id3 => audio_frame::tagged(head, complete),
    }
}

/// What the `infer` crate knows beyond the table. It sees the head only, and not before all text is out of the way.
fn rarer(head: &[u8]) -> Option<Format> {
    let found = infer::get(head)?;
    BEHIND.iter().find(|(extension, _)| *extension == found.extension()).map(|(_, format)| *format)
}

#[cfg(test)]
mod tests;
