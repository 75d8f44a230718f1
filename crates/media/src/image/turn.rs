//! EXIF orientation (EXIF 2.32, tag 0x0112): how the stored picture is to be turned and mirrored to be shown.

use super::ImageError;
use super::raster::Raster;

/// The size as shown of a picture of this size as stored.
pub(super) const fn shown((width, height): (u32, u32), orientation: u8) -> (u32, u32) {
    if matches!(orientation, 5..=8) { (height, width) } else { (width, height) }
}

/// The picture upright.
pub(super) fn upright(picture: Raster, orientation: u8) -> Result<Raster, ImageError> {
    if !matches!(orientation, 2..=8) {
        return Ok(picture);
    }
    let (width, height) = shown((picture.width(), picture.height()), orientation);
    let size = (picture.width() as usize, picture.height() as usize);
    let samples = picture.samples();
    let samples = match picture.model().samples() {
        1 => turned::<1>(samples, size, orientation),
        2 => turned::<2>(samples, size, orientation),
        3 => turned::<3>(samples, size, orientation),
        _ => turned::<4>(samples, size, orientation),
    };
    Raster::new(width, height, picture.model(), samples)
}

/// Rows that are filled at once: what is read down a column then stays in the processor's cache.
const ROWS: usize = 16;

fn turned<const STEP: usize>(samples: &[u8], (across, down): (usize, usize), orientation: u8) -> Vec<u8> {
    let (stored, _) = samples.as_chunks::<STEP>();
    let width = if matches!(orientation, 5..=8) { down } else { across };
    let mut shown = vec![[0; STEP]; stored.len()];
    let (right, below) = (across.saturating_sub(1), down.saturating_sub(1));
    // Where in the stored picture the pixel at (0, 0) comes from, and how far that of its neighbours to the right and
    // below is from there; all of it wraps, for steps go both ways.
    let last_row = below.wrapping_mul(across);
    let (start, to_right, to_below) = match orientation {
        2 => (right, 1usize.wrapping_neg(), across),
        3 => (last_row.wrapping_add(right), 1usize.wrapping_neg(), across.wrapping_neg()),
        4 => (last_row, 1, across.wrapping_neg()),
        5 => (0, across, 1),
        6 => (last_row, across.wrapping_neg(), 1),
        7 => (last_row.wrapping_add(right), across.wrapping_neg(), 1usize.wrapping_neg()),
        _ => (right, across, 1usize.wrapping_neg()),
    };
    for (band, rows) in shown.chunks_mut(width.saturating_mul(ROWS).max(1)).enumerate() {
        let top = start.wrapping_add(band.wrapping_mul(ROWS).wrapping_mul(to_below));
        for x in 0..width {
            let mut from = top.wrapping_add(x.wrapping_mul(to_right));
            let mut at = x;
            while let (Some(to), Some(pixel)) = (rows.get_mut(at), stored.get(from)) {
                *to = *pixel;
                (at, from) = (at.wrapping_add(width), from.wrapping_add(to_below));
            }
        }
    }
    shown.into_flattened()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::raster::Model;

    /// Two rows of three: 1 2 3 / 4 5 6.
    #[test]
    fn each_orientation_puts_the_corners_where_they_belong() {
        let stored = Raster::new(3, 2, Model::Gray, vec![1, 2, 3, 4, 5, 6]).unwrap();
        for (orientation, size, wanted) in [
            (1, (3, 2), [1, 2, 3, 4, 5, 6]),
            (2, (3, 2), [3, 2, 1, 6, 5, 4]),
            (3, (3, 2), [6, 5, 4, 3, 2, 1]),
            (4, (3, 2), [4, 5, 6, 1, 2, 3]),
            (5, (2, 3), [1, 4, 2, 5, 3, 6]),
            (6, (2, 3), [4, 1, 5, 2, 6, 3]),
            (7, (2, 3), [6, 3, 5, 2, 4, 1]),
            (8, (2, 3), [3, 6, 2, 5, 1, 4]),
            (0, (3, 2), [1, 2, 3, 4, 5, 6]),
            (9, (3, 2), [1, 2, 3, 4, 5, 6]),
        ] {
            let turned = upright(stored.clone(), orientation).unwrap();
            assert_eq!((turned.width(), turned.height()), size, "{orientation}");
            assert_eq!(turned.samples(), wanted, "{orientation}");
        }
    }

    #[test]
    fn large_pictures_are_turned_pixel_by_pixel() {
        let (across, down) = (37usize, 53usize);
        let samples: Vec<u8> = (0..across * down * 3).map(|at| (at % 251) as u8).collect();
        let stored = Raster::new(37, 53, Model::Rgb, samples.clone()).unwrap();
        let pixel = |samples: &[u8], width: usize, x: usize, y: usize| samples[(y * width + x) * 3..][..3].to_vec();
        let right = upright(stored.clone(), 6).unwrap();
        let left = upright(stored, 8).unwrap();
        assert_eq!((right.width(), right.height(), left.width(), left.height()), (53, 37, 53, 37));
        for (x, y) in (0..across).flat_map(|x| (0..down).map(move |y| (x, y))) {
            let wanted = pixel(&samples, across, x, y);
            assert_eq!(pixel(right.samples(), down, down - 1 - y, x), wanted);
            assert_eq!(pixel(left.samples(), down, y, across - 1 - x), wanted);
        }
    }
}
