//! TIFF (revision 6.0) and what is built on it: camera raws, with the largest JPEG in them. Also RAF and PSD.

use mv_core::facts::ImageFacts;

use super::jpeg::resource;
use super::scan::{be16, be32, le16, le32};
use super::{BLOCK_MAX, Blocks};
use crate::found::Span;
use crate::source::{Source, bytes_at, length};

/// The largest file that is handed to the EXIF reader whole; of larger ones it sees the beginning.
const WHOLE_MAX: u64 = 48 * 1024 * 1024;
const BEGINNING: usize = 4 * 1024 * 1024;
/// Directories and entries looked at.
const DIRECTORIES_MAX: usize = 64;
const ENTRIES_MAX: u16 = 512;

/// A TIFF file, or with `camera` a raw.
pub(super) fn tiff(source: &mut dyn Source, blocks: &mut Blocks, camera: bool) {
    let size = length(source).unwrap_or(0);
    let mut block = if size <= WHOLE_MAX {
        bytes_at(source, 0, usize::try_from(size).unwrap_or(0)).unwrap_or_default()
    } else {
        bytes_at(source, 0, BEGINNING).unwrap_or_default()
    };
    // Olympus and Panasonic write another magic number before the same structure.
    let little = block.starts_with(b"II");
    if let Some(magic) = block.get_mut(2..4) {
        magic.copy_from_slice(if little { &[42, 0] } else { &[0, 42] });
    }
    let mut walk = Walk { little, size, previews: Vec::new(), pages: 0, seen: Vec::new(), first: None };
    let first = walk.long(&bytes_at(source, 4, 4).unwrap_or_default(), 0).unwrap_or(0);
    walk.chain(source, u64::from(first));
    for (tag, wanted) in [(700u16, true), (33723, false)] {
        if let Some(span) = walk.first.as_ref().and_then(|first| first.blob(tag)) {
            let bytes = bytes_at(source, span.at, span.len.min(BLOCK_MAX as u64) as usize).unwrap_or_default();
            if wanted { blocks.xmp.push(bytes) } else { blocks.iptc.push(bytes) }
        }
    }
    if let Some(first) = &walk.first {
        if camera {
            blocks.found.preview = walk.previews.iter().copied().max_by_key(|span| span.len);
        } else {
            blocks.stored = first.width.zip(first.height);
            let color = match first.photometric {
                Some(0 | 1) => Some("gray"),
                Some(2) => Some("rgb"),
                Some(3) => Some("palette"),
                Some(5) => Some("cmyk"),
                Some(6) => Some("ycbcr"),
                Some(8) => Some("lab"),
                _ => None,
            };
            let (pages, bit_depth) = (walk.pages, first.bits);
            let image = blocks.image();
            *image = ImageFacts { color: color.map(str::to_owned), bit_depth, ..std::mem::take(image) };
            image.frames = (pages > 1).then_some(pages);
        }
    }
    blocks.camera = camera;
    if camera {
        // The largest directory's size is the sensor's; the one shown comes from it.
        blocks.stored =
            walk.seen.iter().filter_map(|it| it.1).max_by_key(|(w, h)| u64::from(*w).saturating_mul(u64::from(*h)));
    }
    blocks.exif.push(block);
}

/// What a directory says that matters here.
#[derive(Default)]
struct Directory {
    width: Option<u32>,
    height: Option<u32>,
    bits: Option<u8>,
    compression: Option<u32>,
    photometric: Option<u32>,
    strip: (Option<u32>, Option<u32>),
    jpeg: (Option<u32>, Option<u32>),
    blobs: Vec<(u16, Span)>,
    below: Vec<u32>,
    is_reduced: bool,
}

impl Directory {
    fn blob(&self, tag: u16) -> Option<Span> {
        self.blobs.iter().find(|(known, _)| *known == tag).map(|(_, span)| *span)
    }
}

struct Walk {
    little: bool,
    size: u64,
    previews: Vec<Span>,
    pages: u32,
    /// Places of directories that were read, with their sizes.
    seen: Vec<(u64, Option<(u32, u32)>)>,
    first: Option<Directory>,
}

impl Walk {
    fn short(&self, bytes: &[u8], at: usize) -> Option<u16> {
        if self.little { le16(bytes, at) } else { be16(bytes, at) }
    }

    fn long(&self, bytes: &[u8], at: usize) -> Option<u32> {
        if self.little { le32(bytes, at) } else { be32(bytes, at) }
    }

    /// The directories of a file, one after the other, and those below them; none twice.
    fn chain(&mut self, source: &mut dyn Source, start: u64) {
        let mut waiting = vec![(start, true)];
        while let Some((at, is_page)) = waiting.pop() {
            if at == 0
                || at >= self.size
                || self.seen.len() >= DIRECTORIES_MAX
                || self.seen.iter().any(|(seen, _)| *seen == at)
            {
                continue;
            }
            let Some((directory, next)) = self.directory(source, at) else { continue };
            self.seen.push((at, directory.width.zip(directory.height)));
            self.note_preview(source, &directory);
            waiting.extend(directory.below.iter().map(|below| (u64::from(*below), false)));
            waiting.push((u64::from(next), is_page));
            if is_page && !directory.is_reduced {
                self.pages = self.pages.saturating_add(1);
            }
            self.first.get_or_insert(directory);
        }
    }

    fn directory(&self, source: &mut dyn Source, at: u64) -> Option<(Directory, u32)> {
        let count = self.short(&bytes_at(source, at, 2).ok()?, 0)?.min(ENTRIES_MAX);
        let length = usize::from(count).checked_mul(12)?;
        let bytes = bytes_at(source, at.checked_add(2)?, length.checked_add(4)?).ok()?;
        let mut directory = Directory::default();
        for entry in bytes.chunks_exact(12).take(usize::from(count)) {
            self.entry(source, entry, &mut directory);
        }
        Some((directory, self.long(&bytes, length).unwrap_or(0)))
    }

    fn entry(&self, source: &mut dyn Source, entry: &[u8], directory: &mut Directory) -> Option<()> {
        let (tag, kind, count) = (self.short(entry, 0)?, self.short(entry, 2)?, self.long(entry, 4)?);
        let place = self.long(entry, 8)?;
        let value = match kind {
            1 | 6 | 7 => u32::from(*entry.get(8)?),
            3 | 8 => u32::from(self.short(entry, 8)?),
            _ => place,
        };
        // The first of several values; those of four bytes lie elsewhere.
        let first = |source: &mut dyn Source| {
            let far = matches!(kind, 3 if count > 2) || matches!(kind, 4 | 13 if count > 1);
            if !far {
                return Some(value);
            }
            let bytes = bytes_at(source, u64::from(place), 4).ok()?;
            if kind == 3 { self.short(&bytes, 0).map(u32::from) } else { self.long(&bytes, 0) }
        };
        match tag {
            0x00FE => directory.is_reduced = value & 1 == 1,
            0x0100 => directory.width = Some(value),
            0x0101 => directory.height = Some(value),
            0x0102 => directory.bits = first(source).and_then(|bits| u8::try_from(bits).ok()),
            0x0103 => directory.compression = Some(value),
            0x0106 => directory.photometric = Some(value),
            0x0111 if count == 1 => directory.strip.0 = Some(value),
            0x0117 if count == 1 => directory.strip.1 = Some(value),
            0x0201 => directory.jpeg.0 = Some(value),
            0x0202 => directory.jpeg.1 = Some(value),
            // Panasonic keeps a whole JPEG in one value.
            0x002E if kind == 7 => directory.jpeg = (Some(place), Some(count)),
            0x014A => {
                let bytes = if count == 1 {
                    place.to_le_bytes().to_vec()
                } else {
                    bytes_at(source, u64::from(place), usize::try_from(count.min(16)).ok()?.checked_mul(4)?).ok()?
                };
                if count == 1 {
                    directory.below.push(place);
                } else {
                    directory
                        .below
                        .extend((0..bytes.len() / 4).filter_map(|number| self.long(&bytes, number.checked_mul(4)?)));
                }
            }
            0x8769 => directory.below.push(value),
            700 | 33723 => {
                let width = if kind == 4 { 4 } else { 1 };
                directory.blobs.push((tag, Span { at: u64::from(place), len: u64::from(count).saturating_mul(width) }));
            }
            _ => {}
        }
        Some(())
    }

    /// A ready-made JPEG, if it is one: lossless ones of sensors begin alike but show nothing.
    fn note_preview(&mut self, source: &mut dyn Source, directory: &Directory) {
        let strip = match directory.compression {
            Some(6 | 7) => directory.strip.0.zip(directory.strip.1),
            _ => None,
        };
        for (at, len) in directory.jpeg.0.zip(directory.jpeg.1).into_iter().chain(strip) {
            let span = Span { at: u64::from(at), len: u64::from(len) };
            let inside = span.at.checked_add(span.len).is_some_and(|end| end <= self.size);
            if inside && len > 1000 && is_shown(source, span) {
                self.previews.push(span);
            }
        }
    }
}

/// Whether a JPEG begins here that a decoder of pictures takes: not a lossless one (SOF3).
fn is_shown(source: &mut dyn Source, span: Span) -> bool {
    let Ok(head) = bytes_at(source, span.at, 64 * 1024) else { return false };
    if !head.starts_with(b"\xFF\xD8\xFF") {
        return false;
    }
    let mut at = 2usize;
    for _ in 0..100 {
        match head.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
            Some([0xFF, 0xC3, ..]) => return false,
            Some([0xFF, 0xC0..=0xC2, ..]) => return true,
            Some([0xFF, _, high, low]) => {
                at = at.saturating_add(2).saturating_add(usize::from(u16::from_be_bytes([*high, *low])));
            }
            // Its frame lies behind a large APP segment: such are previews.
            _ => return at >= head.len(),
        }
    }
    false
}

/// Fujifilm's raw: the place of the JPEG stands in its header.
pub(super) fn raf(source: &mut dyn Source, blocks: &mut Blocks) {
    let head = bytes_at(source, 84, 8).unwrap_or_default();
    let (Some(at), Some(len)) = (be32(&head, 0), be32(&head, 4)) else { return };
    let span = Span { at: u64::from(at), len: u64::from(len) };
    if !is_shown(source, span) {
        return;
    }
    blocks.found.preview = Some(span);
    let bytes = bytes_at(source, span.at, span.len.min(64 * 1024 * 1024) as usize).unwrap_or_default();
    super::jpeg::read(&mut std::io::Cursor::new(bytes), blocks);
}

/// Photoshop: the header and the image resources.
pub(super) fn psd(source: &mut dyn Source, blocks: &mut Blocks) {
    let head = bytes_at(source, 0, 30).unwrap_or_default();
    blocks.stored = be32(&head, 18).zip(be32(&head, 14));
    let color = match be16(&head, 24) {
        Some(1) => Some("gray"),
        Some(2) => Some("palette"),
        Some(3) => Some("rgb"),
        Some(4) => Some("cmyk"),
        Some(9) => Some("lab"),
        _ => None,
    };
    let bit_depth = be16(&head, 22).and_then(|bits| u8::try_from(bits).ok());
    let image = blocks.image();
    (image.color, image.bit_depth) = (color.map(str::to_owned), bit_depth);
    let at = 30u64.saturating_add(u64::from(be32(&head, 26).unwrap_or(0)));
    let Some(size) = bytes_at(source, at, 4).ok().and_then(|bytes| be32(&bytes, 0)) else { return };
    let resources = bytes_at(source, at.saturating_add(4), (size as usize).min(BLOCK_MAX)).unwrap_or_default();
    blocks.exif.extend(resource(&resources, 1058));
    blocks.xmp.extend(resource(&resources, 1060));
    blocks.iptc.extend(resource(&resources, 0x0404));
}
