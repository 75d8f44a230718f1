//! What ffmpeg is told to make of films and songs for browsers: a film that all of them play, a strip of small pictures to
//! hover over, the sound as bare samples.

use super::peaks::RATE;
use super::{Probed, Way, opening};
use crate::formats::{self, Format};

/// The longer side of a film that is made.
const SIDE: u32 = 1920;
/// Pictures in a strip.
pub const STRIP: u32 = 10;
/// The longer side of each.
const STRIP_SIDE: u32 = 160;
/// In longer films only whole pictures are decoded for the strip: there are enough of them.
const MANY_SECONDS: f64 = 120.0;

/// Whether browsers play a file as it is: container and codecs that Chromium, Firefox and Safari all take, or two of them
/// and every new one.
pub fn plays_everywhere(mime: &str, video: Option<&str>, depth: Option<u8>, audio: Option<&str>) -> bool {
    let shallow = depth.is_none_or(|bits| bits == 8);
    let (videos, audios): (&[&str], &[&str]) = match mime {
        "video/mp4" | "video/x-m4v" => (&["h264", "av1"], &["aac", "mp3", "opus", "flac"]),
        "video/webm" => (&["vp8", "vp9", "av1"], &["opus", "vorbis"]),
        "audio/mpeg" => (&[], &["mp3"]),
        "audio/aac" => (&[], &["aac"]),
        "audio/mp4" | "audio/x-m4a" => (&[], &["aac", "mp3", "opus", "flac"]),
        "audio/flac" => (&[], &["flac"]),
        "audio/ogg" | "audio/opus" | "audio/webm" => (&[], &["opus", "vorbis", "flac"]),
        "audio/wav" | "audio/x-wav" | "audio/vnd.wave" => (&[], &["pcm_s16le", "pcm_u8", "pcm_s24le", "pcm_f32le"]),
        _ => return false,
    };
    video.is_none_or(|codec| videos.contains(&codec) && (shallow || codec != "h264"))
        && audio.is_none_or(|codec| audios.contains(&codec))
}

fn words(words: &[&str]) -> impl Iterator<Item = String> {
    words.iter().map(|word| (*word).to_owned())
}

/// A run that gives the film as fragments over a pipe (`index` makes a file of them): H.264 and AAC, at most 1920 pixels on
/// the longer side. What is such already is not decoded; what is brighter than a screen's white is brought down to it.
pub fn film_arguments(format: Format, way: Way, probed: &Probed, threads: usize) -> Option<Vec<String>> {
    let threads = threads.clamp(1, 8).to_string();
    let mut arguments: Vec<String> = words(&["-nostdin", "-threads", &threads]).collect();
    arguments.extend(opening(format, way)?);
    arguments.extend(words(&[
        "-map",
        "0:V:0?",
        "-map",
        "0:a:0?",
        "-sn",
        "-dn",
        "-map_metadata",
        "-1",
        "-map_chapters",
        "-1",
    ]));
    let video = probed.video.as_ref().and_then(|video| video.codec.as_deref());
    let plain = matches!(probed.pixels.as_deref(), Some("yuv420p" | "yuvj420p"));
    if video == Some("h264") && plain && !probed.is_hdr() {
        arguments.extend(words(&["-c:v", "copy"]));
    } else if video.is_some() {
        let tone = if probed.is_hdr() {
            "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,"
        } else {
            ""
        };
        // Even sides, as the chroma wants; square pixels.
        let filter = format!(
            "{tone}scale='trunc(min(1,{SIDE}/max(iw*sar,ih))*iw*sar/2)*2':'trunc(min(1,{SIDE}/max(iw*sar,ih))*ih/2)*2',setsar=1,format=yuv420p"
        );
        arguments.extend(words(&[
            "-vf",
            &filter,
            "-fps_mode",
            "vfr",
            "-fpsmax",
            "60",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-crf",
            "23",
        ]));
        arguments.extend(words(&["-maxrate", "8M", "-bufsize", "16M", "-profile:v", "high", "-threads", &threads]));
        arguments.extend(words(&["-force_key_frames", "expr:gte(t,n_forced*2)"]));
    }
    if probed.audio.as_ref().and_then(|audio| audio.codec.as_deref()) == Some("aac") {
        arguments.extend(words(&["-c:a", "copy"]));
        // Raw AAC carries its description in every frame; MP4 once.
        if [formats::AAC, formats::MPEG_TS].contains(&format) {
            arguments.extend(words(&["-bsf:a", "aac_adtstoasc"]));
        }
    } else {
        arguments.extend(words(&["-c:a", "aac", "-b:a", "160k", "-ac", "2"]));
    }
    arguments.extend(words(&["-movflags", "+delay_moov+default_base_moof", "-frag_duration", "5000000"]));
    arguments.extend(words(&["-max_muxing_queue_size", "4096", "-f", "mp4", "pipe:1"]));
    Some(arguments)
}

/// A run that gives ten pictures of the film in a row, evenly from beginning to end, as one JPEG.
pub fn strip_arguments(format: Format, way: Way, size: (u32, u32), seconds: f64) -> Option<Vec<String>> {
    let mut arguments: Vec<String> = words(&["-nostdin", "-threads", "1"]).collect();
    if seconds > MANY_SECONDS {
        arguments.extend(words(&["-skip_frame", "nokey"]));
    }
    arguments.extend(opening(format, way)?);
    let (width, height) = super::poster::fitted(size, STRIP_SIDE);
    let last = STRIP - 1;
    let filter = format!(
        "fps={STRIP}/{seconds:.3}:round=up,tpad=stop_mode=clone:stop={last},scale={width}:{height}:flags=area,format=yuvj420p,tile={STRIP}x1"
    );
    arguments.extend(words(&[
        "-map",
        "0:V:0",
        "-an",
        "-sn",
        "-dn",
        "-map_metadata",
        "-1",
        "-frames:v",
        "1",
        "-vf",
        &filter,
    ]));
    arguments.extend(words(&["-c:v", "mjpeg", "-q:v", "4", "-f", "image2pipe", "pipe:1"]));
    Some(arguments)
}

/// A run that gives the sound as bare samples for `Peaks`.
pub fn sound_arguments(format: Format, way: Way) -> Option<Vec<String>> {
    let mut arguments: Vec<String> = words(&["-nostdin", "-threads", "1"]).collect();
    arguments.extend(opening(format, way)?);
    let rate = RATE.to_string();
    arguments.extend(words(&["-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", "1", "-ar", &rate, "-f", "s16le", "pipe:1"]));
    Some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_play_and_what_not() {
        let plays = |mime, video, depth, audio| plays_everywhere(mime, video, depth, audio);
        assert!(plays("video/mp4", Some("h264"), Some(8), Some("aac")));
        assert!(plays("video/webm", Some("vp9"), Some(10), None));
        assert!(plays("audio/mpeg", None, None, Some("mp3")));
        assert!(!plays("video/mp4", Some("h264"), Some(10), None), "only players decode ten bits");
        assert!(!plays("video/mp4", Some("hevc"), Some(8), Some("aac")));
        assert!(!plays("video/mp4", Some("h264"), Some(8), Some("ac3")));
        assert!(!plays("video/quicktime", Some("h264"), Some(8), Some("aac")), "Firefox does not take the container");
        assert!(!plays("audio/mp4", None, None, Some("alac")));
    }
}
