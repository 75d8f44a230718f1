//! PNG and APNG (PNG third edition): its chunks.

use super::scan::be32;
use super::{BLOCK_MAX, Blocks, clean};
use crate::source::{Source, bytes_at};

/// Chunks looked at; pictures are often cut into thousands of them.
const CHUNKS_MAX: usize = 20_000;

/// Collects what the chunks say. Compressed texts are left alone: they may be bombs.
pub(super) fn read(source: &mut dyn Source, blocks: &mut Blocks) {
    let mut at = 8u64;
    let mut kept = 0usize;
    for _ in 0..CHUNKS_MAX {
        let Ok(head) = bytes_at(source, at, 8) else { return };
        let (Some(length), Some(name)) = (be32(&head, 0), head.get(4..8)) else { return };
        let wanted = matches!(name, b"IHDR" | b"acTL" | b"eXIf" | b"iTXt" | b"tEXt");
        if name == b"IEND" {
            return;
        }
        if wanted && (length as usize) < BLOCK_MAX && kept < BLOCK_MAX {
            let Ok(body) = bytes_at(source, at.saturating_add(8), length as usize) else { return };
            kept = kept.saturating_add(body.len());
            chunk(name, body, blocks);
        }
        at = at.saturating_add(12).saturating_add(u64::from(length));
    }
}

fn chunk(name: &[u8], body: Vec<u8>, blocks: &mut Blocks) {
    match name {
        b"IHDR" => {
            blocks.stored = be32(&body, 0).zip(be32(&body, 4));
            let color = match body.get(9) {
                Some(0 | 4) => "gray",
                Some(3) => "palette",
                _ => "rgb",
            };
            let depth = body.get(8).copied();
            let image = blocks.image();
            (image.color, image.bit_depth) = (Some(color.to_owned()), depth);
        }
        b"acTL" => blocks.image().frames = be32(&body, 0).filter(|frames| *frames > 1),
        b"eXIf" => blocks.exif.push(body),
        b"iTXt" => {
            if let Some(packet) = body.strip_prefix(b"XML:com.adobe.xmp\0\0\0") {
                // A language and a translated name, both mostly empty, come before the text.
                let text = packet.splitn(3, |byte| *byte == 0).nth(2).unwrap_or_default();
                blocks.xmp.push(text.to_vec());
            }
        }
        _ => text(&body, blocks),
    }
}

/// A keyword and its text in Latin-1.
fn text(body: &[u8], blocks: &mut Blocks) {
    let mut parts = body.splitn(2, |byte| *byte == 0);
    let latin = |part: &[u8]| part.iter().map(|byte| char::from(*byte)).collect::<String>();
    let (Some(keyword), Some(value)) = (parts.next().map(latin), parts.next().map(latin)) else { return };
    let Some(value) = clean(&value) else { return };
    let facts = &mut blocks.found.facts;
    let place = match keyword.as_str() {
        "Title" => &mut facts.title,
        "Author" => &mut facts.creator,
        "Description" | "Comment" => &mut facts.caption,
        "Copyright" => &mut facts.copyright,
        "Software" => &mut facts.software,
        _ => &mut None,
    };
    place.get_or_insert_with(|| value.clone());
    blocks.found.raw.insert(format!("PNG:{keyword}"), value);
}
