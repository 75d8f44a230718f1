//! Pictures out of files: decoding, scaling, colour, turning, encoding. All of it runs in the sandboxed child.
//! Promise: every picture that leaves is upright, sRGB, eight bits a sample and without metadata; limits are checked before
//! memory is taken. The order of steps is decision 0024: decode no larger than needed, scale, then convert and turn what is
//! small by then. Not here: HEIC and AVIF in (programs decode them), moving pictures (`video`).

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
    let mut picture = decoded.raster;
    let (mut facts, profile) = (decoded.facts, decoded.profile);
    let mut made = Vec::new();
    let mut upright = None;
    for size in THUMBNAILS {
        picture = match upright.take() {
            // The first time: small, then converted, then turned.
            None => {
                let small = within(decoded.width, decoded.height, size);
                turn::upright(colour::to_srgb(picture.scaled(small)?, profile.as_deref())?, request.orientation)?
            }
            Some(larger) => {
                let larger: raster::Raster = larger;
                larger.scaled(within(larger.width(), larger.height(), size))?
            }
        };
        made.push(encode::thumbnail(&picture, size)?);
        upright = Some(picture.clone());
    }
    facts.alpha.get_or_insert(picture.has_alpha());
    let summary = summary::of(&picture)?;
    let summary::Summary { thumbhash, dominant_color } = summary;
    Ok(Thumbnails { made, thumbhash, dominant_color, width, height, facts })
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
