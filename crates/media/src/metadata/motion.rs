//! Motion photos: a video behind or inside a still (features 4.6). What XMP promises is believed only where a video begins.

use crate::found::{Found, Motion, Span};
use crate::source::{Source, bytes_at, length};

/// The end of the file that is searched for Samsung's mark.
const TAIL: u64 = 64 * 1024;

/// Settles `found.motion`: its span counts from the file's beginning from here on.
pub(super) fn find(source: &mut dyn Source, found: &mut Found) {
    let size = length(source).unwrap_or(0);
    let promised = found.motion.take().and_then(|motion| {
        let at = size.checked_sub(motion.span.at)?;
        begins_video(source, at).then_some(Motion { span: Span { at, len: motion.span.len }, ..motion })
    });
    found.motion = promised.or_else(|| samsung(source, size));
    if let Some(motion) = &mut found.motion {
        let bytes = bytes_at(source, motion.span.at, usize::try_from(motion.span.len.min(64 << 20)).unwrap_or(0));
        let mut video = Found::default();
        super::isobmff::movie(&mut std::io::Cursor::new(bytes.unwrap_or_default()), &mut video);
        motion.duration_ms = video.duration_ms;
    }
}

fn begins_video(source: &mut dyn Source, at: u64) -> bool {
    bytes_at(source, at, 8).is_ok_and(|head| head.get(4..8) == Some(b"ftyp"))
}

/// Samsung's trailer: a mark, then the video up to the directory behind it.
fn samsung(source: &mut dyn Source, size: u64) -> Option<Motion> {
    let tail_at = size.saturating_sub(TAIL);
    let tail = bytes_at(source, tail_at, usize::try_from(TAIL).ok()?).ok()?;
    // The directory at the end ("SEFH") names its entries; without it there is nothing to look for.
    tail.windows(4).rposition(|window| window == b"SEFT")?;
    let directory = tail.windows(4).rposition(|window| window == b"SEFH")?;
    let directory_at = tail_at.checked_add(directory as u64)?;
    let count = super::scan::le32(tail.get(directory..)?, 8)?.min(64);
    (0..count as usize).find_map(|number| {
        let at = directory.checked_add(12)?.checked_add(number.checked_mul(12)?)?;
        let entry = tail.get(at..at.checked_add(12)?)?;
        let (before, len) = (super::scan::le32(entry, 4)?, super::scan::le32(entry, 8)?);
        let start = directory_at.checked_sub(u64::from(before))?;
        let head = bytes_at(source, start, 64).ok()?;
        let name_length = super::scan::le32(&head, 4)?;
        let name = head.get(8..8usize.checked_add(usize::try_from(name_length).ok()?)?)?;
        if name != b"MotionPhoto_Data" {
            return None;
        }
        let skip = u64::from(name_length).checked_add(8)?;
        let span = Span { at: start.checked_add(skip)?, len: u64::from(len).checked_sub(skip)? };
        begins_video(source, span.at).then(|| Motion {
            span,
            mime_type: "video/mp4".to_owned(),
            duration_ms: None,
            presentation_micros: None,
        })
    })
}
