//! What a child does for each order. Everything here reads hostile bytes.

use std::io;

use super::protocol::{Answer, FRAME_MAX, Job, Made, Pixels, Probe, Refused, RefusedCode};
use crate::formats::{self, Format};
use crate::found::{Found, Span};
use crate::image::{self, ImageError, Request, limits};
use crate::source::{Source, bytes_at, length, whole};
use crate::video::{self, IndexError};
use crate::{HEAD_BYTES, document, metadata, sniff};
use mv_core::mime::MediaType;

/// Does it.
pub fn perform(job: &Job, source: &mut dyn Source) -> Answer {
    let done = match job {
        Job::Examine => examine(source),
        Job::Thumbnails(pixels, profile) => with_picture(source, *pixels, |request| {
            let request = Request { profile: profile.as_deref(), ..request };
            thumbnails(Found::default(), &request)
        }),
        Job::Render(pixels, params) => with_picture(source, *pixels, |request| {
            let draw = if params.animated { image::animate } else { image::render };
            draw(&request, params).map(|made| of_made(vec![made]))
        }),
        Job::Frames { width, height } => frames(source, *width, *height),
        Job::Index => index(source),
        Job::Front => Ok(of_made(video::front(source).map(made).into_iter().collect())),
        Job::Probe(probe) => return Answer { probe: Some(try_walls(*probe)), ..Answer::default() },
    };
    done.unwrap_or_else(|error| Answer { refused: Some(refusal(&error)), ..Answer::default() })
}

/// Why a job gave nothing.
enum Trouble {
    Image(ImageError),
    Io,
}

impl From<ImageError> for Trouble {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Self {
        Self::Io
    }
}

fn refusal(trouble: &Trouble) -> Refused {
    match trouble {
        Trouble::Image(error) => error.refused(),
        Trouble::Io => Refused { code: RefusedCode::Damaged, message: "The file ends before it should".to_owned() },
    }
}

fn of_made(made: Vec<Made>) -> Answer {
    Answer { made, ..Answer::default() }
}

/// What the file is, by its own bytes.
fn format_of(source: &mut dyn Source) -> io::Result<Format> {
    let size = length(source)?;
    let head = bytes_at(source, 0, HEAD_BYTES)?;
    Ok(sniff(&head, size == head.len() as u64))
}

fn examine(source: &mut dyn Source) -> Result<Answer, Trouble> {
    let format = format_of(source)?;
    let found = metadata::read(source, format);
    if format.kind == MediaType::Document {
        return Ok(document::examine(source, format, found));
    }
    if let Some(span) = found.preview.filter(|_| !is_plain(format)).or(found.cover) {
        return Ok(of_span(source, span, found));
    }
    if format.kind != MediaType::Image {
        return Ok(Answer { found, ..Answer::default() });
    }
    let Some(bytes) = whole(source, limits::FILE_MAX)? else {
        let refused = ImageError::TooLarge("The file is larger than can be shown".to_owned()).refused();
        return Ok(Answer { found, refused: Some(refused), ..Answer::default() });
    };
    let request = Request { bytes: &bytes, format, orientation: orientation_of(&found), profile: None };
    let (kept, refused) = match image::thumbnails(&request) {
        Ok(made) => return Ok(answer_of(found, made)),
        Err(error) => (found, error.refused()),
    };
    Ok(Answer { found: kept, refused: Some(refused), ..Answer::default() })
}

/// Whether pictures are made from the file itself rather than from what is embedded in it.
fn is_plain(format: Format) -> bool {
    [
        formats::JPEG,
        formats::PNG,
        formats::GIF,
        formats::WEBP,
        formats::BMP,
        formats::TIFF,
        formats::ICO,
        formats::JXL,
        formats::SVG,
        formats::PSD,
    ]
    .contains(&format)
}

/// Thumbnails of a ready-made picture inside the file: a raw's preview, a song's cover.
fn of_span(source: &mut dyn Source, span: Span, found: Found) -> Answer {
    let len = usize::try_from(span.len).unwrap_or(usize::MAX).min(usize::try_from(limits::FILE_MAX).unwrap_or(0));
    let Ok(bytes) = bytes_at(source, span.at, len) else { return Answer { found, ..Answer::default() } };
    let format = sniff(bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default(), false);
    let orientation = if found.cover == Some(span) { 1 } else { orientation_of(&found) };
    match image::thumbnails(&Request { bytes: &bytes, format, orientation, profile: None }) {
        // The size and the colours are the file's own, not those of what is embedded in it.
        Ok(mut made) => {
            made.facts = mv_core::facts::ImageFacts::default();
            (made.width, made.height) = (found.width.unwrap_or(made.width), found.height.unwrap_or(made.height));
            answer_of(found, made)
        }
        // What is embedded says nothing of the file.
        Err(_) => {
            let refused = Some(ImageError::Unsupported.refused());
            Answer { found, refused, ..Answer::default() }
        }
    }
}

fn orientation_of(found: &Found) -> u8 {
    found.facts.image.as_ref().and_then(|image| image.orientation).unwrap_or(1)
}

/// What was read of a file and what was seen of its picture, together.
fn answer_of(mut found: Found, made: image::Thumbnails) -> Answer {
    let image::Thumbnails { made, thumbhash, dominant_color, width, height, facts } = made;
    found.facts.dominant_color = Some(dominant_color);
    if found.facts.audio.is_none() && found.facts.album.is_none() {
        // The decoder saw it; the header only said it.
        (found.width, found.height) = (Some(width), Some(height));
        let told = found.facts.image.take().unwrap_or_default();
        found.facts.image = Some(mv_core::facts::ImageFacts {
            orientation: told.orientation.or(facts.orientation),
            bit_depth: told.bit_depth.or(facts.bit_depth),
            color: told.color.or(facts.color),
            profile: told.profile.or(facts.profile),
            alpha: facts.alpha.or(told.alpha),
            frames: told.frames.or(facts.frames),
            hdr: told.hdr,
        });
    }
    Answer { found, made, thumbhash: Some(thumbhash), ..Answer::default() }
}

fn thumbnails(found: Found, request: &Request<'_>) -> Result<Answer, ImageError> {
    image::thumbnails(request).map(|made| answer_of(found, made))
}

/// Reads the picture that a job is about. Of a file as it was uploaded, its own metadata tell how it is turned; of a raw, the
/// embedded picture is taken.
fn with_picture(
    source: &mut dyn Source,
    pixels: Pixels,
    work: impl FnOnce(Request<'_>) -> Result<Answer, ImageError>,
) -> Result<Answer, Trouble> {
    let format = format_of(source)?;
    let mut orientation = 1;
    if pixels == Pixels::File {
        let found = metadata::read(source, format);
        orientation = orientation_of(&found);
        if let Some(span) = found.preview.filter(|_| !is_plain(format)).or(found.cover) {
            let len = usize::try_from(span.len.min(limits::FILE_MAX)).unwrap_or(0);
            let bytes = bytes_at(source, span.at, len)?;
            let format = sniff(bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default(), false);
            let orientation = if found.cover == Some(span) { 1 } else { orientation };
            return Ok(work(Request { bytes: &bytes, format, orientation, profile: None })?);
        }
    }
    let too_large = || ImageError::TooLarge("The file is larger than can be shown".to_owned());
    let bytes = whole(source, limits::FILE_MAX)?.ok_or_else(too_large)?;
    Ok(work(Request { bytes: &bytes, format, orientation, profile: None })?)
}

fn frames(source: &mut dyn Source, width: u32, height: u32) -> Result<Answer, Trouble> {
    let bytes = whole(source, limits::FILE_MAX)?.unwrap_or_default();
    let png = image::best_frame(&bytes, width, height)?;
    Ok(thumbnails(Found::default(), &Request { bytes: &png, format: formats::PNG, orientation: 1, profile: None })?)
}

/// Bytes that are no picture.
fn made(bytes: Vec<u8>) -> Made {
    let (name, mime_type) = (String::new(), "application/octet-stream".to_owned());
    Made { name, mime_type, width: 0, height: 0, bytes }
}

fn index(source: &mut dyn Source) -> Result<Answer, Trouble> {
    let too_long = || ImageError::TooLarge("The film is too long".to_owned());
    match video::index(source) {
        Ok(bytes) if bytes.len() <= FRAME_MAX => Ok(of_made(vec![made(bytes)])),
        Ok(_) | Err(IndexError::TooLong) => Err(too_long().into()),
        Err(error @ IndexError::Nonsense) => Err(ImageError::Damaged(error.to_string()).into()),
        Err(IndexError::Read(error)) => Err(error.into()),
    }
}

/// What the walls say to one who tries them.
fn try_walls(probe: Probe) -> String {
    let refused = match probe {
        Probe::File => std::fs::File::open("/etc/passwd").is_err(),
        Probe::Socket => std::net::UdpSocket::bind("127.0.0.1:0").is_err(),
        Probe::Program => std::process::Command::new("/bin/true").spawn().is_err(),
        Probe::Nothing => true,
    };
    if refused { "refused" } else { "let through" }.to_owned()
}
