//! Matroska and WebM (RFC 9559): EBML elements before the first cluster.

use mv_core::facts::{AudioFacts, VideoFacts};

use super::clean;
use crate::found::{Found, FoundTime, TimeSource};
use crate::source::{Source, bytes_at, length};

/// Elements looked at on one level.
const ELEMENTS_MAX: usize = 2000;
/// The largest header that is read.
const HEADER_MAX: u64 = 16 * 1024 * 1024;
/// Microseconds from 1970 to 2001, where Matroska's dates begin.
const SINCE_2001: i64 = 978_307_200_000_000;

/// Reads the headers.
pub(super) fn read(source: &mut dyn Source, found: &mut Found) {
    let whole = length(source).unwrap_or(0);
    let mut at = 0u64;
    // The file's own header, then the segment, whose elements follow.
    for _ in 0..2 {
        let head = bytes_at(source, at, 12).unwrap_or_default();
        let Some((id, size, used)) = element(&head) else { return };
        at = at.saturating_add(used as u64);
        if id == 0x1853_8067 {
            break;
        }
        at = at.saturating_add(size.unwrap_or(0));
    }
    for _ in 0..ELEMENTS_MAX {
        let head = bytes_at(source, at, 12).unwrap_or_default();
        let Some((id, size, used)) = element(&head) else { break };
        let (body, Some(size)) = (at.saturating_add(used as u64), size) else { break };
        match id {
            0x1549_A966 | 0x1654_AE6B if size <= HEADER_MAX => {
                let bytes = bytes_at(source, body, size as usize).unwrap_or_default();
                if id == 0x1549_A966 { info(&bytes, found) } else { tracks(&bytes, found) }
            }
            // The pictures begin.
            0x1F43_B675 => break,
            _ => {}
        }
        at = body.saturating_add(size);
    }
    found.has_video = Some(found.facts.video.is_some());
    found.facts.bitrate = found.duration_ms.and_then(|ms| whole.saturating_mul(8000).checked_div(ms));
}

/// An element's id, its size (`None`: unknown) and the bytes that both take.
fn element(bytes: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let first = *bytes.first()?;
    let id_length = (first.leading_zeros() as usize).checked_add(1).filter(|length| *length <= 4)?;
    let id = bytes.get(..id_length)?.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
    let rest = bytes.get(id_length..)?;
    let first = *rest.first()?;
    let size_length = (first.leading_zeros() as usize).checked_add(1).filter(|length| *length <= 8)?;
    let mask = 0xFFu8.checked_shr(u32::try_from(size_length).ok()?).unwrap_or(0);
    let size = rest.get(1..size_length)?.iter().fold(u64::from(first & mask), |sum, byte| sum << 8 | u64::from(*byte));
    let unknown = 1u64.checked_shl(u32::try_from(size_length.checked_mul(7)?).ok()?)?.checked_sub(1)?;
    Some((id, (size != unknown).then_some(size), id_length.checked_add(size_length)?))
}

/// The elements of a body.
fn inside(mut bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let mut elements = Vec::new();
    while elements.len() < ELEMENTS_MAX {
        let Some((id, Some(size), used)) = element(bytes) else { break };
        let Some(end) = usize::try_from(size).ok().and_then(|size| used.checked_add(size)) else { break };
        let Some(body) = bytes.get(used..end) else { break };
        elements.push((id, body));
        bytes = bytes.get(end..).unwrap_or_default();
    }
    elements
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => Some(f64::from(f32::from_be_bytes(*bytes.first_chunk()?))),
        8 => Some(f64::from_be_bytes(*bytes.first_chunk()?)),
        _ => None,
    }
}

fn info(bytes: &[u8], found: &mut Found) {
    let elements = inside(bytes);
    let of = |wanted: u32| elements.iter().find(|(id, _)| *id == wanted).map(|(_, body)| *body);
    let scale = of(0x2A_D7B1).map_or(1_000_000, number);
    let length = of(0x4489).and_then(float).filter(|length| length.is_finite() && *length > 0.0);
    let ms = length.map(|length| length * scale as f64 / 1e6).filter(|ms| *ms < 1e12);
    found.duration_ms = ms.map(|ms| ms.round() as u64);
    found.facts.title = of(0x7BA9).and_then(|text| clean(&String::from_utf8_lossy(text)));
    found.facts.software = of(0x5741).and_then(|text| clean(&String::from_utf8_lossy(text)));
    let nanos = of(0x4461).filter(|date| date.len() == 8).map(|date| number(date).cast_signed());
    found.taken = nanos.and_then(|nanos| (nanos / 1000).checked_add(SINCE_2001)).map(|local_micros| FoundTime {
        local_micros,
        offset_seconds: Some(0),
        source: TimeSource::Video,
    });
}

fn tracks(bytes: &[u8], found: &mut Found) {
    for (_, track) in inside(bytes).into_iter().filter(|(id, _)| *id == 0xAE).take(64) {
        let elements = inside(track);
        let of = |wanted: u32| elements.iter().find(|(id, _)| *id == wanted).map(|(_, body)| *body);
        let codec = of(0x86).map(|id| codec(&String::from_utf8_lossy(id)));
        match of(0x83).map(number) {
            Some(1) if found.facts.video.is_none() => {
                let video = of(0xE0).map(inside).unwrap_or_default();
                let of_video = |wanted: u32| video.iter().find(|(id, _)| *id == wanted).map(|(_, body)| number(body));
                let side = |shown: u32, stored: u32| {
                    let shown = of_video(shown).filter(|_| of_video(0x54B2).unwrap_or(0) == 0);
                    shown.or_else(|| of_video(stored)).and_then(|side| u32::try_from(side).ok())
                };
                (found.width, found.height) = (side(0x54B0, 0xB0), side(0x54BA, 0xBA));
                let nanos = of(0x23_E383).map(number).filter(|nanos| *nanos > 0);
                let frame_rate = nanos.map(|nanos| (1e12 / nanos as f64).round() / 1000.0);
                found.facts.video = Some(VideoFacts { codec, frame_rate, rotation: Some(0), ..VideoFacts::default() });
            }
            Some(2) if found.facts.audio.is_none() => {
                let audio = of(0xE1).map(inside).unwrap_or_default();
                let of_audio = |wanted: u32| audio.iter().find(|(id, _)| *id == wanted).map(|(_, body)| *body);
                found.facts.audio = Some(AudioFacts {
                    codec,
                    sample_rate: of_audio(0xB5)
                        .and_then(float)
                        .filter(|rate| *rate > 0.0 && *rate < 1e7)
                        .map(|rate| rate as u32),
                    channels: of_audio(0x9F).and_then(|body| u8::try_from(number(body)).ok()),
                    bitrate: None,
                });
            }
            _ => {}
        }
    }
}

fn codec(id: &str) -> String {
    let known = [
        ("V_MPEG4/ISO/AVC", "h264"),
        ("V_MPEGH/ISO/HEVC", "hevc"),
        ("V_MPEG4/ISO/", "mpeg4"),
        ("V_VP8", "vp8"),
        ("V_VP9", "vp9"),
        ("V_AV1", "av1"),
        ("V_MPEG2", "mpeg2video"),
        ("V_MJPEG", "mjpeg"),
        ("V_PRORES", "prores"),
        ("A_AAC", "aac"),
        ("A_MPEG/L3", "mp3"),
        ("A_OPUS", "opus"),
        ("A_VORBIS", "vorbis"),
        ("A_FLAC", "flac"),
        ("A_AC3", "ac3"),
        ("A_EAC3", "eac3"),
        ("A_PCM/INT/LIT", "pcm_s16le"),
    ];
    let found = known.into_iter().find(|(begins, _)| id.starts_with(begins));
    found.map_or_else(|| id.to_ascii_lowercase(), |(_, name)| name.to_owned())
}
