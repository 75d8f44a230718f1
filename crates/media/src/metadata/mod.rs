//! What a file says of itself: EXIF, XMP, IPTC, boxes, tracks and tags, in one shape (`Found`).
//! Promise: never fails and never reads far: what cannot be read is left out; every count, depth and length is bounded.
//! Order where several say the same (features 4.5, Metadata Working Group guidelines 2.0): texts from XMP, then IPTC, then
//! EXIF; times from EXIF, then XMP, IPTC, the satellites. Not here: pixels (`image`), what programs see (`video`).

mod audio;
mod exif;
mod gif;
mod iptc;
pub(crate) mod isobmff;
mod jpeg;
mod matroska;
mod motion;
mod png;
mod raw;
mod riff;
pub(crate) mod scan;
mod time;
mod xmp;

use mv_core::facts::ImageFacts;

use crate::formats::{self, Format};
use crate::found::Found;
use crate::source::Source;

/// The largest block of EXIF, XMP or IPTC that is looked at.
pub(crate) const BLOCK_MAX: usize = 8 * 1024 * 1024;
/// Tags kept, and letters of each.
const RAW_MAX: (usize, usize) = (1000, 1024);

/// Reads it.
pub fn read(source: &mut dyn Source, format: Format) -> Found {
    let mut blocks = Blocks::default();
    match format {
        formats::JPEG => jpeg::read(source, &mut blocks),
        formats::PNG => png::read(source, &mut blocks),
        formats::WEBP => riff::webp(source, &mut blocks),
        formats::GIF => gif::read(source, &mut blocks),
        formats::PSD => raw::psd(source, &mut blocks),
        formats::RAF => raw::raf(source, &mut blocks),
        formats::HEIC | formats::HEIF | formats::AVIF => isobmff::still(source, &mut blocks),
        formats::CR3 => isobmff::cr3(source, &mut blocks),
        formats::JXL => isobmff::jxl(source, &mut blocks),
        formats::TIFF => raw::tiff(source, &mut blocks, false),
        formats::CR2 | formats::NEF | formats::ARW | formats::PEF | formats::DNG | formats::RW2 | formats::ORF => {
            raw::tiff(source, &mut blocks, true);
        }
        formats::MP4 | formats::M4V | formats::MOV | formats::THREE_GP | formats::THREE_G2 | formats::M4A => {
            isobmff::movie(source, &mut blocks.found);
            if blocks.found.has_video == Some(false) {
                audio::read(source, format, &mut blocks.found);
            }
        }
        formats::MKV | formats::WEBM => matroska::read(source, &mut blocks.found),
        formats::AVI => riff::avi(source, &mut blocks.found),
        format if format.kind == mv_core::mime::MediaType::Audio => audio::read(source, format, &mut blocks.found),
        _ => {}
    }
    let mut found = blocks.settle();
    if format == formats::JPEG || format == formats::HEIC {
        motion::find(source, &mut found);
    }
    found
}

/// What was found in a file's blocks, before it is settled who has the last word.
#[derive(Default)]
struct Blocks {
    found: Found,
    /// TIFF structures with EXIF in them.
    exif: Vec<Vec<u8>>,
    /// XMP packets.
    xmp: Vec<Vec<u8>>,
    /// IPTC IIM datasets.
    iptc: Vec<Vec<u8>>,
    /// The format turns pictures by its own means: EXIF's orientation does not count (features 4.5).
    turned: bool,
    /// A camera's raw: its sensor has more pixels than its picture.
    camera: bool,
    /// Pixels as stored.
    stored: Option<(u32, u32)>,
}

impl Blocks {
    fn image(&mut self) -> &mut ImageFacts {
        self.found.facts.image.get_or_insert_default()
    }

    fn settle(mut self) -> Found {
        let mut told = Vec::new();
        for block in std::mem::take(&mut self.exif) {
            told.extend(exif::read(block));
        }
        let xmp: Vec<_> = self.xmp.iter().filter_map(|packet| xmp::read(packet)).collect();
        let iptc: Vec<_> = self.iptc.iter().map(|block| iptc::read(block)).collect();
        let mut times = Vec::new();
        for part in &mut told {
            if self.turned
                && let Some(image) = &mut part.found.facts.image
            {
                image.orientation = None;
            }
            times.extend(part.found.taken.take());
        }
        if self.camera
            && let Some(size) = told.iter().find_map(|part| part.size)
        {
            self.stored = Some(size);
        }
        let gps = told.iter().find_map(|part| part.gps_time);
        for part in xmp.into_iter().chain(iptc).chain(told.into_iter().map(|part| part.found)) {
            times.extend(part.taken);
            merge(&mut self.found, part);
        }
        // EXIF's own came first; a time of day by the satellites is better than none.
        self.found.taken = self.found.taken.or_else(|| times.into_iter().next()).or(gps);
        let orientation = match (self.turned, &mut self.found.facts.image) {
            (true, Some(image)) => *image.orientation.insert(1),
            (false, Some(image)) => image.orientation.unwrap_or(1),
            (_, None) => 1,
        };
        if let Some((width, height)) = self.stored {
            let (width, height) = if (5..=8).contains(&orientation) { (height, width) } else { (width, height) };
            (self.found.width, self.found.height) = (Some(width), Some(height));
        }
        trim(&mut self.found);
        self.found
    }
}

/// Fills what is still open.
fn merge(into: &mut Found, from: Found) {
    fn fill<T>(into: &mut Option<T>, from: Option<T>) {
        if into.is_none() {
            *into = from;
        }
    }
    let (to, more) = (&mut into.facts, from.facts);
    fill(&mut to.camera, more.camera);
    fill(&mut to.lens, more.lens);
    fill(&mut to.exposure, more.exposure);
    fill(&mut to.software, more.software);
    fill(&mut to.creator, more.creator);
    fill(&mut to.copyright, more.copyright);
    fill(&mut to.title, more.title);
    fill(&mut to.caption, more.caption);
    if to.keywords.is_empty() {
        to.keywords = more.keywords;
    }
    if let Some(more) = more.image {
        let to = to.image.get_or_insert_default();
        fill(&mut to.orientation, more.orientation);
        fill(&mut to.bit_depth, more.bit_depth);
        fill(&mut to.color, more.color);
        fill(&mut to.profile, more.profile);
        fill(&mut to.hdr, more.hdr);
    }
    fill(&mut into.location, from.location);
    fill(&mut into.rating, from.rating);
    fill(&mut into.motion, from.motion);
    into.raw.extend(from.raw);
}

/// Bounds what is kept.
fn trim(found: &mut Found) {
    let letters = |text: &mut String, most: usize| {
        if text.chars().count() > most {
            *text = text.chars().take(most).collect();
        }
    };
    found.facts.keywords.truncate(256);
    found.facts.keywords.iter_mut().for_each(|word| letters(word, 256));
    let texts = [
        &mut found.facts.software,
        &mut found.facts.creator,
        &mut found.facts.copyright,
        &mut found.facts.title,
        &mut found.facts.caption,
    ];
    texts.into_iter().flatten().for_each(|text| letters(text, 4000));
    while found.raw.len() > RAW_MAX.0 {
        found.raw.pop_last();
    }
    found.raw.values_mut().for_each(|text| letters(text, RAW_MAX.1));
}

/// A text without what fills it up and without control characters; `None` where nothing is left.
fn clean(text: &str) -> Option<String> {
    let text = text.trim_end_matches('\0').split('\0').next().unwrap_or_default();
    let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
