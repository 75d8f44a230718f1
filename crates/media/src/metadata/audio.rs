//! Sound files, by the crate `lofty`: what they are tagged with, how long they are, and the picture on their cover.

use std::io::{BufReader, Read, Seek, SeekFrom};

use lofty::config::{ParseOptions, ParsingMode};
use lofty::file::{AudioFile, FileType, TaggedFileExt};
use lofty::picture::PictureType;
use lofty::probe::Probe;
use lofty::tag::{Accessor, ItemKey, Tag};
use mv_core::facts::{AlbumFacts, AudioFacts};

use super::clean;
use crate::formats::{self, Format};
use crate::found::{Found, Span};
use crate::source::{Source, bytes_at, length};

/// The beginning that a cover is looked for in.
const COVER_SEARCH: usize = 16 * 1024 * 1024;

/// Reads it.
pub(super) fn read(source: &mut dyn Source, format: Format, found: &mut Found) {
    let kind = match format {
        formats::MP3 => FileType::Mpeg,
        formats::AAC => FileType::Aac,
        formats::FLAC => FileType::Flac,
        formats::WAV => FileType::Wav,
        formats::AIFF => FileType::Aiff,
        formats::APE => FileType::Ape,
        formats::OGG => FileType::Vorbis,
        formats::OPUS => FileType::Opus,
        formats::M4A | formats::MP4 | formats::M4V | formats::MOV | formats::THREE_GP | formats::THREE_G2 => {
            FileType::Mp4
        }
        _ => return,
    };
    let whole = length(source).unwrap_or(0);
    let options = ParseOptions::new().parsing_mode(ParsingMode::BestAttempt);
    if source.seek(SeekFrom::Start(0)).is_err() {
        return;
    }
    let read = Probe::with_file_type(BufReader::new(Borrowed(source)), kind).options(options).read();
    let Ok(file) = read else { return };
    let properties = file.properties();
    found.duration_ms = u64::try_from(properties.duration().as_millis()).ok().filter(|ms| *ms > 0);
    let rate = |kbps: Option<u32>| kbps.map(|kbps| u64::from(kbps).saturating_mul(1000)).filter(|rate| *rate > 0);
    let codec = match format {
        formats::MP3 => Some("mp3"),
        formats::AAC => Some("aac"),
        formats::FLAC => Some("flac"),
        formats::OPUS => Some("opus"),
        formats::OGG => Some("vorbis"),
        formats::APE => Some("ape"),
        _ => None,
    };
    let told = found.facts.audio.take().unwrap_or_default();
    found.facts.audio = Some(AudioFacts {
        codec: told.codec.or_else(|| codec.map(str::to_owned)).or_else(|| pcm(format, properties.bit_depth())),
        bitrate: rate(properties.audio_bitrate()).or(told.bitrate),
        sample_rate: properties.sample_rate().or(told.sample_rate),
        channels: properties.channels().or(told.channels),
    });
    found.facts.bitrate = found.duration_ms.and_then(|ms| whole.saturating_mul(8000).checked_div(ms));
    found.has_video.get_or_insert(false);
    let Some(tag) = file.primary_tag().or_else(|| file.first_tag()) else { return };
    tags(tag, found);
    let pictures = tag.pictures();
    let cover = pictures.iter().find(|it| it.pic_type() == PictureType::CoverFront).or_else(|| pictures.first());
    if let Some(album) = &mut found.facts.album {
        album.cover = cover.is_some().then_some(true);
    }
    if let Some(cover) = cover {
        found.cover = place(source, cover.data());
    }
}

/// Uncompressed sound has its depth in its name.
fn pcm(format: Format, depth: Option<u8>) -> Option<String> {
    let end = match format {
        formats::WAV => "le",
        formats::AIFF => "be",
        _ => return None,
    };
    Some(format!("pcm_s{}{end}", depth.unwrap_or(16)))
}

fn tags(tag: &Tag, found: &mut Found) {
    let text = |value: Option<std::borrow::Cow<'_, str>>| value.and_then(|text| clean(&text));
    let facts = &mut found.facts;
    facts.title = text(tag.title()).or_else(|| facts.title.take());
    facts.caption = text(tag.comment()).or_else(|| facts.caption.take());
    facts.copyright = tag.get_string(ItemKey::CopyrightMessage).and_then(clean).or_else(|| facts.copyright.take());
    facts.software = tag.get_string(ItemKey::EncoderSoftware).and_then(clean).or_else(|| facts.software.take());
    let album = AlbumFacts {
        artist: text(tag.artist()),
        album: text(tag.album()),
        album_artist: tag.get_string(ItemKey::AlbumArtist).and_then(clean),
        track: tag.track(),
        disc: tag.disk(),
        year: tag.date().map(|date| i32::from(date.year)),
        genre: text(tag.genre()),
        cover: None,
    };
    let has_cover = !tag.pictures().is_empty();
    facts.album = (album != AlbumFacts::default() || has_cover).then_some(album);
    for item in tag.items().take(500) {
        if let Some(value) = item.value().text().and_then(clean) {
            found.raw.insert(format!("Tag:{:?}", item.key()), value.chars().take(1024).collect());
        }
    }
}

/// Where the cover's bytes lie in the file, if they lie there as they are.
fn place(source: &mut dyn Source, cover: &[u8]) -> Option<Span> {
    let mark = cover.get(..cover.len().min(64)).filter(|mark| mark.len() >= 16)?;
    let bytes = bytes_at(source, 0, COVER_SEARCH).ok()?;
    let at = memchr::memmem::find(&bytes, mark)?;
    let end = at.checked_add(cover.len())?;
    (bytes.get(at..end)? == cover).then_some(Span { at: at as u64, len: cover.len() as u64 })
}

/// A source that is lent to a reader which would own it.
struct Borrowed<'a>(&'a mut dyn Source);

impl Read for Borrowed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Borrowed<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}
