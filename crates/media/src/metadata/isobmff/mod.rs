//! ISO base media files (ISO/IEC 14496-12), QuickTime and HEIF: boxes in boxes.
//! Promise: at most so many boxes of a level are looked at, and no box larger than it may be is read.

mod heif;
mod movie;

pub(super) use heif::still;
pub(super) use movie::movie;

use super::scan::{be32, be64};
use super::{BLOCK_MAX, Blocks};
use crate::found::Span;
use crate::source::{Source, bytes_at, length};

/// Boxes looked at on the file's own level.
const TOP_MAX: usize = 4096;
/// Boxes looked at inside another.
const INNER_MAX: usize = 2048;
/// The largest header of a movie, and of a picture.
const HEADER_MAX: u64 = 64 * 1024 * 1024;

/// A box in memory: its type and its body.
pub(crate) type Inner<'a> = ([u8; 4], &'a [u8]);

/// The boxes of a body, in order.
pub(crate) fn inner(mut bytes: &[u8]) -> Vec<Inner<'_>> {
    let mut boxes = Vec::new();
    while boxes.len() < INNER_MAX {
        let (Some(size), Some(kind)) = (be32(bytes, 0), bytes.get(4..8).and_then(|kind| kind.first_chunk::<4>()))
        else {
            break;
        };
        let (head, size) = match size {
            0 => (8, bytes.len()),
            1 => (16, be64(bytes, 8).and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX)),
            size => (8, size as usize),
        };
        let Some(body) = bytes.get(head..size.min(bytes.len())) else { break };
        boxes.push((*kind, body));
        let Some(rest) = bytes.get(size..) else { break };
        bytes = rest;
    }
    boxes
}

/// The first box of this type.
pub(crate) fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    inner(bytes).into_iter().find(|(known, _)| known == kind).map(|(_, body)| body)
}

/// The box at the end of a path of types.
pub(crate) fn dig<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, kind| find(bytes, kind))
}

/// The boxes of a file: their types and the places of their bodies. `visit` ends it by `false`.
pub(crate) fn top(source: &mut dyn Source, mut visit: impl FnMut(&mut dyn Source, [u8; 4], Span) -> bool) {
    let end = length(source).unwrap_or(0);
    let mut at = 0u64;
    for _ in 0..TOP_MAX {
        let Ok(head) = bytes_at(source, at, 16) else { return };
        let (Some(size), Some(kind)) = (be32(&head, 0), head.get(4..8).and_then(|kind| kind.first_chunk::<4>())) else {
            return;
        };
        let (before, size) = match size {
            0 => (8, end.saturating_sub(at)),
            1 => (16, be64(&head, 8).unwrap_or(0)),
            size => (8, u64::from(size)),
        };
        if size < before {
            return;
        }
        let body = Span { at: at.saturating_add(before), len: size.saturating_sub(before) };
        if !visit(source, *kind, body) {
            return;
        }
        at = at.saturating_add(size);
    }
}

/// A box's body, if it is not larger than a header may be.
pub(super) fn load(source: &mut dyn Source, span: Span) -> Option<Vec<u8>> {
    let len = usize::try_from(Some(span.len).filter(|len| *len <= HEADER_MAX)?).ok()?;
    bytes_at(source, span.at, len).ok()
}

/// Canon's CR3: EXIF in four boxes, and two ready-made pictures.
pub(super) fn cr3(source: &mut dyn Source, blocks: &mut Blocks) {
    const CANON: [u8; 16] = *b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
    const PREVIEW: [u8; 16] = *b"\xea\xf4\x2b\x5e\x1c\x98\x4b\x88\xb9\xfb\xb7\xdc\x40\x6e\x4d\x16";
    let mut previews = Vec::new();
    top(source, |source, kind, span| {
        match &kind {
            b"moov" => {
                let Some(moov) = load(source, span) else { return true };
                for (kind, body) in inner(&moov) {
                    if &kind == b"uuid" && body.starts_with(&CANON) {
                        let boxes = inner(body.get(16..).unwrap_or_default());
                        let named =
                            |name: &[u8; 4]| boxes.iter().find(|(kind, _)| kind == name).map(|(_, body)| body.to_vec());
                        blocks.exif.extend(named(b"CMT1"));
                        // The directories of EXIF and GPS stand in structures of their own.
                        blocks.exif.extend(named(b"CMT2").map(|block| as_exif(block, 0x8769)));
                        blocks.exif.extend(named(b"CMT4").map(|block| as_exif(block, 0x8825)));
                    }
                }
                previews.extend(full_picture(&moov));
            }
            b"uuid" => {
                let head = bytes_at(source, span.at, 64).unwrap_or_default();
                if head.starts_with(&PREVIEW) {
                    previews.extend(preview(source, span));
                }
            }
            _ => {}
        }
        true
    });
    previews.retain(|span: &Span| bytes_at(source, span.at, 3).is_ok_and(|head| head == b"\xFF\xD8\xFF"));
    blocks.found.preview = previews.into_iter().max_by_key(|span| span.len);
}

/// A TIFF structure whose first directory is the one of EXIF or GPS, behind one that points to it.
fn as_exif(block: Vec<u8>, tag: u16) -> Vec<u8> {
    let little = block.starts_with(b"II");
    let place = block.get(4..8).unwrap_or_default().to_vec();
    let mut whole = block;
    let at = whole.len().next_multiple_of(2);
    whole.resize(at, 0);
    let short = if little { u16::to_le_bytes } else { u16::to_be_bytes };
    let long = if little { u32::to_le_bytes } else { u32::to_be_bytes };
    let directory = [&short(1)[..], &short(tag), &short(4), &long(1), &place, &long(0)].concat();
    whole.extend(directory);
    if let (Some(pointer), Ok(at)) = (whole.get_mut(4..8), u32::try_from(at)) {
        pointer.copy_from_slice(&long(at));
    }
    whole
}

/// The JPEG that is the first track's only sample.
fn full_picture(moov: &[u8]) -> Option<Span> {
    let table = dig(moov, &[b"trak", b"mdia", b"minf", b"stbl"])?;
    let size = find(table, b"stsz")?;
    let len = match be32(size, 4)? {
        0 => be32(size, 12)?,
        size => size,
    };
    let at = match (find(table, b"co64"), find(table, b"stco")) {
        (Some(places), _) => be64(places, 8)?,
        (_, Some(places)) => u64::from(be32(places, 8)?),
        _ => return None,
    };
    Some(Span { at, len: u64::from(len) })
}

/// The JPEG in `PRVW`, found by its first bytes.
fn preview(source: &mut dyn Source, span: Span) -> Option<Span> {
    let head = bytes_at(source, span.at, 256).ok()?;
    let start = head.windows(3).position(|window| window == b"\xFF\xD8\xFF")?;
    let at = span.at.checked_add(start as u64)?;
    Some(Span { at, len: span.len.checked_sub(start as u64)? })
}

/// JPEG XL in boxes (ISO/IEC 18181-2): EXIF and XMP. The codestream has told its orientation to the decoder.
pub(super) fn jxl(source: &mut dyn Source, blocks: &mut Blocks) {
    blocks.turned = true;
    if !bytes_at(source, 4, 4).is_ok_and(|kind| kind == b"JXL ") {
        return;
    }
    top(source, |source, kind, span| {
        let body = |source: &mut dyn Source| {
            bytes_at(source, span.at, span.len.min(BLOCK_MAX as u64) as usize).unwrap_or_default()
        };
        match &kind {
            b"Exif" => blocks.exif.push(body(source).get(4..).unwrap_or_default().to_vec()),
            b"xml " => blocks.xmp.push(body(source)),
            _ => {}
        }
        true
    });
}
