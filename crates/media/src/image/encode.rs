//! From pixels to files: JPEG where all is opaque, WebP where it is not, and what else is asked for.

use image::ExtendedColorType;
use image::ImageEncoder;
use image::codecs::png::PngEncoder;
use ravif::{Encoder, Img, RGB8, RGBA8};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};
use webp::WebPConfig;

use super::raster::{Model, Raster};
use super::{ImageError, Output};
use crate::worker::protocol::Made;

/// Of thumbnails; settled by score (bench/pictures/score.sh).
const QUALITY: u8 = 80;
/// Effort of WebP: more costs twice the time for two hundredths of the bytes (dependencies-media, section 3).
const WEBP_METHOD: i32 = 2;
/// Effort of AVIF: the next one costs seven times as much for eight hundredths of the bytes.
const AVIF_SPEED: u8 = 10;

/// A thumbnail of one of the sizes.
pub(super) fn thumbnail(picture: &Raster, size: u32) -> Result<Made, ImageError> {
    let output = if picture.has_alpha() { Output::Webp } else { Output::Jpeg };
    let made = encode(picture, output, QUALITY)?;
    Ok(Made { name: size.to_string(), ..made })
}

/// The picture as a file. JPEG, which knows no opacity, shows what can be seen through on white.
pub(super) fn encode(picture: &Raster, output: Output, quality: u8) -> Result<Made, ImageError> {
    let (mime, bytes) = match output {
        Output::Jpeg => ("image/jpeg", jpeg(picture, quality)?),
        Output::Webp => ("image/webp", webp(picture, quality)?),
        Output::Avif => ("image/avif", avif(picture, quality)?),
        Output::Png => ("image/png", png(picture)?),
    };
    let (width, height) = (picture.width(), picture.height());
    Ok(Made { name: String::new(), mime_type: mime.to_owned(), width, height, bytes })
}

fn jpeg(picture: &Raster, quality: u8) -> Result<Vec<u8>, ImageError> {
    let opaque;
    let picture = if picture.has_alpha() {
        opaque = on_white(picture)?;
        &opaque
    } else {
        picture
    };
    let mut encoder = Compressor::new().map_err(ImageError::damaged)?;
    encoder.set_quality(i32::from(quality)).map_err(ImageError::damaged)?;
    encoder.set_subsamp(Subsamp::Sub2x2).map_err(ImageError::damaged)?;
    encoder.set_optimize(true).map_err(ImageError::damaged)?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture.samples();
    let image = Image { pixels, width, pitch: width.saturating_mul(3), height, format: PixelFormat::RGB };
    encoder.compress_to_vec(image).map_err(ImageError::damaged)
}

fn on_white(picture: &Raster) -> Result<Raster, ImageError> {
    let blend = |colour: u8, alpha: u8| {
        let shown = u32::from(colour).saturating_mul(u32::from(alpha));
        let white = 255u32.saturating_mul(255u32.saturating_sub(u32::from(alpha)));
        u8::try_from(shown.saturating_add(white).saturating_add(127) / 255).unwrap_or(u8::MAX)
    };
    let pixels = picture.samples().as_chunks::<4>().0.iter();
    let samples = pixels.flat_map(|[r, g, b, a]| [blend(*r, *a), blend(*g, *a), blend(*b, *a)]).collect();
    Raster::new(picture.width(), picture.height(), Model::Rgb, samples)
}

fn webp(picture: &Raster, quality: u8) -> Result<Vec<u8>, ImageError> {
    let mut config = WebPConfig::new().map_err(|()| ImageError::Unsupported)?;
    config.quality = f32::from(quality);
    config.method = WEBP_METHOD;
    config.alpha_compression = 1;
    let encoder = match picture.model() {
        Model::Rgba => webp::Encoder::from_rgba(picture.samples(), picture.width(), picture.height()),
        _ => webp::Encoder::from_rgb(picture.samples(), picture.width(), picture.height()),
    };
    let bytes = encoder.encode_advanced(&config).map_err(|error| ImageError::damaged(format!("{error:?}")))?;
    Ok(bytes.to_vec())
}

fn avif(picture: &Raster, quality: u8) -> Result<Vec<u8>, ImageError> {
    let encoder = Encoder::new()
        .with_quality(f32::from(quality))
        .with_alpha_quality(f32::from(quality))
        .with_speed(AVIF_SPEED)
        .with_num_threads(Some(1));
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let made = if picture.model() == Model::Rgba {
        let pixels: Vec<RGBA8> =
            picture.samples().as_chunks::<4>().0.iter().map(|[r, g, b, a]| RGBA8::new(*r, *g, *b, *a)).collect();
        encoder.encode_rgba(Img::new(pixels.as_slice(), width, height))
    } else {
        let pixels: Vec<RGB8> =
            picture.samples().as_chunks::<3>().0.iter().map(|[r, g, b]| RGB8::new(*r, *g, *b)).collect();
        encoder.encode_rgb(Img::new(pixels.as_slice(), width, height))
    };
    Ok(made.map_err(ImageError::damaged)?.avif_file)
}

fn png(picture: &Raster) -> Result<Vec<u8>, ImageError> {
    let kind = if picture.model() == Model::Rgba { ExtendedColorType::Rgba8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(picture.samples(), picture.width(), picture.height(), kind)
        .map_err(ImageError::damaged)?;
    Ok(bytes)
}
