//! Pixels in memory, eight bits a sample, rows without gaps, and making them fewer.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::ImageError;

/// What the samples of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    /// One of brightness.
    Gray,
    /// Brightness and opacity.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// The same with opacity, not multiplied in.
    Rgba,
    /// Inks: 255 is full of it.
    Cmyk,
}

impl Model {
    /// Samples of a pixel.
    pub(super) const fn samples(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// A picture in memory.
#[derive(Debug, Clone)]
pub(super) struct Raster {
    width: u32,
    height: u32,
    model: Model,
    samples: Vec<u8>,
}

impl Raster {
    /// A picture of these samples, which must be exactly as many as there are.
    pub(super) fn new(width: u32, height: u32, model: Model, samples: Vec<u8>) -> Result<Self, ImageError> {
        let wanted = (width as usize).checked_mul(height as usize).and_then(|count| count.checked_mul(model.samples()));
        if width == 0 || height == 0 || wanted != Some(samples.len()) {
            return Err(ImageError::Damaged("its pixels are missing".to_owned()));
        }
        Ok(Self { width, height, model, samples })
    }

    pub(super) const fn width(&self) -> u32 {
        self.width
    }

    pub(super) const fn height(&self) -> u32 {
        self.height
    }

    pub(super) const fn model(&self) -> Model {
        self.model
    }

    pub(super) fn samples(&self) -> &[u8] {
        &self.samples
    }

    pub(super) fn into_samples(self) -> Vec<u8> {
        self.samples
    }

    /// Whether it can be seen through; only of what was converted.
    pub(super) fn has_alpha(&self) -> bool {
        matches!(self.model, Model::Rgba | Model::GrayAlpha)
    }

    /// The same, with fewer pixels (Lanczos, three lobes). Opacity weighs colours meanwhile.
    pub(super) fn scaled(&self, (width, height): (u32, u32)) -> Result<Self, ImageError> {
        self.cut(None, (width, height))
    }

    /// As `scaled`; a picture that has the size already is not copied.
    pub(super) fn into_scaled(self, size: (u32, u32)) -> Result<Self, ImageError> {
        if size == (self.width, self.height) { Ok(self) } else { self.scaled(size) }
    }

    /// A part of it (left, top, width, height, in pixels of this one), with fewer pixels.
    pub(super) fn cut(&self, part: Option<[f64; 4]>, (width, height): (u32, u32)) -> Result<Self, ImageError> {
        if (width, height) == (self.width, self.height) && part.is_none() {
            return Ok(self.clone());
        }
        let kind = match self.model {
            Model::Gray => PixelType::U8,
            Model::GrayAlpha => PixelType::U8x2,
            Model::Rgb => PixelType::U8x3,
            Model::Rgba | Model::Cmyk => PixelType::U8x4,
        };
        let source = ImageRef::new(self.width, self.height, &self.samples, kind).map_err(ImageError::damaged)?;
        let mut target = Image::new(width, height, kind);
        let mut options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3)).use_alpha(self.has_alpha());
        if let Some([left, top, across, down]) = part {
            options = options.crop(left, top, across, down);
        }
        Resizer::new().resize(&source, &mut target, &options).map_err(ImageError::damaged)?;
        Self::new(width, height, self.model, target.into_vec())
    }

    /// The same without opacity where there is nothing to be seen through.
    pub(super) fn without_idle_alpha(self) -> Self {
        let (kept, model) = match self.model {
            Model::Rgba => (3, Model::Rgb),
            Model::GrayAlpha => (1, Model::Gray),
            _ => return self,
        };
        let step = self.model.samples();
        if self.samples.chunks_exact(step).any(|pixel| pixel.last().is_some_and(|alpha| *alpha != u8::MAX)) {
            return self;
        }
        let samples =
            self.samples.chunks_exact(step).filter_map(|pixel| pixel.get(..kept)).flatten().copied().collect();
        Self { model, samples, ..self }
    }
}
