//! The composite picture of a Photoshop file.

use std::io::Cursor;

use mv_core::facts::ImageFacts;
use zune_psd::PSDDecoder;
use zune_psd::zune_core::colorspace::ColorSpace;
use zune_psd::zune_core::options::DecoderOptions;
use zune_psd::zune_core::result::DecodingResult;

use super::ImageError;
use super::decode::Decoded;
use super::limits::{SIDE_MAX, check};
use super::raster::{Model, Raster};

/// Decodes it.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageError> {
    let options = DecoderOptions::default().set_max_width(SIDE_MAX as usize).set_max_height(SIDE_MAX as usize);
    let mut decoder = PSDDecoder::new_with_options(Cursor::new(bytes), options);
    let failed = |error: zune_psd::errors::PSDDecodeErrors| ImageError::damaged(format!("{error:?}"));
    decoder.decode_headers().map_err(failed)?;
    let size = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = decoder.dimensions().map(|(width, height)| (size(width), size(height))).unwrap_or_default();
    let model = match decoder.colorspace() {
        Some(ColorSpace::Luma) => Model::Gray,
        Some(ColorSpace::LumaA) => Model::GrayAlpha,
        Some(ColorSpace::RGB) => Model::Rgb,
        Some(ColorSpace::RGBA) => Model::Rgba,
        Some(ColorSpace::CMYK) => Model::Cmyk,
        _ => return Err(ImageError::Unsupported),
    };
    // Channels lie one behind the other in the file and are woven together: twice the picture, at sixteen bits four times.
    check(width, height, (model.samples() as u64).saturating_mul(3))?;
    let (mut samples, depth): (Vec<u8>, u8) = match decoder.decode().map_err(failed)? {
        DecodingResult::U8(samples) => (samples, 8),
        DecodingResult::U16(samples) => (samples.into_iter().map(|sample| (sample >> 8) as u8).collect(), 16),
        _ => return Err(ImageError::Unsupported),
    };
    if model == Model::Cmyk {
        samples.iter_mut().for_each(|sample| *sample = u8::MAX.saturating_sub(*sample));
    }
    let color = match model {
        Model::Gray | Model::GrayAlpha => "gray",
        Model::Cmyk => "cmyk",
        Model::Rgb | Model::Rgba => "rgb",
    };
    let facts = ImageFacts { bit_depth: Some(depth), color: Some(color.to_owned()), ..ImageFacts::default() };
    let raster = Raster::new(width, height, model, samples)?.without_idle_alpha();
    Ok(Decoded { raster, profile: None, width, height, facts })
}
