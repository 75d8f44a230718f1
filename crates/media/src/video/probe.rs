//! ffprobe's account of a file.

use mv_core::facts::{AudioFacts, VideoFacts};
use serde::Deserialize;

use super::{Way, opening};
use crate::formats::Format;
use crate::found::Found;

/// What to ask ffprobe.
pub fn probe_arguments(format: Format, way: Way) -> Option<Vec<String>> {
    let mut arguments = opening(format, way)?;
    let at = arguments.len().saturating_sub(4);
    let what = ["-print_format", "json", "-show_format", "-show_streams"].map(str::to_owned);
    arguments.splice(at..at, what);
    Some(arguments)
}

/// What the streams are, as far as the next run needs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Probed {
    /// Pixels across as shown, turns and square pixels included; of the first moving picture.
    pub width: Option<u32>,
    /// Pixels down as shown.
    pub height: Option<u32>,
    /// Seconds.
    pub seconds: Option<f64>,
    /// Whether there is a picture that does not move: a cover.
    pub has_cover: bool,
    /// The first moving picture.
    pub video: Option<VideoFacts>,
    /// The first sound.
    pub audio: Option<AudioFacts>,
    /// Bits a second of the whole.
    pub bitrate: Option<u64>,
    /// How the picture's samples lie, as ffmpeg names it: `yuv420p`, `yuv420p10le`.
    pub pixels: Option<String>,
    /// How light becomes numbers: `bt709`, `smpte2084` (PQ), `arib-std-b67` (HLG).
    pub transfer: Option<String>,
}

impl Probed {
    /// Whether the picture is brighter than a screen's white in places (ITU-R BT.2100).
    pub fn is_hdr(&self) -> bool {
        matches!(self.transfer.as_deref(), Some("smpte2084" | "arib-std-b67"))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Report {
    streams: Vec<Stream>,
    format: Container,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Container {
    duration: Option<String>,
    bit_rate: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stream {
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    sample_aspect_ratio: Option<String>,
    pix_fmt: Option<String>,
    color_transfer: Option<String>,
    avg_frame_rate: Option<String>,
    duration: Option<String>,
    bit_rate: Option<String>,
    sample_rate: Option<String>,
    channels: Option<u8>,
    disposition: Disposition,
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
}

/// Reads ffprobe's JSON; `None` where it is none, or tells of no stream.
pub fn read_probe(json: &[u8]) -> Option<Probed> {
    let report: Report = serde_json::from_slice(json).ok()?;
    let is = |stream: &&Stream, kind: &str| stream.codec_type.as_deref() == Some(kind);
    let moving = report.streams.iter().find(|stream| is(stream, "video") && stream.disposition.attached_pic == 0);
    let sound = report.streams.iter().find(|stream| is(stream, "audio"));
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
    let seconds = number(&report.format.duration).or_else(|| moving.and_then(|stream| number(&stream.duration)));
    let mut probed = Probed {
        seconds: seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0 && *seconds < 1e9),
        has_cover: report.streams.iter().any(|stream| stream.disposition.attached_pic == 1),
        bitrate: number(&report.format.bit_rate).map(|rate| rate as u64),
        ..Probed::default()
    };
    if let Some(stream) = moving {
        let turned = stream.side_data_list.iter().find_map(|data| data.rotation).unwrap_or(0.0);
        // ffmpeg counts against the clock.
        let quarters = ((-turned).rem_euclid(360.0) / 90.0).round() as u16 % 4;
        let rotation = quarters.saturating_mul(90);
        let square = |width: u32| {
            let ratio = stream.sample_aspect_ratio.as_deref().and_then(|text| fraction(text, ':')).unwrap_or(1.0);
            let exact = (f64::from(width) * ratio).round();
            if (1.0..100_000.0).contains(&exact) { exact as u32 } else { width }
        };
        let (width, height) = (stream.width.map(square), stream.height);
        (probed.width, probed.height) = if rotation % 180 == 90 { (height, width) } else { (width, height) };
        (probed.pixels, probed.transfer) = (stream.pix_fmt.clone(), stream.color_transfer.clone());
        let rate = stream.avg_frame_rate.as_deref().and_then(|text| fraction(text, '/'));
        probed.video = Some(VideoFacts {
            codec: stream.codec_name.clone(),
            bitrate: number(&stream.bit_rate).map(|rate| rate as u64),
            frame_rate: rate
                .map(|rate| (rate * 1000.0).round() / 1000.0)
                .filter(|rate| *rate > 0.0 && *rate < 10_000.0),
            rotation: Some(rotation),
            bit_depth: stream.pix_fmt.as_deref().map(depth_of),
            hdr: probed.is_hdr().then_some(true),
        });
    }
    if let Some(stream) = sound {
        probed.audio = Some(AudioFacts {
            codec: stream.codec_name.clone(),
            bitrate: number(&stream.bit_rate).map(|rate| rate as u64),
            sample_rate: number(&stream.sample_rate).map(|rate| rate as u32).filter(|rate| *rate > 0),
            channels: stream.channels.filter(|channels| *channels > 0),
        });
    }
    (moving.is_some() || sound.is_some() || probed.has_cover).then_some(probed)
}

/// Bits of one sample, out of ffmpeg's name: `yuv420p10le` has 10, names without a number behind the letter have 8.
fn depth_of(pixels: &str) -> u8 {
    let name = pixels.trim_end_matches("le").trim_end_matches("be");
    let digits = name.rsplit_once('p').map_or("", |(_, digits)| digits);
    digits.parse().ok().filter(|bits| (9..=16).contains(bits)).unwrap_or(8)
}

fn fraction(text: &str, by: char) -> Option<f64> {
    let (top, bottom) = text.split_once(by)?;
    let (top, bottom): (f64, f64) = (top.parse().ok()?, bottom.parse().ok()?);
    (top > 0.0 && bottom > 0.0).then(|| top / bottom)
}

impl Probed {
    /// Fills and corrects what was read of the container: ffprobe has seen the streams themselves.
    pub fn correct(&self, found: &mut Found) {
        found.has_video = Some(self.video.is_some());
        if let Some(seconds) = self.seconds {
            found.duration_ms = Some((seconds * 1000.0).round() as u64);
        }
        if self.video.is_some() {
            (found.width, found.height) = (self.width.or(found.width), self.height.or(found.height));
        }
        found.facts.video = self.video.clone().or_else(|| found.facts.video.take());
        found.facts.audio = self.audio.clone().or_else(|| found.facts.audio.take());
        found.facts.bitrate = self.bitrate.or(found.facts.bitrate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_film_with_a_cover() {
        let json = br#"{"streams": [
            {"codec_type": "video", "codec_name": "mjpeg", "width": 600, "height": 600, "disposition": {"attached_pic": 1}},
            {"codec_type": "video", "codec_name": "h264", "width": 720, "height": 576, "sample_aspect_ratio": "16:15", "avg_frame_rate": "30000/1001",
             "bit_rate": "1000", "side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90}]},
            {"codec_type": "audio", "codec_name": "aac", "sample_rate": "48000", "channels": 2}],
            "format": {"duration": "12.5", "bit_rate": "2000"}}"#;
        let probed = read_probe(json).unwrap();
        assert_eq!(
            (probed.width, probed.height, probed.seconds, probed.has_cover),
            (Some(576), Some(768), Some(12.5), true)
        );
        let video = probed.video.unwrap();
        assert_eq!((video.rotation, video.frame_rate, video.codec.as_deref()), (Some(90), Some(29.97), Some("h264")));
        assert_eq!(probed.audio.unwrap().channels, Some(2));
        assert_eq!(
            ["yuv420p", "yuv420p10le", "gray12be", "nv12", "rgb24", "yuv444p16le"].map(depth_of),
            [8, 10, 8, 8, 8, 16]
        );
        for bad in [&b""[..], b"{}", b"[]", b"{\"streams\": [{\"codec_type\": \"data\"}]}"] {
            assert_eq!(read_probe(bad), None);
        }
    }
}
