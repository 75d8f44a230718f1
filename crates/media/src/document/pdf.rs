//! PDF by the crate `hayro`: it runs no scripts, follows no links and opens no files.

use std::sync::Arc;

use hayro::hayro_interpret::font::GlyphRun;
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, interpret_page,
};
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{LoadPdfError, Pdf};
use hayro::kurbo::{Affine, BezPath, Rect};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings};
use mv_core::facts::DocumentFacts;

use super::TEXT_MAX;
use crate::found::Found;
use crate::image::{self, ImageError};
use crate::worker::protocol::Answer;

/// Pages whose text is read.
const PAGES_MAX: usize = 200;
/// Pixels of the longer side of the drawn page.
const DRAWN: f32 = 1024.0;

/// Counts, draws and reads it.
pub(super) fn examine(bytes: Vec<u8>, mut found: Found) -> Answer {
    let pdf = match Pdf::new(Arc::new(bytes)) {
        Ok(pdf) => pdf,
        Err(LoadPdfError::Decryption(_)) => {
            found.facts.document = Some(DocumentFacts { pages: None, encrypted: Some(true) });
            return Answer { found, refused: Some(ImageError::Unsupported.refused()), ..Answer::default() };
        }
        Err(LoadPdfError::Invalid) => {
            let refused = ImageError::Damaged("it is not a PDF that can be understood".to_owned()).refused();
            return Answer { found, refused: Some(refused), ..Answer::default() };
        }
    };
    let pages = pdf.pages();
    let count = u32::try_from(pages.len()).ok();
    found.facts.document = Some(DocumentFacts { pages: count, encrypted: Some(false) });
    let word = |bytes: &Option<Box<[u8]>>| bytes.as_deref().and_then(pdf_text);
    let about = pdf.metadata();
    (found.facts.title, found.facts.creator) = (word(&about.title), word(&about.author));
    let cache = InterpreterCache::new();
    let mut text = String::new();
    for page in pages.iter().take(PAGES_MAX) {
        text.push_str(&words_of(page, &cache));
        text.push('\n');
        if text.len() > TEXT_MAX {
            break;
        }
    }
    found.text = Some(super::bounded(&text));
    let Some(first) = pages.first() else {
        let refused = ImageError::Damaged("it has no pages".to_owned()).refused();
        return Answer { found, refused: Some(refused), ..Answer::default() };
    };
    match draw(first).and_then(|(bytes, width, height)| image::thumbnails_of_rgba(bytes, width, height)) {
        Ok(drawn) => {
            found.facts.dominant_color = Some(drawn.dominant_color);
            Answer { found, made: drawn.made, thumbhash: Some(drawn.thumbhash), ..Answer::default() }
        }
        Err(error) => Answer { found, refused: Some(error.refused()), ..Answer::default() },
    }
}

/// Text strings are UTF-16 behind a byte order mark, else close to Latin-1 (ISO 32000-1 section 7.9.2.2).
fn pdf_text(bytes: &[u8]) -> Option<String> {
    let text = if bytes.starts_with(b"\xFE\xFF") {
        super::decode(bytes)
    } else {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(1000).collect();
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// The page in RGBA, on white.
fn draw(page: &Page<'_>) -> Result<(Vec<u8>, u32, u32), ImageError> {
    let (width, height) = page.render_dimensions();
    let side = width.max(height);
    if !side.is_finite() || width < 0.1 || height < 0.1 {
        return Err(ImageError::Damaged("its page has no size".to_owned()));
    }
    let scale = DRAWN / side;
    // At least one pixel on the shorter side, which else would vanish.
    let (x_scale, y_scale) = (scale.max(1.01 / width), scale.max(1.01 / height));
    let settings = PixmapSettings { x_scale, y_scale, bg_color: WHITE };
    let (cache, how) = (RenderCache::new(), RenderSettings::default());
    let drawn = hayro::render(page, &cache, &InterpreterSettings::default(), &how, &settings);
    let (width, height) = (u32::from(drawn.width()), u32::from(drawn.height()));
    Ok((drawn.data_as_u8_slice().to_vec(), width, height))
}

fn words_of<'a>(page: &Page<'a>, cache: &InterpreterCache<'a>) -> String {
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut context = Context::new(Affine::IDENTITY, bounds, cache, page.xref(), InterpreterSettings::default());
    let mut words = Words::default();
    interpret_page(page, &mut context, &mut words);
    words.text
}

/// Takes letters where others draw them.
#[derive(Default)]
struct Words {
    text: String,
    /// Where the last letter stood, and about how wide one is.
    last: Option<(f64, f64, f64)>,
}

impl<'a> Device<'a> for Words {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            if self.text.len() > TEXT_MAX {
                return;
            }
            #[expect(clippy::arithmetic_side_effects, reason = "matrices of floating-point numbers")]
            let [across, _, _, up, x, y] = (props.transform * glyph.transform()).as_coeffs();
            let size = across.abs().max(up.abs()).max(0.01);
            // Words stand apart by a gap; lines by a step down.
            if let Some((last_x, last_y, reach)) = self.last
                && ((y - last_y).abs() > size * 0.3 || x - last_x > reach * 1.6 || x < last_x - reach)
            {
                self.text.push(' ');
            }
            match glyph.as_unicode() {
                Some(BfString::Char(letter)) => self.text.push(letter),
                Some(BfString::String(letters)) => self.text.push_str(&letters),
                None => {}
            }
            self.last = Some((x, y, size * 600.0 / 1000.0));
        }
    }
}
