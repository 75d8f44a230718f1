//! Renditions: one picture in one box and one format.

use super::decode::decode;
use super::encode::encode;
use super::raster::{Model, Raster};
use super::{Fit, ImageError, Output, Params, Request, colour, turn};
use crate::worker::protocol::Made;

/// How a picture goes into its box.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plan {
    /// The picture's size once scaled, all of it.
    scaled: (u32, u32),
    /// What of it is shown.
    shown: (u32, u32),
    /// The ground it stands on, where that is larger.
    ground: (u32, u32),
}

/// Where a picture of this size (as shown) goes. Nothing is enlarged: a box that it cannot fill is made smaller in the same
/// shape, a ground keeps its size.
fn plan(params: &Params, (width, height): (u32, u32)) -> Plan {
    let (w, h) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let ratio = |wanted: Option<u32>, side: f64| wanted.map_or(f64::INFINITY, |wanted| f64::from(wanted) / side);
    let (across, down) = (ratio(params.width, w), ratio(params.height, h));
    let pixels = |side: f64| (side.round().max(1.0)) as u32;
    let fits = across.min(down).min(1.0);
    match (params.fit, params.width, params.height) {
        (Fit::Cover, Some(wide), Some(high)) => {
            let scale = across.max(down);
            let shrink = if scale > 1.0 { 1.0 / scale } else { 1.0 };
            let scale = scale.min(1.0);
            let scaled = (pixels(w * scale), pixels(h * scale));
            let shown =
                (pixels(f64::from(wide) * shrink).min(scaled.0), pixels(f64::from(high) * shrink).min(scaled.1));
            Plan { scaled, shown, ground: shown }
        }
        (Fit::Contain, Some(wide), Some(high)) => {
            let scaled = (pixels(w * fits).min(wide), pixels(h * fits).min(high));
            Plan { scaled, shown: scaled, ground: (wide, high) }
        }
        _ => {
            let scaled = (pixels(w * fits), pixels(h * fits));
            Plan { scaled, shown: scaled, ground: scaled }
        }
    }
}

/// A rendition of a file.
///
/// # Errors
/// `ImageError`.
pub fn render(request: &Request<'_>, params: &Params) -> Result<Made, ImageError> {
    let of_stored = |width, height| {
        let plan = plan(params, turn::shown((width, height), request.orientation));
        turn::shown(plan.scaled, request.orientation)
    };
    let decoded = decode(request.bytes, request.format, &of_stored)?;
    let plan = plan(params, turn::shown((decoded.width, decoded.height), request.orientation));
    let small = decoded.raster.into_scaled(turn::shown(plan.scaled, request.orientation))?;
    let upright = turn::upright(colour::to_srgb(small, decoded.profile.as_deref())?, request.orientation)?;
    finish(upright, plan, params)
}

/// A rendition of an upright picture of sRGB that lies in memory as a file of ours.
///
/// # Errors
/// `ImageError`.
pub fn render_picture(request: &Request<'_>, params: &Params) -> Result<Made, ImageError> {
    render(&Request { orientation: 1, ..*request }, params)
}

/// An upright picture in its box.
pub(super) fn fitted(picture: Raster, params: &Params) -> Result<Raster, ImageError> {
    let plan = plan(params, (picture.width(), picture.height()));
    boxed(picture.into_scaled(plan.scaled)?, plan, params)
}

/// Cuts, puts on its ground and encodes.
fn finish(picture: Raster, plan: Plan, params: &Params) -> Result<Made, ImageError> {
    encode(&boxed(picture, plan, params)?, params.output, params.quality)
}

/// Cuts, and puts on its ground.
fn boxed(picture: Raster, plan: Plan, params: &Params) -> Result<Raster, ImageError> {
    let middle = |whole: u32, part: u32| f64::from(whole.saturating_sub(part) / 2);
    let picture = if plan.shown == (picture.width(), picture.height()) {
        picture
    } else {
        let (left, top) = (middle(picture.width(), plan.shown.0), middle(picture.height(), plan.shown.1));
        picture.cut(Some([left, top, f64::from(plan.shown.0), f64::from(plan.shown.1)]), plan.shown)?
    };
    if plan.ground == plan.shown { Ok(picture) } else { on_ground(&picture, plan.ground, params.output) }
}

/// On a ground that can be seen through; of JPEG, on white.
fn on_ground(picture: &Raster, (width, height): (u32, u32), output: Output) -> Result<Raster, ImageError> {
    let ground = if output == Output::Jpeg { [255, 255, 255, 255] } else { [0, 0, 0, 0] };
    let mut samples = ground.repeat((width as usize).saturating_mul(height as usize));
    let (left, top) = (width.saturating_sub(picture.width()) / 2, height.saturating_sub(picture.height()) / 2);
    let step = picture.model().samples();
    let row_length = (picture.width() as usize).saturating_mul(step);
    for (row, y) in picture.samples().chunks_exact(row_length.max(1)).zip(top as usize..) {
        let start = y.saturating_mul(width as usize).saturating_add(left as usize).saturating_mul(4);
        let target = samples.get_mut(start..).unwrap_or_default();
        for (to, from) in target.as_chunks_mut::<4>().0.iter_mut().zip(row.chunks_exact(step)) {
            *to = match from {
                [r, g, b, a] => [*r, *g, *b, *a],
                [r, g, b] => [*r, *g, *b, u8::MAX],
                _ => ground,
            };
        }
    }
    Ok(Raster::new(width, height, Model::Rgba, samples)?.without_idle_alpha())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(width: Option<u32>, height: Option<u32>, fit: Fit) -> Params {
        Params { width, height, fit, output: Output::Png, quality: 80, animated: false }
    }

    #[test]
    fn boxes_are_filled_as_their_names_say() {
        let of = |width, height, fit, size| {
            let plan = plan(&params(width, height, fit), size);
            (plan.scaled, plan.shown, plan.ground)
        };
        let photo = (4000, 3000);
        assert_eq!(of(Some(400), None, Fit::Inside, photo).0, (400, 300));
        assert_eq!(of(None, Some(300), Fit::Cover, photo).0, (400, 300), "one side gives the other");
        assert_eq!(of(Some(400), Some(400), Fit::Inside, photo).0, (400, 300));
        assert_eq!(of(Some(400), Some(400), Fit::Cover, photo), ((533, 400), (400, 400), (400, 400)));
        assert_eq!(of(Some(400), Some(400), Fit::Contain, photo), ((400, 300), (400, 300), (400, 400)));
        assert_eq!(of(Some(400), Some(400), Fit::Inside, (100, 50)).0, (100, 50), "never enlarged");
        assert_eq!(of(Some(400), Some(400), Fit::Cover, (100, 50)), ((100, 50), (50, 50), (50, 50)));
        assert_eq!(of(Some(400), Some(400), Fit::Contain, (100, 50)), ((100, 50), (100, 50), (400, 400)));
        assert_eq!(of(Some(10), None, Fit::Inside, (30_000, 1)).0, (10, 1));
    }
}
