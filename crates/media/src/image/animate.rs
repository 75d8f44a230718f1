//! Animations made small: GIF, animated WebP and PNG as an animated WebP in one box.
//! Promise: no more frames, seconds and pixels are decoded than are allowed; what is longer is shown up to there.

use std::io::Cursor;
use std::time::Duration;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, Frames, ImageDecoder, Limits};
use webp::{AnimEncoder, AnimFrame, WebPConfig};

use super::limits::{ANIMATED_FRAMES_MAX, ANIMATED_PIXELS_MAX, ANIMATED_TIME_MAX, DECODED_MAX, SIDE_MAX, check};
use super::raster::{Model, Raster};
use super::render::{fitted, render};
use super::{ImageError, Output, Params, Request, colour};
use crate::formats;
use crate::worker::protocol::Made;

/// Bytes of all small frames together: libwebp wants them at once.
const HELD_MAX: usize = 128 * 1024 * 1024;
/// Browsers show a frame that asks for less for this long.
const SHORTEST: (Duration, Duration) = (Duration::from_millis(11), Duration::from_millis(100));

/// An animated rendition; of what does not move, a still one.
///
/// # Errors
/// `ImageError`.
pub fn animate(request: &Request<'_>, params: &Params) -> Result<Made, ImageError> {
    let still = Params { output: Output::Webp, ..params.clone() };
    match frames(request)? {
        Some(animation) => moving(animation, &still)?.map_or_else(|| render(request, &still), Ok),
        None => render(request, &still),
    }
}

struct Animation<'a> {
    frames: Frames<'a>,
    profile: Option<Vec<u8>>,
}

/// The frames of an animation, each whole; `None` of a still.
fn frames<'a>(request: &Request<'a>) -> Result<Option<Animation<'a>>, ImageError> {
    let limits = || {
        let mut limits = Limits::no_limits();
        (limits.max_image_width, limits.max_image_height) = (Some(SIDE_MAX), Some(SIDE_MAX));
        limits.max_alloc = Some(DECODED_MAX);
        limits
    };
    let bytes = Cursor::new(request.bytes);
    let frames = match request.format {
        formats::GIF => {
            let mut decoder = GifDecoder::new(bytes).map_err(ImageError::damaged)?;
            decoder.set_limits(limits()).map_err(ImageError::damaged)?;
            sized(&decoder)?;
            (decoder.into_frames(), None)
        }
        formats::WEBP => {
            let mut decoder = WebPDecoder::new(bytes).map_err(ImageError::damaged)?;
            if !decoder.has_animation() {
                return Ok(None);
            }
            sized(&decoder)?;
            let profile = decoder.icc_profile().ok().flatten();
            (decoder.into_frames(), profile)
        }
        formats::PNG => {
            let mut decoder = PngDecoder::with_limits(bytes, limits()).map_err(ImageError::damaged)?;
            if !decoder.is_apng().map_err(ImageError::damaged)? {
                return Ok(None);
            }
            sized(&decoder)?;
            let profile = decoder.icc_profile().ok().flatten();
            (decoder.apng().map_err(ImageError::damaged)?.into_frames(), profile)
        }
        _ => return Ok(None),
    };
    Ok(Some(Animation { frames: frames.0, profile: frames.1 }))
}

fn sized(decoder: &impl ImageDecoder) -> Result<(), ImageError> {
    let (width, height) = decoder.dimensions();
    check(width, height, 4)
}

/// The animation; `None` where it has one frame only.
fn moving(animation: Animation<'_>, params: &Params) -> Result<Option<Made>, ImageError> {
    let (mut small, mut pixels, mut held, mut time) = (Vec::new(), 0u64, 0usize, Duration::ZERO);
    for frame in animation.frames {
        // What is damaged further on is shown up to there.
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if small.is_empty() => return Err(ImageError::damaged(error)),
            Err(_) => break,
        };
        let delay = Duration::from(frame.delay());
        let picture = frame.into_buffer();
        let (width, height) = picture.dimensions();
        pixels = pixels.saturating_add(u64::from(width).saturating_mul(u64::from(height)));
        let picture = Raster::new(width, height, Model::Rgba, picture.into_raw())?;
        let picture = colour::to_srgb(fitted(picture, params)?, animation.profile.as_deref())?;
        held = held.saturating_add(picture.samples().len());
        if !small.is_empty() && (pixels > ANIMATED_PIXELS_MAX || held > HELD_MAX) {
            break;
        }
        small.push((picture, time));
        time = time.saturating_add(if delay < SHORTEST.0 { SHORTEST.1 } else { delay });
        if small.len() >= ANIMATED_FRAMES_MAX || time >= ANIMATED_TIME_MAX {
            break;
        }
    }
    let Some((first, _)) = small.first().filter(|_| small.len() > 1) else { return Ok(None) };
    let (width, height) = (first.width(), first.height());
    let mut config = WebPConfig::new().map_err(|()| ImageError::Unsupported)?;
    config.quality = f32::from(params.quality);
    // The least effort: there are many frames.
    config.method = 0;
    let mut encoder = AnimEncoder::new(width, height, &config);
    for (picture, at) in &small {
        let at = i32::try_from(at.as_millis()).unwrap_or(i32::MAX);
        encoder.add_frame(match picture.model() {
            Model::Rgb => AnimFrame::from_rgb(picture.samples(), width, height, at),
            _ => AnimFrame::from_rgba(picture.samples(), width, height, at),
        });
    }
    let made = encoder.try_encode().map_err(|error| ImageError::damaged(format!("{error:?}")))?;
    let mime_type = "image/webp".to_owned();
    Ok(Some(Made { name: String::new(), mime_type, width, height, bytes: made.to_vec() }))
}
