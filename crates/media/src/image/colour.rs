//! From a file's own colours to sRGB: by its ICC profile where it has a usable one, else by convention.

use moxcms::{ColorProfile, DataColorSpace, Layout, RenderingIntent, TransformOptions};

use super::ImageError;
use super::raster::{Model, Raster};

/// The picture in RGB or RGBA. A profile that is broken or of another kind than the picture is left out of account.
pub(super) fn to_srgb(picture: Raster, profile: Option<&[u8]>) -> Result<Raster, ImageError> {
    let (width, height) = (picture.width(), picture.height());
    if let Some((model, samples)) = profile.and_then(|profile| by_profile(&picture, profile)) {
        return Raster::new(width, height, model, samples);
    }
    let (model, samples) = match picture.model() {
        Model::Rgb | Model::Rgba => return Ok(picture),
        Model::Gray => (Model::Rgb, picture.samples().iter().flat_map(|gray| [*gray; 3]).collect()),
        Model::GrayAlpha => (
            Model::Rgba,
            picture
                .samples()
                .as_chunks::<2>()
                .0
                .iter()
                .flat_map(|[gray, alpha]| [*gray, *gray, *gray, *alpha])
                .collect(),
        ),
        Model::Cmyk => {
            (Model::Rgb, picture.samples().as_chunks::<4>().0.iter().flat_map(|inks| plain(*inks)).collect())
        }
    };
    Raster::new(width, height, model, samples)
}

/// Inks without a profile: each takes its light away, black all of it.
fn plain([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let left = |ink: u8| {
        let light = u32::from(u8::MAX.saturating_sub(ink)).saturating_mul(u32::from(u8::MAX.saturating_sub(black)));
        u8::try_from(light.saturating_add(127) / 255).unwrap_or(u8::MAX)
    };
    [left(cyan), left(magenta), left(yellow)]
}

fn by_profile(picture: &Raster, profile: &[u8]) -> Option<(Model, Vec<u8>)> {
    let source = ColorProfile::new_from_slice(profile).ok()?;
    let (layout, space, target, model) = match picture.model() {
        Model::Gray => (Layout::Gray, DataColorSpace::Gray, Layout::Rgb, Model::Rgb),
        Model::GrayAlpha => (Layout::GrayAlpha, DataColorSpace::Gray, Layout::Rgba, Model::Rgba),
        Model::Rgb => (Layout::Rgb, DataColorSpace::Rgb, Layout::Rgb, Model::Rgb),
        Model::Rgba => (Layout::Rgba, DataColorSpace::Rgb, Layout::Rgba, Model::Rgba),
        Model::Cmyk => (Layout::Rgba, DataColorSpace::Cmyk, Layout::Rgb, Model::Rgb),
    };
    if source.color_space != space {
        return None;
    }
    let options =
        TransformOptions { rendering_intent: RenderingIntent::RelativeColorimetric, ..TransformOptions::default() };
    let transform = source.create_transform_8bit(layout, &ColorProfile::new_srgb(), target, options).ok()?;
    let pixels = picture.samples().len().checked_div(picture.model().samples())?;
    let mut samples = vec![0; pixels.checked_mul(model.samples())?];
    transform.transform(picture.samples(), &mut samples).ok()?;
    Some((model, samples))
}

/// The description in an ICC profile.
pub(super) fn description(profile: &[u8]) -> Option<String> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let text = match profile.description? {
        moxcms::ProfileText::PlainString(text) => text,
        moxcms::ProfileText::Localizable(texts) => texts.into_iter().next()?.value,
        moxcms::ProfileText::Description(text) => text.ascii_string,
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(colour: [u8; 3], profile: &ColorProfile) -> [u8; 3] {
        let picture = Raster::new(1, 1, Model::Rgb, colour.to_vec()).unwrap();
        to_srgb(picture, Some(&profile.encode().unwrap())).unwrap().samples().try_into().unwrap()
    }

    fn near(got: [u8; 3], wanted: [u8; 3]) -> bool {
        got.iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) <= 1)
    }

    #[test]
    fn wide_colours_are_brought_into_srgb() {
        // Expected by the matrices of both spaces (CSS Color 4, section 10) and sRGB's curve.
        let p3 = ColorProfile::new_display_p3();
        for (colour, wanted) in [
            ([200, 100, 50], [215, 93, 31]),
            ([128, 128, 128], [128, 128, 128]),
            ([255, 0, 0], [255, 0, 0]),
            ([0, 255, 0], [0, 255, 0]),
            ([60, 160, 90], [0, 163, 82]),
        ] {
            let got = converted(colour, &p3);
            assert!(near(got, wanted), "{colour:?}: {got:?}, not {wanted:?}");
        }
        assert!(near(converted([200, 100, 50], &ColorProfile::new_srgb()), [200, 100, 50]));
        // A profile of inks says nothing of light, and nonsense nothing at all.
        let picture = || Raster::new(1, 1, Model::Rgb, vec![1, 2, 3]).unwrap();
        assert_eq!(to_srgb(picture(), Some(b"nonsense")).unwrap().samples(), [1, 2, 3]);
        assert_eq!(
            to_srgb(picture(), Some(&ColorProfile::new_gray_with_gamma(2.2).encode().unwrap())).unwrap().samples(),
            [1, 2, 3]
        );
    }
}
