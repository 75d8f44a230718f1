//! What little can be said of a picture in a few bytes: its thumbhash, its colour; and which of several frames says most.

use super::raster::{Model, Raster};
use super::{ImageError, encode, within};

/// The largest picture that thumbhash takes.
const SIDE: u32 = 100;

/// What can be said.
pub(super) struct Summary {
    pub(super) thumbhash: Vec<u8>,
    pub(super) dominant_color: String,
}

/// Of a picture in RGB or RGBA.
pub(super) fn of(picture: &Raster) -> Result<Summary, ImageError> {
    let small = picture.scaled(within(picture.width(), picture.height(), SIDE))?;
    let (width, height) = (small.width() as usize, small.height() as usize);
    let rgba: Vec<u8> = match small.model() {
        Model::Rgba => small.into_samples(),
        _ => small.samples().as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, u8::MAX]).collect(),
    };
    let dominant_color = dominant(&rgba);
    Ok(Summary { thumbhash: thumbhash::rgba_to_thumb_hash(width, height, &rgba), dominant_color })
}

/// The mean of the pixels in the fullest of 512 boxes of the colour cube.
fn dominant(rgba: &[u8]) -> String {
    let mut boxes = vec![[0u64; 4]; 512];
    for [r, g, b, a] in rgba.as_chunks::<4>().0 {
        if *a < 128 {
            continue;
        }
        let place = usize::from(r >> 5) << 6 | usize::from(g >> 5) << 3 | usize::from(b >> 5);
        if let Some(sums) = boxes.get_mut(place) {
            for (sum, part) in sums.iter_mut().zip([u64::from(*r), u64::from(*g), u64::from(*b), 1]) {
                *sum = sum.saturating_add(part);
            }
        }
    }
    let [r, g, b, count] = boxes.into_iter().max_by_key(|sums| sums[3]).unwrap_or_default();
    let mean = |sum: u64| sum.checked_div(count).unwrap_or(u64::from(u8::MAX));
    format!("#{:02x}{:02x}{:02x}", mean(r), mean(g), mean(b))
}

/// The frame that is neither dark nor empty: the one whose brightness varies most among those that are not black, as PNG.
pub(super) fn best_frame(bytes: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ImageError> {
    let length = (width as usize).checked_mul(height as usize).and_then(|pixels| pixels.checked_mul(3));
    let length = length.filter(|length| *length > 0).ok_or(ImageError::Unsupported)?;
    let score = |frame: &[u8]| {
        let count = (frame.len() / 3).max(1) as f64;
        let lights = || {
            frame
                .as_chunks::<3>()
                .0
                .iter()
                .map(|[r, g, b]| f64::from(*r) * 0.2126 + f64::from(*g) * 0.7152 + f64::from(*b) * 0.0722)
        };
        let mean = lights().sum::<f64>() / count;
        let spread = (lights().map(|light| (light - mean).powi(2)).sum::<f64>() / count).sqrt();
        // Black, white and plain frames come last, whatever else there is.
        if (16.0..=240.0).contains(&mean) { spread } else { spread * 0.01 }
    };
    let frames = bytes.chunks_exact(length);
    let best = frames.max_by(|one, other| score(one).total_cmp(&score(other)));
    let best = best.ok_or_else(|| ImageError::Damaged("it has no frame".to_owned()))?;
    let picture = Raster::new(width, height, Model::Rgb, best.to_vec())?;
    Ok(encode::encode(&picture, super::Output::Png, 100)?.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dominant_colour_is_that_of_most_pixels() {
        let mut samples = [200, 30, 30].repeat(60);
        samples.extend([10, 10, 200].repeat(40));
        let picture = Raster::new(10, 10, Model::Rgb, samples).unwrap();
        assert_eq!(of(&picture).unwrap().dominant_color, "#c81e1e");
        let clear = Raster::new(1, 1, Model::Rgba, vec![1, 2, 3, 0]).unwrap();
        assert_eq!(of(&clear).unwrap().dominant_color, "#ffffff");
    }

    #[test]
    fn black_frames_are_passed_over() {
        let mut frames = vec![0u8; 12];
        frames.extend([90, 90, 90, 10, 10, 10, 120, 120, 120, 60, 60, 60]);
        frames.extend([255u8; 12]);
        let png = best_frame(&frames, 2, 2).unwrap();
        let shown = image::load_from_memory(&png).unwrap().into_rgb8();
        assert_eq!(shown.get_pixel(0, 0).0, [90, 90, 90]);
        assert!(best_frame(&frames, 100, 100).is_err() && best_frame(&frames, 0, 1).is_err());
    }
}
