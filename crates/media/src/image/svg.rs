//! SVG, drawn. Nothing outside the file is asked for: no references but raster pictures inside it, no fonts, no scripts.

use std::sync::Arc;

use mv_core::facts::ImageFacts;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, ImageKind, Options, Tree};

use super::ImageError;
use super::decode::{Decoded, Need};
use super::limits::check;
use super::raster::{Model, Raster};

/// The largest file that is drawn.
const FILE_MAX: usize = 16 * 1024 * 1024;
/// The most pixels of a picture inside the file.
const INSIDE_MAX: usize = 8 * 1024 * 1024;

/// Draws it at the wanted size.
pub(super) fn decode(bytes: &[u8], need: &Need<'_>) -> Result<Decoded, ImageError> {
    if bytes.len() > FILE_MAX {
        return Err(ImageError::TooLarge("The drawing is larger than is allowed".to_owned()));
    }
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|mime: &str, data: Arc<Vec<u8>>, _: &Options<'_>| inside(mime, data)),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let tree = Tree::from_data(bytes, &options).map_err(ImageError::damaged)?;
    let (across, down) = (tree.size().width(), tree.size().height());
    let whole = |side: f32| (side.ceil().clamp(1.0, 1e6)) as u32;
    let (width, height) = (whole(across), whole(down));
    // A drawing has no pixels of its own: it fills what is wanted.
    let largest = need(u32::MAX, u32::MAX);
    let scale = (largest.0 as f32 / across.max(1e-3)).min(largest.1 as f32 / down.max(1e-3));
    let (drawn_width, drawn_height) = (whole((across * scale).round()), whole((down * scale).round()));
    check(drawn_width, drawn_height, 8)?;
    let mut canvas = Pixmap::new(drawn_width, drawn_height).ok_or(ImageError::Unsupported)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut canvas.as_mut());
    let samples = canvas.take_demultiplied();
    let raster = Raster::new(drawn_width, drawn_height, Model::Rgba, samples)?.without_idle_alpha();
    let facts = ImageFacts { color: Some("rgb".to_owned()), ..ImageFacts::default() };
    Ok(Decoded { raster, profile: None, width, height, facts })
}

fn inside(mime: &str, data: Arc<Vec<u8>>) -> Option<ImageKind> {
    if data.len() > INSIDE_MAX {
        return None;
    }
    match mime {
        "image/jpg" | "image/jpeg" => Some(ImageKind::JPEG(data)),
        "image/png" => Some(ImageKind::PNG(data)),
        "image/gif" => Some(ImageKind::GIF(data)),
        "image/webp" => Some(ImageKind::WEBP(data)),
        _ => None,
    }
}
