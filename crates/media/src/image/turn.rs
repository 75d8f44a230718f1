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
    let step = picture.model().samples();
    let (across, down) = (picture.width() as usize, picture.height() as usize);
    let (width, height) = shown((picture.width(), picture.height()), orientation);
    let mut samples = Vec::with_capacity(picture.samples().len());
    for y in 0..height as usize {
        for x in 0..width as usize {
            let (right, below) = (across.saturating_sub(1), down.saturating_sub(1));
            // Where in the stored picture the pixel comes from that is shown at (x, y).
            let (from_x, from_y) = match orientation {
                2 => (right.saturating_sub(x), y),
                3 => (right.saturating_sub(x), below.saturating_sub(y)),
                4 => (x, below.saturating_sub(y)),
                5 => (y, x),
                6 => (y, below.saturating_sub(x)),
                7 => (right.saturating_sub(y), below.saturating_sub(x)),
                _ => (right.saturating_sub(y), x),
            };
            let at = from_y.saturating_mul(across).saturating_add(from_x).saturating_mul(step);
            samples.extend_from_slice(picture.samples().get(at..at.saturating_add(step)).unwrap_or_default());
        }
    }
    Raster::new(width, height, picture.model(), samples)
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
}
