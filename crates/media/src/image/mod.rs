//! Pictures out of files: decoding, scaling, colour, turning, encoding. All of it runs in the sandboxed child.
//! Promise: every picture that leaves is upright, sRGB, eight bits a sample and without metadata; limits are checked before
//! memory is taken. The order of steps is decision 0023: decode no larger than needed, scale, then convert and turn what is
//! small by then. Not here: HEIC and AVIF in (programs decode them), moving pictures (`video`).

mod animate;
mod colour;
mod decode;
mod encode;
mod jpeg;
pub mod limits;
mod psd;
mod raster;
mod render;
mod summary;
mod svg;
mod turn;

use mv_core::facts::ImageFacts;
use serde::{Deserialize, Serialize};

use crate::formats::Format;
use crate::worker::protocol::Made;
use raster::Raster;

pub use animate::animate;
pub use limits::ImageError;
pub use render::{render, render_picture};

/// The sizes of thumbnails: pixels of the longer side, largest first.
pub const THUMBNAILS: [u32; 3] = [1024, 512, 256];

/// How a picture is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Pixels across.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// How it goes into that box.
    pub fit: Fit,
    /// Its format.
    pub output: Output,
    /// 1 to 100.
    pub quality: u8,
    /// Whether what moves goes on moving; always WebP.
    #[serde(default)]
    pub animated: bool,
}

/// How a picture goes into a box. It is never enlarged: where the original is too small, so is the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Fills it, cut at the edges.
    Cover,
    /// Whole, on a ground that fills it.
    Contain,
    /// Whole, within it.
    Inside,
}

/// Formats in which pictures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
    /// AVIF.
    Avif,
    /// PNG.
    Png,
}

/// A picture's file, whole in memory.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// What they are.
    pub format: Format,
    /// EXIF orientation, 1 to 8, that is still to be applied.
    pub orientation: u8,
    /// An ICC profile that holds instead of the file's own.
    pub profile: Option<&'a [u8]>,
}

/// The thumbnails of a picture, and what was seen on the way.
#[derive(Debug)]
pub struct Thumbnails {
    /// Largest first; a small original gives the same size several times.
    pub made: Vec<Made>,
    /// thumbhash.
    pub thumbhash: Vec<u8>,
    /// `#rrggbb`.
    pub dominant_color: String,
    /// Pixels of the original, as shown.
    pub width: u32,
    /// The same down.
    pub height: u32,
    /// What the decoder saw.
    pub facts: ImageFacts,
}

/// One decode, and from it one size after the other.
///
/// # Errors
/// `ImageError`.
pub fn thumbnails(request: &Request<'_>) -> Result<Thumbnails, ImageError> {
    let [largest, ..] = THUMBNAILS;
    let decoded = decode::decode(request.bytes, request.format, &|width, height| within(width, height, largest))?;
    let (width, height) = turn::shown((decoded.width, decoded.height), request.orientation);
    // A drawing fills what is wanted, whatever size it says it has.
    let stored = (decoded.width.max(decoded.raster.width()), decoded.height.max(decoded.raster.height()));
    let small = decoded.raster.into_scaled(within(stored.0, stored.1, largest))?;
    // Converted and turned when it is small.
    let upright =
        turn::upright(colour::to_srgb(small, request.profile.or(decoded.profile.as_deref()))?, request.orientation)?;
    let mut facts = decoded.facts;
    facts.alpha.get_or_insert(upright.has_alpha());
    cascade(upright, (width, height), facts)
}

/// The thumbnails of a picture that was drawn here: RGBA on an opaque ground.
///
/// # Errors
/// `Damaged` where samples are missing.
pub fn thumbnails_of_rgba(samples: Vec<u8>, width: u32, height: u32) -> Result<Thumbnails, ImageError> {
    let picture = raster::Raster::new(width, height, raster::Model::Rgba, samples)?.without_idle_alpha();
    let [largest, ..] = THUMBNAILS;
    let picture = picture.into_scaled(within(width, height, largest))?;
    cascade(picture, (width, height), ImageFacts::default())
}

/// Each size from the one before.
fn cascade(mut picture: Raster, (width, height): (u32, u32), facts: ImageFacts) -> Result<Thumbnails, ImageError> {
    let mut made = Vec::new();
    for size in THUMBNAILS {
        let smaller = within(picture.width(), picture.height(), size);
        picture = picture.into_scaled(smaller)?;
        made.push(encode::thumbnail(&picture, size)?);
    }
    let summary::Summary { thumbhash, dominant_color } = summary::of(&picture)?;
    Ok(Thumbnails { made, thumbhash, dominant_color, width, height, facts })
}

/// The description in an ICC profile.
pub fn profile_name(profile: &[u8]) -> Option<String> {
    colour::description(profile)
}

/// Frames of raw RGB, one behind the other: the best of them as a picture.
///
/// # Errors
/// `Damaged` where there is no whole frame.
pub fn best_frame(bytes: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ImageError> {
    summary::best_frame(bytes, width, height)
}

/// The size of a picture whose longer side is to have at most `longest` pixels.
fn within(width: u32, height: u32, longest: u32) -> (u32, u32) {
    let side = width.max(height).max(1);
    if side <= longest {
        return (width.max(1), height.max(1));
    }
    let scale = |of: u32| {
        let exact = f64::from(of) * f64::from(longest) / f64::from(side);
        (exact.round() as u32).clamp(1, longest)
    };
    (scale(width), scale(height))
}
