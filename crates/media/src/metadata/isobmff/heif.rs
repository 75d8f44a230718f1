//! HEIF (ISO/IEC 23008-12): the primary item's size, turns and colour, and the items that hold EXIF and XMP.

use super::{Blocks, find, inner, load, top};
use crate::found::{Motion, Span};
use crate::metadata::BLOCK_MAX;
use crate::metadata::scan::{be16, be32, be64};
use crate::source::{Source, bytes_at};

/// Items looked at.
const ITEMS_MAX: usize = 4096;
/// The largest ICC profile that is taken along.
const PROFILE_MAX: usize = 1024 * 1024;

/// Reads a still.
pub(in crate::metadata) fn still(source: &mut dyn Source, blocks: &mut Blocks) {
    // `irot` and `imir` say how it is turned; EXIF would turn it twice.
    blocks.turned = true;
    let mut meta = None;
    let mut motion = None;
    top(source, |source, kind, span| {
        match &kind {
            b"meta" => meta = load(source, span),
            b"mpvd" => motion = Some(span),
            _ => {}
        }
        true
    });
    blocks.found.motion = motion.map(|span| Motion {
        // As XMP counts: from the end.
        span: Span { at: crate::source::length(source).unwrap_or(0).saturating_sub(span.at), len: span.len },
        mime_type: "video/mp4".to_owned(),
        duration_ms: None,
        presentation_micros: None,
    });
    let Some(meta) = meta.as_deref().and_then(|meta| meta.get(4..)) else { return };
    properties(meta, blocks);
    for (id, kind) in items(meta) {
        let (exif, xmp) = (&kind == b"Exif", &kind == b"mime");
        if !exif && !xmp {
            continue;
        }
        let Some(body) =
            place(meta, id).and_then(|span| bytes_at(source, span.at, span.len.min(BLOCK_MAX as u64) as usize).ok())
        else {
            continue;
        };
        if xmp {
            blocks.xmp.push(body);
        } else {
            // Four bytes say how far behind them the TIFF structure begins.
            let skip = be32(&body, 0).and_then(|skip| usize::try_from(skip).ok()?.checked_add(4));
            blocks.exif.extend(skip.and_then(|skip| body.get(skip..)).map(<[u8]>::to_vec));
        }
    }
}

fn primary(meta: &[u8]) -> Option<u32> {
    let pitm = find(meta, b"pitm")?;
    if pitm.first() == Some(&0) { be16(pitm, 4).map(u32::from) } else { be32(pitm, 4) }
}

/// The properties of the primary item, in their order.
fn properties(meta: &[u8], blocks: &mut Blocks) {
    let Some(iprp) = find(meta, b"iprp") else { return };
    let all = find(iprp, b"ipco").map(inner).unwrap_or_default();
    let mine = primary(meta).map(|id| associated(iprp, id)).unwrap_or_default();
    let mut size = None;
    for number in mine {
        let Some((kind, body)) = usize::from(number).checked_sub(1).and_then(|at| all.get(at)) else { continue };
        match kind {
            b"ispe" => size = be32(body, 4).zip(be32(body, 8)),
            b"irot" if body.first().is_some_and(|turn| turn & 1 == 1) => size = size.map(|(w, h)| (h, w)),
            b"pixi" => blocks.image().bit_depth = body.get(5).copied(),
            b"colr" if body.starts_with(b"prof") || body.starts_with(b"rICC") => {
                let profile = body.get(4..).unwrap_or_default();
                blocks.image().profile = crate::image::profile_name(profile);
                blocks.found.profile = Some(profile.to_vec()).filter(|profile| profile.len() <= PROFILE_MAX);
            }
            _ => {}
        }
    }
    blocks.stored = size;
    let gain = all.iter().any(|(kind, body)| {
        kind == b"auxC" && body.windows(12).any(|window| window == b"hdrgainmap\0" || window.starts_with(b"hdrgainmap"))
    });
    if gain {
        blocks.image().hdr = Some("apple".to_owned());
    } else if items(meta).iter().any(|(_, kind)| kind == b"tmap") {
        blocks.image().hdr = Some("iso".to_owned());
    }
}

/// Numbers of the properties of an item (ISO/IEC 23008-12 section 9.3.2, `ipma`).
fn associated(iprp: &[u8], wanted: u32) -> Vec<u16> {
    let read = || -> Option<Vec<u16>> {
        let ipma = find(iprp, b"ipma")?;
        let (version, wide) = (*ipma.first()?, ipma.get(3)? & 1 == 1);
        let count = be32(ipma, 4)?;
        let mut at = 8usize;
        for _ in 0..count.min(ITEMS_MAX as u32) {
            let (id, next) = if version == 0 {
                (u32::from(be16(ipma, at)?), at.checked_add(2)?)
            } else {
                (be32(ipma, at)?, at.checked_add(4)?)
            };
            let entries = usize::from(*ipma.get(next)?);
            at = next.checked_add(1)?;
            let mut mine = Vec::new();
            for _ in 0..entries {
                let number = if wide { be16(ipma, at)? & 0x7FFF } else { u16::from(*ipma.get(at)? & 0x7F) };
                mine.push(number);
                at = at.checked_add(if wide { 2 } else { 1 })?;
            }
            if id == wanted {
                return Some(mine);
            }
        }
        None
    };
    read().unwrap_or_default()
}

/// The items: number and type (`infe`, versions 2 and 3).
fn items(meta: &[u8]) -> Vec<(u32, [u8; 4])> {
    let Some(iinf) = find(meta, b"iinf") else { return Vec::new() };
    let skip = if iinf.first() == Some(&0) { 6 } else { 8 };
    let entries = inner(iinf.get(skip..).unwrap_or_default());
    entries
        .into_iter()
        .filter(|(kind, _)| kind == b"infe")
        .take(ITEMS_MAX)
        .filter_map(|(_, body)| {
            let (id, at) = if body.first()? == &2 { (u32::from(be16(body, 4)?), 8) } else { (be32(body, 4)?, 10) };
            Some((id, *body.get(at..)?.first_chunk::<4>()?))
        })
        .collect()
}

/// Where an item's bytes lie, if in one piece of the file itself (`iloc`).
fn place(meta: &[u8], wanted: u32) -> Option<Span> {
    let iloc = find(meta, b"iloc")?;
    let version = *iloc.first()?;
    let sizes = be16(iloc, 4)?;
    let width = |shift: u32| usize::from(sizes >> shift & 0xF);
    let (offset_size, length_size, base_size) = (width(12), width(8), width(4));
    let index_size = if version > 0 { width(0) } else { 0 };
    let mut cursor = Cursor { bytes: iloc, at: 6 };
    let count = cursor.number(if version < 2 { 2 } else { 4 })?;
    for _ in 0..count.min(ITEMS_MAX as u64) {
        let id = cursor.number(if version < 2 { 2 } else { 4 })?;
        let method = if version > 0 { cursor.number(2)? & 0xF } else { 0 };
        cursor.number(2)?;
        let base = cursor.number(base_size)?;
        let extents = cursor.number(2)?;
        let mut first = None;
        for _ in 0..extents.min(64) {
            cursor.number(index_size)?;
            let (offset, len) = (cursor.number(offset_size)?, cursor.number(length_size)?);
            first.get_or_insert(Span { at: base.checked_add(offset)?, len });
        }
        if id == u64::from(wanted) {
            return first.filter(|_| method == 0 && extents == 1);
        }
    }
    None
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    /// The next number of 0, 2, 4 or 8 bytes.
    fn number(&mut self, size: usize) -> Option<u64> {
        let number = match size {
            0 => 0,
            2 => u64::from(be16(self.bytes, self.at)?),
            4 => u64::from(be32(self.bytes, self.at)?),
            8 => be64(self.bytes, self.at)?,
            _ => return None,
        };
        self.at = self.at.checked_add(size)?;
        Some(number)
    }
}
