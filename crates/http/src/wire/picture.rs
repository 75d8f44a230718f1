//! Which picture a query asks for: the parameters of `thumbnail` and `render`, read the same for an address, for a link that
//! is signed and for one that is judged.

use mv_app::pictures::{Ask, Fit, Output, Params, THUMBNAIL, THUMBNAILS};
use mv_core::{Error, Problems};

use crate::extract::query::Pairs;

/// The most pixels on one side (reliability section 5).
const SIDE_MAX: u32 = 4096;
/// How good, where nothing is said: about what the eye cannot tell from the original at arm's length.
const QUALITY: u8 = 80;

/// What `render` is asked for, as it is sent.
#[derive(Debug, Default, Clone)]
pub struct Wish {
    /// Pixels across.
    pub w: Option<u64>,
    /// Pixels down.
    pub h: Option<u64>,
    /// `cover`, `contain` or `inside`.
    pub fit: Option<String>,
    /// `auto`, `jpeg`, `webp`, `avif` or `png`.
    pub format: Option<String>,
    /// 1 to 100.
    pub q: Option<u64>,
    /// Pixels of the screen for each one asked for: 1 to 4.
    pub dpr: Option<f64>,
    /// Whether what moves goes on moving.
    pub animated: Option<bool>,
}

/// The size of a thumbnail.
///
/// # Errors
/// `validation_error` on `size`.
pub fn thumbnail(size: Option<u64>) -> Result<Ask, Error> {
    let wanted = size.unwrap_or(u64::from(THUMBNAIL));
    let known = THUMBNAILS.into_iter().find(|size| u64::from(*size) == wanted);
    known.map(Ask::Thumbnail).ok_or_else(|| Error::invalid("size", "Must be 256, 512 or 1024"))
}

impl Wish {
    /// Takes the parameters of `render`, noting what is wrong.
    pub fn take(pairs: &mut Pairs, problems: &mut Problems) -> Self {
        let ratio = |text: &str| text.parse().map_err(|_| Error::invalid("dpr", "Must be a number from 1 to 4"));
        Self {
            w: pairs.number("w", problems),
            h: pairs.number("h", problems),
            fit: pairs.take("fit"),
            format: pairs.take("format"),
            q: pairs.number("q", problems),
            dpr: pairs.parse("dpr", problems, ratio),
            animated: pairs.flag("animated", problems),
        }
    }

    /// The picture. Its format with `auto` is JPEG until the client is known.
    pub fn ask(&self, problems: &mut Problems) -> Ask {
        let ratio = self.dpr.unwrap_or(1.0);
        if !(1.0..=4.0).contains(&ratio) {
            problems.add("dpr", "Must be a number from 1 to 4");
        }
        let mut side = |name: &'static str, value: Option<u64>| {
            let value = value?;
            let pixels = (value as f64 * ratio).round();
            if value == 0 || !(1.0..=f64::from(SIDE_MAX)).contains(&pixels) {
                problems.add(name, format!("Must be 1 to {SIDE_MAX} pixels, dpr multiplied in"));
                return None;
            }
            Some(pixels as u32)
        };
        let (width, height) = (side("w", self.w), side("h", self.h));
        if self.w.is_none() && self.h.is_none() {
            problems.add("w", "Must be given, or h");
        }
        let fit = match self.fit.as_deref() {
            None | Some("inside") => Fit::Inside,
            Some("cover") => Fit::Cover,
            Some("contain") => Fit::Contain,
            Some(_) => {
                problems.add("fit", "Must be cover, contain or inside");
                Fit::Inside
            }
        };
        let animated = self.animated.unwrap_or(false);
        let (output, auto) = match self.format.as_deref() {
            None | Some("auto" | "webp") if animated => (Output::Webp, false),
            Some(_) if animated => {
                problems.add("format", "Must be auto or webp where animated is true");
                (Output::Webp, false)
            }
            None | Some("auto") => (Output::Jpeg, true),
            Some("jpeg") => (Output::Jpeg, false),
            Some("webp") => (Output::Webp, false),
            Some("avif") => (Output::Avif, false),
            Some("png") => (Output::Png, false),
            Some(_) => {
                problems.add("format", "Must be auto, jpeg, webp, avif or png");
                (Output::Jpeg, false)
            }
        };
        let quality = self.q.map_or(Some(QUALITY), |q| u8::try_from(q).ok().filter(|q| (1..=100).contains(q)));
        if quality.is_none() {
            problems.add("q", "Must be 1 to 100");
        }
        let quality = quality.unwrap_or(QUALITY);
        Ask::Render { params: Params { width, height, fit, output, quality, animated }, auto }
    }
}

/// The picture that an address under an item asks for, by the last part of its path; `None` where there is none such.
pub fn asked(what: &str, query: &str) -> Option<Ask> {
    let mut pairs = Pairs::decode(query).ok()?;
    let mut problems = Problems::default();
    let ask = match what {
        "thumbnail" => thumbnail(pairs.number("size", &mut problems)).ok()?,
        "storyboard" => Ask::Storyboard,
        "render" => Wish::take(&mut pairs, &mut problems).ask(&mut problems),
        _ => return None,
    };
    problems.finish().is_ok().then_some(ask)
}

/// The format that the client likes best of those that are worth it: AVIF before WebP before JPEG, each only where it is
/// named (`*/*` is sent by programs that take anything and show little). A quality of 0 means never (RFC 9110 section 12.4.2).
pub fn negotiate(accept: &str) -> Output {
    let names = |wanted: &str| {
        accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
            let never = parts.any(|part| {
                part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")).is_some_and(|q| q.parse() == Ok(0.0f32))
            });
            named && !never
        })
    };
    if names("image/avif") {
        Output::Avif
    } else if names("image/webp") {
        Output::Webp
    } else {
        Output::Jpeg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_what_they_name() {
        let chromium = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
        assert_eq!(negotiate(chromium), Output::Avif);
        assert_eq!(negotiate("image/avif;q=0, image/webp;q=0.5"), Output::Webp);
        for accept in ["", "*/*", "image/*", "image/webp;q=0", "text/html, image/webpx"] {
            assert_eq!(negotiate(accept), Output::Jpeg, "{accept}");
        }
    }

    #[test]
    fn the_same_picture_has_one_name() {
        let name = |query: &str| asked("render", query).map(|ask| ask.link_name());
        assert_eq!(name("w=300&h=200&dpr=2"), name("h=400&w=600&fit=inside&format=auto&q=80"));
        assert_ne!(name("w=300"), name("h=300"));
        assert_ne!(name("w=300&format=jpeg"), name("w=300"));
        assert_eq!(name("w=300&animated=true"), name("w=300&animated=true&format=webp"));
        assert_ne!(name("w=300&animated=true"), name("w=300&format=webp"));
        for bad in [
            "",
            "w=0",
            "w=4097",
            "w=2000&dpr=3",
            "w=1&dpr=0.5",
            "w=1&dpr=NaN",
            "w=1&q=0",
            "w=1&q=101",
            "w=1&fit=fill",
            "w=1&format=gif",
            "w=-1",
            "w=1&animated=true&format=jpeg",
            "w=1&animated=yes",
            "w=1e3",
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
        assert_eq!(asked("thumbnail", "").unwrap().name(), "512");
        assert_eq!(asked("thumbnail", "size=100"), None);
        assert_eq!(asked("content", ""), None);
    }
}
