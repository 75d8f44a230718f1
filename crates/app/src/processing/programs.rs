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
/// How long it may take.
const PROGRAM_WALL: Duration = Duration::from_secs(120);
/// Larger files come by a pipe: memory is dear.
const MEMORY_MAX: u64 = 256 * 1024 * 1024;
/// What a program may answer with.
const ANSWER_MAX: u64 = 64 * 1024 * 1024;

/// A file as programs get it.
struct File {
    memory: Option<Memory>,
    size: u64,
    feed: Feed,
    format: Format,
}

impl File {
    const fn way(&self) -> Way {
        if self.memory.is_some() { Way::Memory } else { Way::Pipe }
    }

    fn input(&self) -> Input<'_> {
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
        let (size, feed) = (original.reader.size(), feed_of(&original.reader));
        let memory =
            if size <= MEMORY_MAX { Some(Memory::filled(size, &feed).await.map_err(Failure::Unread)?) } else { None };
        let file = File { memory, size, feed, format };
        if is_still { self.show_heif(&file, findings).await } else { self.show_film(&file, findings).await }
    }

    async fn run_program(
        &self,
        path: &Path,
        arguments: Vec<String>,
        input: Input<'_>,
        output: Output<'_>,
    ) -> Result<Ran, Failure> {
        let options = &self.processing.options;
        let args = arguments.into_iter().map(OsString::from).collect();
        let walls = options.sandbox.then_some(WALLS);
        let server = options.worker.as_path();
        program::run(Program { server, path, args, walls, wall: PROGRAM_WALL }, input, output).await
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
        let tools = self.processing.tools();
        let Some(probe) = &tools.ffprobe else { return Ok(()) };
        let Some(arguments) = video::probe_arguments(file.format, file.way()) else { return Ok(()) };
        let ran = self.run_program(probe, arguments, file.input(), Output::Bytes(1024 * 1024)).await?;
        let Some(probed) = video::read_probe(&ran.stdout).filter(|_| ran.success) else {
            told(findings, &ran);
            return Ok(());
        };
        probed.correct(&mut findings.found);
        let Some(ffmpeg) = &tools.ffmpeg else { return Ok(()) };
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
    tracing::info!(said = %ran.stderr.trim(), "a program could not show a file");
    findings.found.profile = None;
    // A file that ffmpeg or libheif cannot read is damaged, or newer than they are: nobody can tell.
    if let Some(refused) = &mut findings.refused {
        refused.code = RefusedCode::Unsupported;
    }
}

/// The format with this type; of several the first, whose container is the same.
fn format_of(mime: &str) -> Option<Format> {
    formats::of_mime(mime)
}
