//! What a worker cannot show is asked of programs of the machine: ffmpeg, ffprobe, heif-thumbnailer. They are closed in like
//! workers; a program that fails leaves an item without a picture, never without its metadata.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use mv_media::formats::{self, Format};
use mv_media::video::{self, Probed, Way};
use mv_media::worker::program::{self, Input, Memory, Output, Program, Ran};
use mv_media::worker::protocol::RefusedCode;
use mv_media::worker::sandbox::Walls;
use mv_media::worker::{self, Failure, Feed, Pixels, feed_of_bytes};

use super::WALL;
use super::examine::{Findings, feed_of};
use crate::App;
use crate::media::read::Original;

/// What a program may use up: it decodes films, and its libraries alone are large.
const WALLS: Walls = Walls { cpu_seconds: 60, memory_bytes: 1536 * 1024 * 1024 };
/// How much of everything a run may take.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    walls: Walls,
    wall: Duration,
}

/// A look.
const SHORT: Bounds = Bounds { walls: WALLS, wall: Duration::from_secs(120) };
/// Making a film of hours: on four cores for a quarter of a day.
pub(super) const LONG: Bounds =
    Bounds { walls: Walls { cpu_seconds: 24 * 3600, ..WALLS }, wall: Duration::from_secs(6 * 3600) };
/// Larger files come by a pipe: memory is dear.
const MEMORY_MAX: u64 = 256 * 1024 * 1024;
/// What a program may answer with.
const ANSWER_MAX: u64 = 64 * 1024 * 1024;

/// A file as programs get it.
pub(super) struct File {
    memory: Option<Memory>,
    size: u64,
    feed: Feed,
    pub(super) format: Format,
}

impl File {
    pub(super) const fn way(&self) -> Way {
        if self.memory.is_some() { Way::Memory } else { Way::Pipe }
    }

    pub(super) fn input(&self) -> Input<'_> {
        match &self.memory {
            Some(memory) => Input::Memory(memory),
            None => Input::Stream(self.size, self.feed.clone()),
        }
    }
}

impl App {
    /// Asks programs for what a worker did not find out or could not show.
    pub(super) async fn help_by_programs(&self, original: &Original, findings: &mut Findings) -> Result<(), Failure> {
        let Some(format) = format_of(&original.media.mime_type) else { return Ok(()) };
        let is_still = [formats::HEIC, formats::HEIF, formats::AVIF].contains(&format);
        let wanted = if is_still {
            self.processing.tools().heif.is_some()
        } else {
            self.processing.tools().ffprobe.is_some() && video::demuxer(format).is_some()
        };
        if !wanted || !findings.made.is_empty() {
            return Ok(());
        }
        let file = self.file_of(original, format).await?;
        if is_still { self.show_heif(&file, findings).await } else { self.show_film(&file, findings).await }
    }

    /// A file for programs: small ones whole in memory; of large ones, which come by a pipe, what must be read first comes
    /// first.
    pub(super) async fn file_of(&self, original: &Original, format: Format) -> Result<File, Failure> {
        let (size, feed) = (original.reader.size(), feed_of(&original.reader));
        if size <= MEMORY_MAX {
            let memory = Some(Memory::filled(size, &feed).await.map_err(Failure::Unread)?);
            return Ok(File { memory, size, feed, format });
        }
        if video::demuxer(format) == Some("mov") {
            let answer = self.processing.pool.run(worker::Job::Front, size, feed.clone(), WALL).await?;
            if let Some(front) = answer.made.into_iter().next() {
                let front = Bytes::from(front.bytes);
                let size = size.saturating_add(front.len() as u64);
                return Ok(File { memory: None, size, feed: behind(front, feed), format });
            }
        }
        Ok(File { memory: None, size, feed, format })
    }

    pub(super) async fn run_program(
        &self,
        path: &Path,
        arguments: Vec<String>,
        input: Input<'_>,
        output: Output<'_>,
    ) -> Result<Ran, Failure> {
        self.run_program_within(SHORT, path, arguments, input, output).await
    }

    pub(super) async fn run_program_within(
        &self,
        bounds: Bounds,
        path: &Path,
        arguments: Vec<String>,
        input: Input<'_>,
        output: Output<'_>,
    ) -> Result<Ran, Failure> {
        let options = &self.processing.options;
        let args = arguments.into_iter().map(OsString::from).collect();
        let walls = options.sandbox.then_some(bounds.walls);
        let server = options.worker.as_path();
        program::run(Program { server, path, args, walls, wall: bounds.wall }, input, output).await
    }

    /// A still that only libheif decodes; an AVIF that it cannot write out again, ffmpeg may.
    async fn show_heif(&self, file: &File, findings: &mut Findings) -> Result<(), Failure> {
        let tools = self.processing.tools();
        let (Some(tool), Some(memory)) = (&tools.heif, &file.memory) else { return Ok(()) };
        let out = Memory::empty().map_err(Failure::Start)?;
        let ran = self.run_program(tool, video::heif_arguments(), Input::Memory(memory), Output::Memory(&out)).await?;
        let length = out.length().map_err(Failure::Start)?;
        if ran.success && length > 0 && length <= MEMORY_MAX {
            let length = usize::try_from(length).unwrap_or(0);
            let picture = Bytes::from(out.read_at(0, length).map_err(Failure::Start)?);
            return self.thumbnails_of(picture, findings).await;
        }
        match (&tools.ffmpeg, file.format) {
            (Some(ffmpeg), formats::AVIF) => self.show_first_frame(ffmpeg, file, findings).await,
            _ => {
                told(findings, &ran);
                Ok(())
            }
        }
    }

    /// The cover in a song, or the one frame of a still.
    async fn show_first_frame(&self, ffmpeg: &Path, file: &File, findings: &mut Findings) -> Result<(), Failure> {
        let Some(arguments) = video::cover_arguments(file.format, file.way()) else { return Ok(()) };
        let ran = self.run_program(ffmpeg, arguments, file.input(), Output::Bytes(ANSWER_MAX)).await?;
        if ran.stdout.is_empty() {
            told(findings, &ran);
            return Ok(());
        }
        self.thumbnails_of(Bytes::from(ran.stdout), findings).await
    }

    /// A film or a song: what its streams are, and a picture of it.
    async fn show_film(&self, file: &File, findings: &mut Findings) -> Result<(), Failure> {
        let Some(probed) = self.probe(file).await? else {
            not_shown(findings);
            return Ok(());
        };
        probed.correct(&mut findings.found);
        let Some(ffmpeg) = &self.processing.tools().ffmpeg else { return Ok(()) };
        if probed.video.is_some() {
            self.show_poster(ffmpeg, file, &probed, findings).await
        } else if probed.has_cover {
            self.show_first_frame(ffmpeg, file, findings).await
        } else {
            Ok(())
        }
    }

    /// The best of a few frames.
    async fn show_poster(
        &self,
        ffmpeg: &Path,
        file: &File,
        probed: &Probed,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let (Some(width), Some(height)) = (probed.width, probed.height) else { return Ok(()) };
        let runs = video::poster_arguments(file.format, file.way(), (width, height), probed.seconds);
        let Some((across, down)) = runs.first().map(|run| (run.width, run.height)) else { return Ok(()) };
        let mut frames = Vec::new();
        let mut last = None;
        for run in runs {
            let ran = self.run_program(ffmpeg, run.arguments, file.input(), Output::Bytes(ANSWER_MAX)).await?;
            frames.extend_from_slice(&ran.stdout);
            last = Some(ran);
        }
        if frames.is_empty() {
            if let Some(ran) = last {
                told(findings, &ran);
            }
            return Ok(());
        }
        let job = worker::Job::Frames { width: across, height: down };
        let length = frames.len() as u64;
        let answer = self.processing.pool.run(job, length, feed_of_bytes(Bytes::from(frames)), WALL).await?;
        findings.take_picture(answer);
        Ok(())
    }

    /// The three thumbnails of a picture that a program made.
    async fn thumbnails_of(&self, picture: Bytes, findings: &mut Findings) -> Result<(), Failure> {
        let length = picture.len() as u64;
        let job = worker::Job::Thumbnails(Pixels::Upright, findings.found.profile.take());
        let answer = self.processing.pool.run(job, length, feed_of_bytes(picture), WALL).await?;
        findings.take_picture(answer);
        Ok(())
    }
}

/// What a program complains of is for the log alone; the item has no picture then.
fn told(findings: &mut Findings, ran: &Ran) {
    said(ran);
    not_shown(findings);
}

fn not_shown(findings: &mut Findings) {
    findings.found.profile = None;
    // A file that ffmpeg or libheif cannot read is damaged, or newer than they are: nobody can tell.
    if let Some(refused) = &mut findings.refused {
        refused.code = RefusedCode::Unsupported;
    }
}

/// Notes what a program complained of.
pub(super) fn said(ran: &Ran) {
    tracing::info!(said = %ran.stderr.trim(), "a program could not read a file");
}

/// A file behind some bytes.
fn behind(front: Bytes, feed: Feed) -> Feed {
    std::sync::Arc::new(move |at, len| match at.checked_sub(front.len() as u64) {
        Some(at) => feed(at, len),
        None => {
            let from = usize::try_from(at).unwrap_or(usize::MAX).min(front.len());
            let part = front.slice(from..from.saturating_add(len).min(front.len()));
            Box::pin(async move { Ok(part) })
        }
    })
}

/// The format with this type; of several the first, whose container is the same.
pub(super) fn format_of(mime: &str) -> Option<Format> {
    formats::of_mime(mime)
}
