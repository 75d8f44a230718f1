//! Which small pictures of an item there are, and their names: in links, in the cache, in addresses.
//! Promise: the same picture has the same name, however it was asked for.

pub use mv_media::image::{Fit, Output, Params};

/// The sizes of thumbnails: pixels of the longer side.
pub const THUMBNAILS: [u32; 3] = [256, 512, 1024];
/// The size without a wish.
pub const THUMBNAIL: u32 = 512;
/// The size of previews.
pub const PREVIEW: u32 = 1024;

/// A picture as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// One of `THUMBNAILS`.
    Thumbnail(u32),
    /// Ten pictures of a film in a row.
    Storyboard,
    /// How loud a sound is from beginning to end, as JSON.
    Waveform,
    /// Any other.
    Render {
        /// All but the format; pixels are the device's.
        params: Params,
        /// The format is the one that the client likes best (`format=auto`); that of `params` does not count.
        auto: bool,
    },
}

impl Ask {
    /// Its name in the cache.
    pub fn name(&self) -> String {
        match self {
            Self::Thumbnail(size) => size.to_string(),
            Self::Storyboard => "storyboard".to_owned(),
            Self::Waveform => "waveform".to_owned(),
            Self::Render { params, .. } => render_name(params, output_name(params.output)),
        }
    }

    /// What is signed of a link to it.
    pub fn link_name(&self) -> String {
        match self {
            Self::Render { params, auto: true } => render_name(params, "auto"),
            other => other.name(),
        }
    }

    /// Its address behind the item's, up to where the signature goes.
    pub(crate) fn path_and_query(&self) -> String {
        let (params, auto) = match self {
            Self::Thumbnail(size) => return format!("/thumbnail?size={size}&"),
            Self::Storyboard => return "/storyboard?".to_owned(),
            Self::Waveform => return "/waveform?".to_owned(),
            Self::Render { params, auto } => (params, auto),
        };
        let mut path = "/render?".to_owned();
        for (name, side) in [("w", params.width), ("h", params.height)] {
            if let Some(side) = side {
                path.push_str(&format!("{name}={side}&"));
            }
        }
        let output = if *auto { "auto" } else { output_name(params.output) };
        path.push_str(&format!("fit={}&format={output}&q={}&", fit_name(params.fit), params.quality));
        if params.animated {
            path.push_str("animated=true&");
        }
        path
    }
}

fn render_name(params: &Params, output: &str) -> String {
    let side = |side: Option<u32>| side.map_or_else(String::new, |side| side.to_string());
    let fit = fit_name(params.fit);
    let moving = if params.animated { "-moving" } else { "" };
    format!("r-{}x{}-{fit}-{output}-{}{moving}", side(params.width), side(params.height), params.quality)
}

/// A way to fit, as parameters name it.
pub const fn fit_name(fit: Fit) -> &'static str {
    match fit {
        Fit::Cover => "cover",
        Fit::Contain => "contain",
        Fit::Inside => "inside",
    }
}

/// A format, as parameters name it.
pub const fn output_name(output: Output) -> &'static str {
    match output {
        Output::Jpeg => "jpeg",
        Output::Webp => "webp",
        Output::Avif => "avif",
        Output::Png => "png",
    }
}

/// Types of files that pictures are made of here; `video` and `heif` tell which programs were found.
pub fn shown(video: bool, heif: bool) -> Vec<&'static str> {
    use mv_media::formats::{
        ARW, AVIF, BMP, CR2, CR3, DNG, GIF, HEIC, ICO, JPEG, JXL, MOV, MP4, NEF, ORF, PDF, PEF, PNG, PSD, RAF, RW2,
        SVG, TIFF, WEBM, WEBP,
    };
    let own = [JPEG, PNG, GIF, WEBP, BMP, TIFF, ICO, JXL, SVG, PSD, CR2, CR3, NEF, ARW, PEF, DNG, RAF, RW2, ORF, PDF];
    let mut types: Vec<&str> = own.iter().map(|format| format.mime).collect();
    if heif {
        types.extend([HEIC.mime, AVIF.mime]);
    }
    if video {
        types.extend([MP4.mime, MOV.mime, WEBM.mime, "video/*"]);
    }
    types
}
