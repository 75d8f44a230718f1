//! What one examination found: the answer of the worker, before the server judges it.

use mv_core::facts::Facts;
use serde::{Deserialize, Serialize};

/// Everything that was read from a file, but for its pictures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// What clients see as `metadata`.
    pub facts: Facts,
    /// Pixels across, as shown: orientation and rotation are applied.
    pub width: Option<u32>,
    /// Pixels down, as shown.
    pub height: Option<u32>,
    /// Milliseconds.
    pub duration_ms: Option<u64>,
    /// When it was taken, by the first source that says so (features 4.5).
    pub taken: Option<FoundTime>,
    /// Where it was taken; latitude and longitude are on earth and not both 0.
    pub location: Option<FoundPlace>,
    /// -1 (rejected) to 5.
    pub rating: Option<i8>,
    /// The moving part of a motion photo, inside this file.
    pub motion: Option<Motion>,
    /// A ready-made JPEG inside the file (camera raws; large pictures), the largest there is.
    pub preview: Option<Span>,
    /// The colours of a picture that a program will decode: its ICC profile.
    pub profile: Option<Vec<u8>>,
    /// A picture of the cover inside a music file, JPEG or PNG.
    pub cover: Option<Span>,
    /// Whether the container holds moving pictures: tells audio from video in MP4, WebM, Ogg and ASF.
    pub has_video: Option<bool>,
    /// Every tag read, as text, by group and name: `EXIF:Model`, `XMP-dc:subject`, `QuickTime:CreateDate`. At most 1000
    /// tags of at most 1 KiB each.
    pub raw: std::collections::BTreeMap<String, String>,
    /// The text of a document, for search; at most 1 MiB.
    pub text: Option<String>,
}

/// A time on a wall clock, and what is known of its place on earth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundTime {
    /// Microseconds since 1970 on that clock, as if it showed UTC.
    pub local_micros: i64,
    /// Seconds east of UTC; `None` where nobody knows. A time that is known to be UTC has 0 only if nothing tells the
    /// clock on the wall.
    pub offset_seconds: Option<i32>,
    /// Who says so.
    pub source: TimeSource,
}

/// Which part of a file told a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// EXIF or XMP of a still.
    Exif,
    /// The satellites' clock.
    Gps,
    /// A video's own header.
    Video,
}

/// A place on earth, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FoundPlace {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres above the sea.
    pub altitude: Option<f64>,
}

/// Bytes inside the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where they begin.
    pub at: u64,
    /// How many.
    pub len: u64,
}

/// The video inside a motion photo (features 4.6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// Where it lies.
    pub span: Span,
    /// Its type, `video/mp4` or `video/quicktime`.
    pub mime_type: String,
    /// Milliseconds, if its header says so.
    pub duration_ms: Option<u64>,
    /// The moment that the still shows, in microseconds from the video's start.
    pub presentation_micros: Option<i64>,
}
