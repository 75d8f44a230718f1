//! JPEG: the segments before the picture.

use super::scan::be16;
use super::{BLOCK_MAX, Blocks};
use crate::source::{Source, bytes_at};

/// Segments looked at.
const SEGMENTS_MAX: usize = 400;

/// Collects the blocks of EXIF, XMP and IPTC, and the size from the frame's header.
pub(super) fn read(source: &mut dyn Source, blocks: &mut Blocks) {
    let mut at = 2u64;
    let mut kept = 0usize;
    for _ in 0..SEGMENTS_MAX {
        let Ok(head) = bytes_at(source, at, 4) else { return };
        let [0xFF, marker, high, low] = head.as_slice() else { return };
        if *marker == 0xFF {
            at = at.saturating_add(1);
            continue;
        }
        if matches!(marker, 0xD8 | 0xD0..=0xD7 | 0x01) {
            at = at.saturating_add(2);
            continue;
        }
        if matches!(marker, 0xDA | 0xD9) {
            return;
        }
        let length = u16::from_be_bytes([*high, *low]);
        let wanted = matches!(marker, 0xE1 | 0xED | 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
        if wanted && kept < BLOCK_MAX {
            let Ok(body) = bytes_at(source, at.saturating_add(4), usize::from(length).saturating_sub(2)) else {
                return;
            };
            kept = kept.saturating_add(body.len());
            segment(*marker, body, blocks);
        }
        at = at.saturating_add(2).saturating_add(u64::from(length));
    }
}

fn segment(marker: u8, body: Vec<u8>, blocks: &mut Blocks) {
    match marker {
        0xE1 => {
            if let Some(exif) = body.strip_prefix(b"Exif\0\0") {
                blocks.exif.push(exif.to_vec());
            } else if let Some(xmp) = body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                blocks.xmp.push(xmp.to_vec());
            }
        }
        0xED => {
            if let Some(resources) = body.strip_prefix(b"Photoshop 3.0\0") {
                blocks.iptc.extend(resource(resources, 0x0404));
            }
        }
        _ => {
            if let (Some(height), Some(width)) = (be16(&body, 1), be16(&body, 3)) {
                blocks.stored = Some((u32::from(width), u32::from(height)));
            }
        }
    }
}

/// A Photoshop image resource (Photoshop File Formats, "Image Resource Blocks").
pub(super) fn resource(mut bytes: &[u8], wanted: u16) -> Option<Vec<u8>> {
    while let Some(rest) = bytes.strip_prefix(b"8BIM") {
        let id = be16(rest, 0)?;
        let name = usize::from(*rest.get(2)?).checked_add(1)?.next_multiple_of(2);
        let length_at = name.checked_add(2)?;
        let length = usize::try_from(super::scan::be32(rest, length_at)?).ok()?;
        let start = length_at.checked_add(4)?;
        let end = start.checked_add(length)?;
        if id == wanted {
            return rest.get(start..end).map(<[u8]>::to_vec);
        }
        bytes = rest.get(end.next_multiple_of(2)..)?;
    }
    None
}
