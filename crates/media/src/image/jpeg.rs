//! JPEG by libjpeg-turbo: decoded at the smallest scale that is still large enough.

use mv_core::facts::ImageFacts;
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor, Subsamp};

use super::decode::{Decoded, Need};
use super::limits::{SCANS_MAX, check};
use super::raster::{Model, Raster};
use super::{ImageError, colour};

/// The scales that libjpeg-turbo has fast transforms for, smallest first, and how many tenths of the wanted side each must
/// leave: less and the filter has too little to work with (decision 0023). Half loses more than the smaller ones do.
const SCALES: [(ScalingFactor, u64); 4] = [
    (ScalingFactor::ONE_EIGHTH, 12),
    (ScalingFactor::ONE_QUARTER, 12),
    (ScalingFactor::ONE_HALF, 15),
    (ScalingFactor::ONE, 10),
];

/// Decodes a JPEG file.
pub(super) fn decode(bytes: &[u8], need: &Need<'_>) -> Result<Decoded, ImageError> {
    let segments = Segments::read(bytes);
    if segments.scans > SCANS_MAX {
        return Err(ImageError::TooLarge(format!("The picture has more than {SCANS_MAX} scans")));
    }
    let mut decoder = Decompressor::new().map_err(ImageError::damaged)?;
    let header = decoder.read_header(bytes).map_err(|error| match error {
        // Its way of saying that the header ends before it says how large the picture is.
        turbojpeg::Error::IntegerOverflow(_) => ImageError::Damaged("it ends before its picture begins".to_owned()),
        other => ImageError::damaged(other),
    })?;
    let size = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (width, height) = (size(header.width), size(header.height));
    check(width, height, if header.is_progressive { coefficients(header.subsamp, header.colorspace) } else { 1 })?;
    let (model, format) = match header.colorspace {
        Colorspace::Gray => (Model::Gray, PixelFormat::GRAY),
        Colorspace::CMYK | Colorspace::YCCK => (Model::Cmyk, PixelFormat::CMYK),
        Colorspace::RGB | Colorspace::YCbCr => (Model::Rgb, PixelFormat::RGB),
    };
    let scale = if header.is_lossless { ScalingFactor::ONE } else { scale_for((width, height), need(width, height)) };
    decoder.set_scaling_factor(scale).map_err(ImageError::damaged)?;
    let scaled = header.scaled(scale);
    check(size(scaled.width), size(scaled.height), model.samples() as u64)?;
    let pitch = scaled.width.saturating_mul(model.samples());
    let mut samples = vec![0; pitch.saturating_mul(scaled.height)];
    let image = Image { pixels: samples.as_mut_slice(), width: scaled.width, pitch, height: scaled.height, format };
    if let Err(error) = decoder.decompress(bytes, image)
        // What could be decoded before the damage is worth showing.
        && !samples.iter().any(|sample| *sample != 0)
    {
        return Err(ImageError::damaged(error));
    }
    if model == Model::Cmyk && segments.is_adobe {
        // Adobe stores how much of each ink is missing.
        samples.iter_mut().for_each(|sample| *sample = u8::MAX.saturating_sub(*sample));
    }
    let profile = segments.profile();
    let facts = ImageFacts {
        bit_depth: Some(8),
        color: Some(
            match model {
                Model::Gray => "gray",
                Model::Cmyk => "cmyk",
                _ if header.colorspace == Colorspace::YCbCr => "ycbcr",
                _ => "rgb",
            }
            .to_owned(),
        ),
        profile: profile.as_deref().and_then(colour::description),
        alpha: Some(false),
        ..ImageFacts::default()
    };
    let raster = Raster::new(size(scaled.width), size(scaled.height), model, samples)?;
    Ok(Decoded { raster, profile, width, height, facts })
}

/// Bytes a pixel of a progressive picture, which is held whole as coefficients of two bytes.
const fn coefficients(subsampling: Subsamp, space: Colorspace) -> u64 {
    match (space, subsampling) {
        (Colorspace::CMYK | Colorspace::YCCK, _) => 8,
        (Colorspace::Gray, _) | (_, Subsamp::Gray) => 2,
        (_, Subsamp::Sub2x2 | Subsamp::Sub4x1 | Subsamp::Sub1x4) => 3,
        (_, Subsamp::Sub2x1 | Subsamp::Sub1x2) => 4,
        _ => 6,
    }
}

/// The smallest scale that leaves room above the wanted size on both sides.
fn scale_for((width, height): (u32, u32), (wanted_width, wanted_height): (u32, u32)) -> ScalingFactor {
    let enough = |(scale, tenths): &(ScalingFactor, u64), side: u32, wanted: u32| {
        let scaled = scale.scale(side as usize) as u64;
        scaled.saturating_mul(10) >= u64::from(wanted).saturating_mul(*tenths)
    };
    let fits =
        |scale: &(ScalingFactor, u64)| enough(scale, width, wanted_width) && enough(scale, height, wanted_height);
    SCALES.into_iter().find(fits).map_or(ScalingFactor::ONE, |(scale, _)| scale)
}

/// What the segments before the picture say, and how many scans follow.
#[derive(Default)]
struct Segments<'a> {
    is_adobe: bool,
    scans: u32,
    /// Parts of the ICC profile with their numbers (ICC.1:2022 annex B.4).
    parts: Vec<(u8, &'a [u8])>,
}

impl<'a> Segments<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut segments = Self::default();
        let mut at = 2usize;
        while let Some([0xFF, marker]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
            match marker {
                0xFF => at = at.saturating_add(1),
                0xD8 | 0x01 | 0xD0..=0xD7 => at = at.saturating_add(2),
                0xD9 => break,
                _ => {
                    let Some(body) = segment(bytes, at) else { break };
                    segments.take(*marker, body);
                    at = at.saturating_add(4).saturating_add(body.len());
                    if *marker == 0xDA {
                        match next_marker(bytes, at) {
                            Some(next) if segments.scans <= SCANS_MAX => at = next,
                            _ => break,
                        }
                    }
                }
            }
        }
        segments
    }

    fn take(&mut self, marker: u8, body: &'a [u8]) {
        match marker {
            0xEE => self.is_adobe |= body.starts_with(b"Adobe"),
            0xDA => self.scans = self.scans.saturating_add(1),
            0xE2 => {
                if let Some([number, _, part @ ..]) = body.strip_prefix(b"ICC_PROFILE\0") {
                    self.parts.push((*number, part));
                }
            }
            _ => {}
        }
    }

    fn profile(mut self) -> Option<Vec<u8>> {
        self.parts.sort_by_key(|(number, _)| *number);
        let profile: Vec<u8> = self.parts.into_iter().flat_map(|(_, part)| part).copied().collect();
        (!profile.is_empty()).then_some(profile)
    }
}

/// The body of the segment whose marker stands at `at`.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let start = at.checked_add(2)?;
    let length = usize::from(u16::from_be_bytes(*bytes.get(start..)?.first_chunk::<2>()?));
    bytes.get(start.checked_add(2)?..start.checked_add(length)?)
}

/// Behind the data of a scan: the next marker that is neither a stuffed byte nor a restart.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = bytes.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
        at = at.checked_add(found)?;
        match bytes.get(at.checked_add(1)?)? {
            0 | 0xD0..=0xD7 => at = at.checked_add(2)?,
            0xFF => at = at.checked_add(1)?,
            _ => return Some(at),
        }
    }
}
