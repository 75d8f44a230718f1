//! Frames of a film to choose a poster from, and the cover of a song.

use super::{Way, opening};
use crate::formats::Format;

/// The longer side of a frame.
const SIDE: u32 = 1024;
/// Where in the film frames are taken, if any place can be read; a pipe gives one a second of the beginning.
const PLACES: [f64; 5] = [0.1, 0.25, 0.4, 0.6, 0.85];
/// Frames taken from a pipe.
const PIPED: u32 = 8;

/// A run of ffmpeg that gives frames of raw RGB, and how large they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Pixels across of each frame.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames at most.
    pub count: u32,
}

/// Runs that together give a few frames of a film of this size (as shown) and length; one run where the file comes by a pipe.
pub fn poster_arguments(format: Format, way: Way, size: (u32, u32), seconds: Option<f64>) -> Vec<Frames> {
    let (width, height) = fitted(size, SIDE);
    let run = |seek: Option<f64>, rate: &str, count: u32| {
        let mut arguments = vec!["-nostdin".to_owned(), "-threads".to_owned(), "1".to_owned()];
        if let Some(at) = seek {
            arguments.extend(["-ss".to_owned(), format!("{at:.3}"), "-noaccurate_seek".to_owned()]);
        }
        arguments.extend(opening(format, way)?);
        let filter = format!("{rate}scale={width}:{height}:flags=area,format=rgb24");
        let count = count.to_string();
        let rest = [
            "-map",
            "0:v:0",
            "-an",
            "-sn",
            "-dn",
            "-t",
            "10",
            "-frames:v",
            &count,
            "-vf",
            &filter,
            "-f",
            "rawvideo",
            "pipe:1",
        ];
        arguments.extend(rest.map(str::to_owned));
        Some(Frames { arguments, width, height, count: count.parse().ok()? })
    };
    match (way, seconds) {
        (Way::Memory, Some(seconds)) if seconds > 2.0 => {
            PLACES.into_iter().filter_map(|place| run(Some(seconds * place), "", 1)).collect()
        }
        _ => run(None, "fps=1:round=up,", PIPED).into_iter().collect(),
    }
}

/// The size of frames of at most `side` pixels: even, since ffmpeg's scaler wants it so, and never larger than the film.
pub(super) fn fitted((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longest = width.max(height).clamp(1, side);
    let of = |side: u32| {
        let exact = f64::from(side) * f64::from(longest) / f64::from(width.max(height).max(1));
        ((exact / 2.0).round() as u32).saturating_mul(2).clamp(2, longest.max(2))
    };
    (of(width), of(height))
}

/// A run that gives the cover inside a file of sound, or an AVIF still, as PNG.
pub fn cover_arguments(format: Format, way: Way) -> Option<Vec<String>> {
    let mut arguments = vec!["-nostdin".to_owned(), "-threads".to_owned(), "1".to_owned()];
    arguments.extend(opening(format, way)?);
    let rest = [
        "-threads",
        "1",
        "-map",
        "0:v:0",
        "-an",
        "-sn",
        "-dn",
        "-frames:v",
        "1",
        "-c:v",
        "png",
        "-f",
        "image2pipe",
        "pipe:1",
    ];
    arguments.extend(rest.map(str::to_owned));
    Some(arguments)
}
