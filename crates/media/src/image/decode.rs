//! From a file's bytes to pixels, whatever the format.

use std::io::Cursor;

use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageFormat, ImageReader, Limits};
use jxl_oxide::{AllocTracker, EnumColourEncoding, JxlImage, RenderingIntent};
use mv_core::facts::ImageFacts;

use super::limits::{DECODED_MAX, SIDE_MAX, check};
use super::raster::{Model, Raster};
use super::{ImageError, colour, jpeg, psd, svg};
use crate::formats::{self, Format};

/// Of a picture of this size as stored, how many pixels are wanted. Formats that can be decoded smaller use it.
pub(super) type Need<'a> = dyn Fn(u32, u32) -> (u32, u32) + 'a;

/// A picture as its file has it.
pub(super) struct Decoded {
    /// Its pixels, perhaps fewer than stored.
    pub(super) raster: Raster,
    /// Its ICC profile.
    pub(super) profile: Option<Vec<u8>>,
    /// Pixels across, as stored.
    pub(super) width: u32,
    /// Pixels down, as stored.
    pub(super) height: u32,
    /// What the decoder saw.
    pub(super) facts: ImageFacts,
}

/// Decodes the first picture of a file.
pub(super) fn decode(bytes: &[u8], format: Format, need: &Need<'_>) -> Result<Decoded, ImageError> {
    let by_image = [
        (formats::PNG, ImageFormat::Png),
        (formats::GIF, ImageFormat::Gif),
        (formats::WEBP, ImageFormat::WebP),
        (formats::BMP, ImageFormat::Bmp),
        (formats::TIFF, ImageFormat::Tiff),
        (formats::ICO, ImageFormat::Ico),
    ];
    match format {
        formats::JPEG => jpeg::decode(bytes, need),
        formats::JXL => jxl(bytes),
        formats::SVG => svg::decode(bytes, need),
        formats::PSD => psd::decode(bytes),
        _ => match by_image.into_iter().find(|(known, _)| *known == format) {
            Some((_, format)) => plain(bytes, format),
            None => Err(ImageError::Unsupported),
        },
    }
}

fn plain(bytes: &[u8], format: ImageFormat) -> Result<Decoded, ImageError> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODED_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width).saturating_mul(u64::from(height)).max(1);
    check(width, height, decoder.total_bytes().div_ceil(pixels))?;
    let profile = decoder.icc_profile().ok().flatten();
    let facts = facts_of(decoder.original_color_type(), profile.as_deref());
    let picture = DynamicImage::from_decoder(decoder).map_err(explain)?;
    Ok(Decoded { raster: raster(picture)?, profile, width, height, facts })
}

/// What `image` says, in our words.
fn explain(error: image::ImageError) -> ImageError {
    match error {
        image::ImageError::Limits(_) => ImageError::TooLarge("The picture is larger than is allowed".to_owned()),
        image::ImageError::Unsupported(_) => ImageError::Unsupported,
        other => ImageError::damaged(other),
    }
}

/// Eight bits a sample, and no opacity where all is opaque.
fn raster(picture: DynamicImage) -> Result<Raster, ImageError> {
    let (width, height) = (picture.width(), picture.height());
    let (model, samples) = match picture {
        DynamicImage::ImageLuma8(it) => (Model::Gray, it.into_raw()),
        DynamicImage::ImageLumaA8(it) => (Model::GrayAlpha, it.into_raw()),
        DynamicImage::ImageRgb8(it) => (Model::Rgb, it.into_raw()),
        DynamicImage::ImageRgba8(it) => (Model::Rgba, it.into_raw()),
        it @ DynamicImage::ImageLuma16(_) => (Model::Gray, it.into_luma8().into_raw()),
        it @ DynamicImage::ImageLumaA16(_) => (Model::GrayAlpha, it.into_luma_alpha8().into_raw()),
        it @ (DynamicImage::ImageRgb16(_) | DynamicImage::ImageRgb32F(_)) => (Model::Rgb, it.into_rgb8().into_raw()),
        it => (Model::Rgba, it.into_rgba8().into_raw()),
    };
    Ok(Raster::new(width, height, model, samples)?.without_idle_alpha())
}

fn facts_of(kind: ExtendedColorType, profile: Option<&[u8]>) -> ImageFacts {
    use ExtendedColorType as Kind;
    let color = match kind {
        Kind::A8
        | Kind::L1
        | Kind::La1
        | Kind::L2
        | Kind::La2
        | Kind::L4
        | Kind::La4
        | Kind::L8
        | Kind::La8
        | Kind::L16
        | Kind::La16 => "gray",
        Kind::Cmyk8 | Kind::Cmyk16 => "cmyk",
        _ => "rgb",
    };
    let depth =
        kind.bits_per_pixel().checked_div(u16::from(kind.channel_count())).and_then(|bits| u8::try_from(bits).ok());
    ImageFacts {
        bit_depth: depth,
        color: Some(color.to_owned()),
        profile: profile.and_then(colour::description),
        ..ImageFacts::default()
    }
}

fn jxl(bytes: &[u8]) -> Result<Decoded, ImageError> {
    let tracker = AllocTracker::with_limit(usize::try_from(DECODED_MAX).unwrap_or(usize::MAX));
    let mut image = JxlImage::builder().alloc_tracker(tracker).read(Cursor::new(bytes)).map_err(ImageError::damaged)?;
    let (width, height) = (image.width(), image.height());
    // It works on numbers of four bytes, three of them a pixel.
    check(width, height, 12)?;
    let facts = ImageFacts {
        bit_depth: u8::try_from(image.image_header().metadata.bit_depth.bits_per_sample()).ok(),
        color: Some(if image.pixel_format().is_grayscale() { "gray" } else { "rgb" }.to_owned()),
        profile: image.original_icc().and_then(colour::description),
        frames: u32::try_from(image.num_loaded_keyframes()).ok().filter(|frames| *frames > 1),
        // The decoder has turned it.
        orientation: Some(1),
        ..ImageFacts::default()
    };
    image.request_color_encoding(EnumColourEncoding::srgb(RenderingIntent::Relative));
    let render = image.render_frame(0).map_err(ImageError::damaged)?;
    let mut stream = render.stream();
    let (across, down) = (stream.width(), stream.height());
    let model = match stream.channels() {
        1 => Model::Gray,
        2 => Model::GrayAlpha,
        3 => Model::Rgb,
        4 => Model::Rgba,
        _ => return Err(ImageError::Unsupported),
    };
    check(across, down, model.samples() as u64)?;
    let mut samples = vec![0u8; (across as usize).saturating_mul(down as usize).saturating_mul(model.samples())];
    stream.write_to_buffer(&mut samples);
    let raster = Raster::new(across, down, model, samples)?.without_idle_alpha();
    Ok(Decoded { raster, profile: None, width: across, height: down, facts })
}
