//! Movies: MP4, QuickTime, 3GP: the header `moov`, wherever it lies.

use mv_core::facts::{AudioFacts, Device, VideoFacts};

use super::{Inner, dig, find, inner, load, top};
use crate::found::{Found, FoundPlace, TimeSource};
use crate::metadata::scan::{be16, be32, be64};
use crate::metadata::{clean, time};
use crate::source::{Source, length};

/// Tracks looked at.
const TRACKS_MAX: usize = 64;

/// Reads a movie's header.
pub(in crate::metadata) fn movie(source: &mut dyn Source, found: &mut Found) {
    let whole = length(source).unwrap_or(0);
    let mut moov = None;
    top(source, |source, kind, span| {
        if &kind == b"moov" {
            moov = load(source, span);
        }
        moov.is_none()
    });
    let Some(moov) = moov else { return };
    let header = find(&moov, b"mvhd").and_then(header);
    if let Some((created, scale, length)) = header {
        found.taken = time::since_1904(created);
        found.duration_ms = milliseconds(length, scale);
        found.raw.extend(found.taken.map(|_| ("QuickTime:CreateDate".to_owned(), created.to_string())));
    }
    let tracks: Vec<Inner<'_>> =
        inner(&moov).into_iter().filter(|(kind, _)| kind == b"trak").take(TRACKS_MAX).collect();
    for (_, track) in &tracks {
        let _ = read_track(track, found);
    }
    found.has_video = Some(found.facts.video.is_some());
    for (_, place) in [(0, find(&moov, b"udta")), (1, find(&moov, b"meta"))] {
        if let Some(body) = place {
            said(body, found);
        }
    }
    if let Some(udta) = find(&moov, b"udta")
        && let Some(meta) = find(udta, b"meta")
    {
        said(meta, found);
    }
    found.facts.bitrate = found.duration_ms.and_then(|ms| whole.saturating_mul(8000).checked_div(ms));
}

/// Creation time, units a second, length in units: of `mvhd` and `mdhd` alike.
fn header(body: &[u8]) -> Option<(u64, u32, u64)> {
    if body.first() == Some(&1) {
        return Some((be64(body, 4)?, be32(body, 20)?, be64(body, 24)?));
    }
    // All ones: nobody knows.
    let length = be32(body, 16).filter(|length| *length != u32::MAX)?;
    Some((u64::from(be32(body, 4)?), be32(body, 12)?, u64::from(length)))
}

fn milliseconds(length: u64, scale: u32) -> Option<u64> {
    length.checked_mul(1000)?.checked_div(u64::from(scale)).filter(|ms| *ms > 0 && *ms < 1000 * 3600 * 24 * 365)
}

fn read_track(track: &[u8], found: &mut Found) -> Option<()> {
    let media = find(track, b"mdia")?;
    let kind = find(media, b"hdlr")?.get(8..12)?;
    let (_, scale, length) = find(media, b"mdhd").and_then(header)?;
    let table = dig(media, &[b"minf", b"stbl"])?;
    let description = find(table, b"stsd")?;
    let (entry, body) = inner(description.get(8..)?).into_iter().next()?;
    match kind {
        b"vide" if found.facts.video.is_none() => video(track, table, (entry, body), (scale, length), found),
        b"soun" if found.facts.audio.is_none() => audio(table, (entry, body), (scale, length), found),
        _ => None,
    }
}

fn video(
    track: &[u8],
    table: &[u8],
    (entry, body): Inner<'_>,
    (scale, length): (u32, u64),
    found: &mut Found,
) -> Option<()> {
    let samples = find(table, b"stsz").and_then(|sizes| be32(sizes, 8)).unwrap_or(0);
    // A single picture is a cover, not a film.
    if samples == 1 && &entry == b"jpeg" {
        return None;
    }
    let codec = match &entry {
        b"avc1" | b"avc3" => "h264",
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => "hevc",
        b"av01" => "av1",
        b"vp09" => "vp9",
        b"vp08" => "vp8",
        b"mp4v" => "mpeg4",
        b"s263" => "h263",
        b"jpeg" | b"mjpa" => "mjpeg",
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => "prores",
        b"dvc " | b"dvcp" | b"dv5n" => "dvvideo",
        _ => "",
    };
    let (width, height) = (u32::from(be16(body, 24)?), u32::from(be16(body, 26)?));
    let head = find(track, b"tkhd")?;
    let matrix_at: usize = if head.first() == Some(&1) { 52 } else { 40 };
    let part = |at: usize| be32(head, matrix_at.checked_add(at)?).map(u32::cast_signed);
    // Columns of the matrix are in 16.16; only quarter turns are of use.
    let rotation = match (part(0)?.signum(), part(4)?.signum(), part(12)?.signum(), part(16)?.signum()) {
        (0, 1, -1, 0) => 90,
        (-1, 0, 0, -1) => 180,
        (0, -1, 1, 0) => 270,
        _ => 0,
    };
    let stretched = aspect(body, width);
    let (width, height) = if rotation % 180 == 90 { (height, stretched) } else { (stretched, height) };
    (found.width, found.height) = (Some(width), Some(height));
    let seconds = (scale > 0).then(|| length as f64 / f64::from(scale)).filter(|seconds| *seconds > 0.0);
    let frame_rate = seconds.map(|seconds| (f64::from(samples) / seconds * 1000.0).round() / 1000.0);
    found.facts.video = Some(VideoFacts {
        codec: clean(codec).or_else(|| clean(&String::from_utf8_lossy(&entry).to_ascii_lowercase())),
        bitrate: bitrate(table, seconds),
        frame_rate: frame_rate.filter(|rate| *rate > 0.0 && *rate < 10_000.0),
        rotation: Some(rotation),
        ..VideoFacts::default()
    });
    Some(())
}

/// The width with pixels made square (`pasp`).
fn aspect(body: &[u8], width: u32) -> u32 {
    let ratio = find(body.get(78..).unwrap_or_default(), b"pasp").and_then(|pasp| be32(pasp, 0).zip(be32(pasp, 4)));
    match ratio {
        Some((across, down)) if across > 0 && down > 0 && across != down => {
            let exact = f64::from(width) * f64::from(across) / f64::from(down);
            if exact.is_finite() && exact < 100_000.0 { exact.round() as u32 } else { width }
        }
        _ => width,
    }
}

fn audio(table: &[u8], (entry, body): Inner<'_>, (scale, length): (u32, u64), found: &mut Found) -> Option<()> {
    let codec = match &entry {
        b"mp4a" => "aac",
        b".mp3" => "mp3",
        b"alac" => "alac",
        b"Opus" => "opus",
        b"fLaC" => "flac",
        b"ac-3" => "ac3",
        b"ec-3" => "eac3",
        b"samr" => "amr_nb",
        b"sawb" => "amr_wb",
        b"sowt" | b"lpcm" => "pcm_s16le",
        b"twos" => "pcm_s16be",
        _ => "",
    };
    let seconds = (scale > 0).then(|| length as f64 / f64::from(scale)).filter(|seconds| *seconds > 0.0);
    found.facts.audio = Some(AudioFacts {
        codec: clean(codec).or_else(|| clean(&String::from_utf8_lossy(&entry).to_ascii_lowercase())),
        bitrate: bitrate(table, seconds),
        sample_rate: be32(body, 24).map(|rate| rate >> 16).filter(|rate| *rate > 0).or(Some(scale)),
        channels: be16(body, 16).and_then(|channels| u8::try_from(channels).ok()).filter(|channels| *channels > 0),
    });
    Some(())
}

/// Bits a second, from the sizes of all samples.
fn bitrate(table: &[u8], seconds: Option<f64>) -> Option<u64> {
    let sizes = find(table, b"stsz")?;
    let (each, count) = (be32(sizes, 4)?, be32(sizes, 8)?);
    let bytes: u64 = if each > 0 {
        u64::from(each).checked_mul(u64::from(count))?
    } else {
        sizes.get(12..)?.chunks_exact(4).take(count as usize).filter_map(|size| be32(size, 0)).map(u64::from).sum()
    };
    let rate = bytes as f64 * 8.0 / seconds?;
    (rate.is_finite() && rate > 0.0 && rate < 1e12).then_some(rate.round() as u64)
}

/// What is said of the movie: QuickTime's keys, iTunes' list, and the old user data.
fn said(body: &[u8], found: &mut Found) {
    // `meta` is a full box in MP4 and a plain one in QuickTime.
    let body = if body.get(4..8) == Some(b"hdlr") {
        body
    } else {
        body.get(4..).filter(|rest| rest.get(4..8) == Some(b"hdlr")).unwrap_or(body)
    };
    let names: Vec<String> = find(body, b"keys").map(keys).unwrap_or_default();
    for (kind, item) in find(body, b"ilst").map(inner).unwrap_or_default() {
        let number = u32::from_be_bytes(kind) as usize;
        let name = number.checked_sub(1).and_then(|at| names.get(at).cloned()).unwrap_or_else(|| latin(&kind));
        let Some(data) = find(item, b"data") else { continue };
        // Type 1 is UTF-8; 8 bytes of type and language come before.
        if be32(data, 0).is_some_and(|kind| kind & 0xFF_FFFF == 1)
            && let Some(text) = data.get(8..).and_then(|text| clean(&String::from_utf8_lossy(text)))
        {
            note(&name, text, found);
        }
    }
    for (kind, item) in inner(body) {
        if kind.first() == Some(&0xA9) {
            let length = usize::from(be16(item, 0).unwrap_or(0));
            let text = item.get(4..length.saturating_add(4)).and_then(|text| clean(&String::from_utf8_lossy(text)));
            if let Some(text) = text {
                note(&latin(&kind), text, found);
            }
        }
    }
}

fn latin(kind: &[u8; 4]) -> String {
    kind.iter().map(|byte| char::from(*byte)).filter(|c| !c.is_control()).collect()
}

fn keys(body: &[u8]) -> Vec<String> {
    let names = inner(body.get(8..).unwrap_or_default());
    names.into_iter().map(|(_, name)| String::from_utf8_lossy(name).into_owned()).collect()
}

fn note(name: &str, text: String, found: &mut Found) {
    let facts = &mut found.facts;
    let short = name.strip_prefix("com.apple.quicktime.").unwrap_or(name);
    match short {
        "creationdate" | "\u{a9}day" if text.len() > 10 => {
            // The clock on the wall and its offset; the header knows only UTC.
            found.taken = time::iso(&text, TimeSource::Video).or(found.taken);
        }
        "location.ISO6709" | "\u{a9}xyz" => found.location = iso6709(&text).or(found.location),
        "make" | "\u{a9}mak" => facts.camera.get_or_insert_with(Device::default).make = Some(text.clone()),
        "model" | "\u{a9}mod" => facts.camera.get_or_insert_with(Device::default).model = Some(text.clone()),
        "software" | "\u{a9}swr" | "\u{a9}too" => facts.software = Some(text.clone()),
        "title" | "\u{a9}nam" => facts.title = Some(text.clone()),
        "description" | "desc" | "\u{a9}cmt" => facts.caption = Some(text.clone()),
        "copyright" | "\u{a9}cpy" | "cprt" => facts.copyright = Some(text.clone()),
        "author" | "\u{a9}aut" => facts.creator = Some(text.clone()),
        _ => {}
    }
    found.raw.insert(format!("QuickTime:{short}"), text.chars().take(1024).collect());
}

/// `+47.3769+008.5417+408.000/` (ISO 6709 annex H, decimal degrees).
fn iso6709(text: &str) -> Option<FoundPlace> {
    let mut numbers = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), '/')]) {
        if matches!(letter, '+' | '-' | '/') {
            if let Some(from) = start {
                numbers.push(text.get(from..at)?.parse::<f64>().ok()?);
            }
            start = (letter != '/').then_some(at);
            if letter == '/' {
                break;
            }
        }
    }
    let (latitude, longitude) = (*numbers.first()?, *numbers.get(1)?);
    let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude != 0.0 || longitude != 0.0);
    on_earth.then_some(FoundPlace { latitude, longitude, altitude: numbers.get(2).copied() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_phones() {
        let place = iso6709("+47.3769+008.5417+408.000/").unwrap();
        assert_eq!((place.latitude, place.longitude, place.altitude), (47.3769, 8.5417, Some(408.0)));
        assert_eq!(iso6709("-33.8568+151.2153/").unwrap().latitude, -33.8568);
        for bad in ["", "/", "+00.0000+000.0000/", "+91.0+008.0/", "+NaN+1/", "+47.3769"] {
            assert_eq!(iso6709(bad), None, "{bad}");
        }
    }
}
