//! Moving pictures and sound by ffmpeg: what to ask it, and what its answers mean. Nothing is run here (`worker::program`).
//! Promise: ffmpeg is told the container by our own look at the file, so that no playlist, no network protocol and no script
//! of its own is ever taken for one; each run is bounded in frames, time and memory.

mod film;
mod front;
mod heif;
mod index;
mod peaks;
mod poster;
mod probe;

pub use film::{STRIP, film_arguments, plays_everywhere, sound_arguments, strip_arguments};
pub use front::front;
pub use heif::heif_arguments;
pub use index::{IndexError, index};
pub use peaks::Peaks;
pub use poster::{Frames, cover_arguments, poster_arguments};
pub use probe::{Probed, probe_arguments, read_probe};

use crate::formats::{self, Format};

/// How a program gets at the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It lies whole in memory: any place can be read.
    Memory,
    /// It comes through a pipe: only what comes next can be read.
    Pipe,
}

impl Way {
    /// What ffmpeg is given as its input.
    const fn input(self) -> &'static str {
        match self {
            Self::Memory => "/proc/self/fd/0",
            Self::Pipe => "pipe:0",
        }
    }
}

/// ffmpeg's name of the container; `None` where it is not asked.
pub fn demuxer(format: Format) -> Option<&'static str> {
    let known = [
        (formats::MP4, "mov"),
        (formats::M4V, "mov"),
        (formats::MOV, "mov"),
        (formats::THREE_GP, "mov"),
        (formats::THREE_G2, "mov"),
        (formats::M4A, "mov"),
        (formats::AVIF, "mov"),
        (formats::WEBM, "matroska"),
        (formats::MKV, "matroska"),
        (formats::AVI, "avi"),
        (formats::WMV, "asf"),
        (formats::ASF, "asf"),
        (formats::WMA, "asf"),
        (formats::FLV, "flv"),
        (formats::OGV, "ogg"),
        (formats::OGG, "ogg"),
        (formats::OPUS, "ogg"),
        (formats::MPEG_TS, "mpegts"),
        (formats::MPEG_PS, "mpeg"),
        (formats::MXF, "mxf"),
        (formats::MP3, "mp3"),
        (formats::AAC, "aac"),
        (formats::WAV, "wav"),
        (formats::FLAC, "flac"),
        (formats::AIFF, "aiff"),
        (formats::CAF, "caf"),
        (formats::AMR, "amr"),
        (formats::APE, "ape"),
    ];
    known.into_iter().find(|(known, _)| *known == format).map(|(_, name)| name)
}

/// What every run of ffmpeg and ffprobe begins with, up to the input.
fn opening(format: Format, way: Way) -> Option<Vec<String>> {
    let words = [
        "-hide_banner",
        "-loglevel",
        "error",
        "-protocol_whitelist",
        "file,pipe",
        "-max_alloc",
        "268435456",
        "-probesize",
        "16M",
        "-analyzeduration",
        "5M",
        "-f",
        demuxer(format)?,
        "-i",
        way.input(),
    ];
    Some(words.map(str::to_owned).to_vec())
}
