//! What players show beside a film or a song: pictures to hover over, and how loud it is where. Made by ffmpeg at need.

use bytes::Bytes;
use mv_core::media::Media;
use mv_core::mime::MediaType;
use mv_core::{Code, Error};
use mv_media::video::{self, Peaks};
use mv_media::worker::Failure;
use mv_media::worker::program::Output;
use serde::Serialize;
use tokio::sync::mpsc;

use super::programs::{File, format_of, said};
use super::render::{no_picture, refused};
use crate::{App, Result};

/// Bytes of ten small pictures at most.
const STRIP_MAX: u64 = 4 * 1024 * 1024;

/// How loud a sound is.
#[derive(Debug, Serialize)]
struct Waveform {
    /// Seconds.
    duration: f64,
    /// The largest deflection of each slice, 0 to 255; all slices are equally long.
    peaks: Vec<u8>,
}

impl App {
    /// Ten pictures of a film in a row, as JPEG.
    pub(super) async fn storyboard(&self, media: &Media) -> Result<Bytes> {
        let examined = &media.examined;
        let (Some(ffmpeg), Some(width), Some(height), Some(ms)) =
            (&self.processing.tools().ffmpeg, examined.width, examined.height, examined.duration_ms)
        else {
            return Err(no_picture().into());
        };
        if media.media_type != MediaType::Video || ms == 0 {
            return Err(no_picture().into());
        }
        let file = self.for_programs(media).await?;
        let seconds = std::time::Duration::from_millis(ms).as_secs_f64();
        let Some(arguments) = video::strip_arguments(file.format, file.way(), (width, height), seconds) else {
            return Err(no_picture().into());
        };
        let ran = self.run_program(ffmpeg, arguments, file.input(), Output::Bytes(STRIP_MAX)).await.map_err(refused)?;
        if ran.stdout.is_empty() {
            said(&ran);
            return Err(no_picture().into());
        }
        Ok(Bytes::from(ran.stdout))
    }

    /// How loud an item is from beginning to end, as JSON.
    pub(super) async fn waveform(&self, media: &Media) -> Result<Bytes> {
        let silent = || Error::new(Code::NotFound, "There is no sound in this item, or no ffmpeg to read it");
        let Some(ffmpeg) = &self.processing.tools().ffmpeg else { return Err(silent().into()) };
        if !matches!(media.media_type, MediaType::Video | MediaType::Audio) {
            return Err(silent().into());
        }
        let file = self.for_programs(media).await?;
        let Some(arguments) = video::sound_arguments(file.format, file.way()) else { return Err(silent().into()) };
        let (send, mut samples) = mpsc::channel::<Bytes>(4);
        let running = self.run_program(ffmpeg, arguments, file.input(), Output::Pieces(send));
        let listening = async {
            let mut peaks = Peaks::default();
            while let Some(part) = samples.recv().await {
                peaks.push(&part);
            }
            peaks.finish()
        };
        let (ran, heard) = tokio::join!(running, listening);
        let ran = ran.map_err(refused)?;
        let Some((duration, peaks)) = heard else {
            said(&ran);
            return Err(silent().into());
        };
        let duration = (duration * 1000.0).round() / 1000.0;
        Ok(Bytes::from(serde_json::to_vec(&Waveform { duration, peaks }).map_err(crate::Error::internal)?))
    }

    async fn for_programs(&self, media: &Media) -> Result<File> {
        let format =
            format_of(&media.mime_type).filter(|format| video::demuxer(*format).is_some()).ok_or_else(no_picture)?;
        let original = self.original_of(media).await?;
        match self.file_of(&original, format).await {
            Ok(file) => Ok(file),
            Err(Failure::Unread(error)) => Err(crate::Error::internal(error)),
            Err(failure) => Err(refused(failure)),
        }
    }
}
