//! What is refused before memory is taken, and the words for it (reliability section 5).

use crate::worker::protocol::{Refused, RefusedCode};

/// Pixels of a still.
pub const PIXELS_MAX: u64 = 100_000_000;
/// Pixels of one side.
pub const SIDE_MAX: u32 = 32_768;
/// Bytes of a file that is decoded as a whole.
pub const FILE_MAX: u64 = 256 * 1024 * 1024;
/// Bytes that a decoder may fill with one picture; a worker has 512 MiB for all that it holds.
pub const DECODED_MAX: u64 = 330 * 1024 * 1024;
/// Frames of an animation that are shown, for how long, and their pixels together.
pub const ANIMATED_FRAMES_MAX: usize = 300;
/// See above.
pub const ANIMATED_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// See above.
pub const ANIMATED_PIXELS_MAX: u64 = 50_000_000;
/// Scans of a progressive JPEG; encoders write about ten.
pub const SCANS_MAX: u32 = 100;

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// No decoder here.
    #[error("this format cannot be decoded here")]
    Unsupported,
    /// More than is allowed.
    #[error("{0}")]
    TooLarge(String),
    /// Not what its first bytes promise.
    #[error("{0}")]
    Damaged(String),
}

impl ImageError {
    /// Damage, in a decoder's words, cut short.
    pub(super) fn damaged(cause: impl std::fmt::Display) -> Self {
        Self::Damaged(cause.to_string().chars().filter(|c| !c.is_control()).take(200).collect())
    }

    /// As the server is told.
    pub fn refused(&self) -> Refused {
        let (code, message) = match self {
            Self::Unsupported => (RefusedCode::Unsupported, "This format cannot be shown here".to_owned()),
            Self::TooLarge(what) => (RefusedCode::TooLarge, what.clone()),
            Self::Damaged(what) => (RefusedCode::Damaged, format!("The file cannot be read: {what}")),
        };
        Refused { code, message }
    }
}

/// Whether a picture of this size may be decoded into so many bytes a pixel.
pub(super) fn check(width: u32, height: u32, bytes_a_pixel: u64) -> Result<(), ImageError> {
    let pixels = u64::from(width).saturating_mul(u64::from(height));
    if width == 0 || height == 0 {
        return Err(ImageError::Damaged("it has no pixels".to_owned()));
    }
    if width > SIDE_MAX || height > SIDE_MAX || pixels > PIXELS_MAX {
        let most = PIXELS_MAX / 1_000_000;
        return Err(ImageError::TooLarge(format!(
            "The picture has {width} x {height} pixels; at most {most} million, {SIDE_MAX} a side, are shown"
        )));
    }
    if pixels.saturating_mul(bytes_a_pixel) > DECODED_MAX {
        return Err(ImageError::TooLarge(format!(
            "A picture of {width} x {height} pixels in this format needs more memory than is allowed"
        )));
    }
    Ok(())
}
