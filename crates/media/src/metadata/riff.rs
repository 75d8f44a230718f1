//! RIFF: WebP (RFC 9649) and AVI.

use mv_core::facts::{AudioFacts, VideoFacts};

use super::scan::{le16, le24, le32};
use super::{BLOCK_MAX, Blocks};
use crate::found::Found;
use crate::source::{Source, bytes_at, length};

/// Chunks looked at.
const CHUNKS_MAX: usize = 10_000;

/// Visits the chunks from `at` on: name, place of the body, length. Stops where `visit` says so.
fn chunks(source: &mut dyn Source, mut at: u64, mut visit: impl FnMut(&mut dyn Source, &[u8], u64, u64) -> bool) {
    for _ in 0..CHUNKS_MAX {
        let Ok(head) = bytes_at(source, at, 8) else { return };
        let (Some(name), Some(size)) = (head.get(..4), le32(&head, 4)) else { return };
        let body = at.saturating_add(8);
        if !visit(source, name, body, u64::from(size)) {
            return;
        }
        at = body.saturating_add(u64::from(size)).saturating_add(u64::from(size & 1));
    }
}

/// The chunks of a WebP file.
pub(super) fn webp(source: &mut dyn Source, blocks: &mut Blocks) {
    let mut frames = 0u32;
    chunks(source, 12, |source, name, at, size| {
        let body =
            |source: &mut dyn Source, most: u64| bytes_at(source, at, size.min(most) as usize).unwrap_or_default();
        match name {
            b"VP8X" => {
                let head = body(source, 10);
                let side = |at| le24(&head, at).map(|side| side.saturating_add(1));
                blocks.stored = side(4).zip(side(7));
                blocks.image().alpha = head.first().map(|flags| flags & 0x10 != 0);
            }
            b"VP8 " if blocks.stored.is_none() => {
                let head = body(source, 10);
                let side = |at| le16(&head, at).map(|side| u32::from(side & 0x3FFF));
                blocks.stored = side(6).zip(side(8));
            }
            b"VP8L" if blocks.stored.is_none() => {
                let bits = le32(&body(source, 5), 1).unwrap_or(0);
                blocks.stored = Some(((bits & 0x3FFF).saturating_add(1), (bits >> 14 & 0x3FFF).saturating_add(1)));
                blocks.image().alpha = Some(bits >> 28 & 1 == 1);
            }
            b"ANMF" => frames = frames.saturating_add(1),
            b"EXIF" => {
                let block = body(source, BLOCK_MAX as u64);
                blocks.exif.push(block.strip_prefix(b"Exif\0\0").unwrap_or(&block).to_vec());
            }
            b"XMP " => blocks.xmp.push(body(source, BLOCK_MAX as u64)),
            _ => {}
        }
        true
    });
    let image = blocks.image();
    image.frames = (frames > 1).then_some(frames);
    (image.color, image.bit_depth) = (Some("rgb".to_owned()), Some(8));
}

/// The headers of an AVI file (OpenDML 1.02).
pub(super) fn avi(source: &mut dyn Source, found: &mut Found) {
    let whole = length(source).unwrap_or(0);
    let mut header = None;
    chunks(source, 12, |source, name, at, size| {
        if name == b"LIST" && bytes_at(source, at, 4).is_ok_and(|kind| kind == b"hdrl") {
            header = Some((at.saturating_add(4), size.saturating_sub(4)));
            return false;
        }
        true
    });
    let Some((start, size)) = header else { return };
    let end = start.saturating_add(size);
    chunks(source, start, |source, name, at, size| {
        if at >= end {
            return false;
        }
        let body = bytes_at(source, at, size.min(64 * 1024) as usize).unwrap_or_default();
        match name {
            b"avih" => {
                let (micros, frames) = (le32(&body, 0).unwrap_or(0), le32(&body, 16).unwrap_or(0));
                let ms = u64::from(micros).saturating_mul(u64::from(frames)) / 1000;
                found.duration_ms = Some(ms).filter(|ms| *ms > 0);
                (found.width, found.height) = (le32(&body, 32), le32(&body, 36));
            }
            b"LIST" if body.starts_with(b"strl") => stream(body.get(4..).unwrap_or_default(), found),
            _ => {}
        }
        true
    });
    found.has_video = Some(found.facts.video.is_some());
    found.facts.bitrate = found.duration_ms.and_then(|ms| whole.saturating_mul(8000).checked_div(ms));
}

/// One stream: its header, then its format.
fn stream(body: &[u8], found: &mut Found) {
    let Some(header) = body.strip_prefix(b"strh").and_then(|rest| rest.get(4..)) else { return };
    let size = usize::try_from(le32(body, 4).unwrap_or(0)).unwrap_or(0).next_multiple_of(2);
    let format = header.get(size.saturating_add(8)..).unwrap_or_default();
    let (scale, rate) = (le32(header, 20).unwrap_or(0), le32(header, 24).unwrap_or(0));
    match header.get(..4) {
        Some(b"vids") if found.facts.video.is_none() => {
            let code = header.get(4..8).or_else(|| format.get(16..20)).unwrap_or_default();
            let codec = match code.to_ascii_uppercase().as_slice() {
                b"XVID" | b"DIVX" | b"DX50" | b"FMP4" | b"MP4V" => Some("mpeg4"),
                b"H264" | b"X264" | b"AVC1" => Some("h264"),
                b"MJPG" => Some("mjpeg"),
                _ => None,
            };
            let frame_rate = (scale > 0 && rate > 0).then(|| f64::from(rate) / f64::from(scale));
            let frame_rate = frame_rate.map(|rate| (rate * 1000.0).round() / 1000.0);
            found.facts.video =
                Some(VideoFacts { codec: codec.map(str::to_owned), frame_rate, ..VideoFacts::default() });
        }
        Some(b"auds") if found.facts.audio.is_none() => {
            let codec = match le16(format, 0) {
                Some(1) => Some("pcm_s16le"),
                Some(0x55) => Some("mp3"),
                Some(0x2000) => Some("ac3"),
                Some(0xFF) => Some("aac"),
                _ => None,
            };
            found.facts.audio = Some(AudioFacts {
                codec: codec.map(str::to_owned),
                channels: le16(format, 2).and_then(|channels| u8::try_from(channels).ok()),
                sample_rate: le32(format, 4),
                bitrate: le32(format, 8).map(|bytes| u64::from(bytes).saturating_mul(8)),
            });
        }
        _ => {}
    }
}
