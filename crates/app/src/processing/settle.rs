//! Writes what came of a run: the job goes, the item shows what was found or why nothing was, and an event tells of it,
//! all in one transaction. What people said of an item is never overwritten.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mv_blobs::Error as Blobs;
use mv_core::event::{Event, Happened};
use mv_core::examined::{Examined, Processing, ProcessingError, Status};
use mv_core::job::{Job, Retry};
use mv_core::media::{Location, Media};
use mv_core::mime::MediaType;
use mv_core::taken::{LocalTime, Taken, TakenSource};
use mv_core::{EventId, Timestamp};
use mv_media::found::{Found, TimeSource};
use mv_media::worker::Failure;
use mv_media::worker::protocol::{Refused, RefusedCode};
use mv_store::examinations::{self, Examination};
use mv_store::{Tx, events, jobs, media, usage, users};
use serde::{Deserialize, Serialize};

use super::examine::{Ended, Findings, READERS};
use crate::{App, Error, Result};

/// After a trouble of the server's own.
const TROUBLE: Duration = Duration::from_secs(5);

/// What is kept of an examination, beside its tags and its text.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    found: Found,
    thumbhash: Option<String>,
    pictured: bool,
    refused: Option<Refused>,
}

impl Kept {
    /// The moving part.
    pub(super) const fn motion(&self) -> Option<&mv_media::found::Motion> {
        self.found.motion.as_ref()
    }
}

impl App {
    /// Writes how a run ended.
    pub(super) async fn settle_job(&self, job: &Job, media: Media, ended: Ended) -> Result<()> {
        match ended {
            Ended::Known(known) => {
                let kept: Kept = serde_json::from_str(&known.found).map_err(Error::internal)?;
                self.show(job, kept, None).await
            }
            Ended::Looked(findings) => {
                let key = self.keyring.of(&self.store, media.owner_id).await?;
                let Findings { found, made, thumbhash, refused } = *findings;
                let pictured = !made.is_empty();
                for picture in made {
                    let bytes = Bytes::from(picture.bytes);
                    self.processing.cache.put(&key, media.blob_id, &picture.name, bytes).await;
                }
                let thumbhash = thumbhash.map(|hash| STANDARD.encode(hash));
                let (kept, examination) = split(found, thumbhash, pictured, refused)?;
                self.show(job, kept, Some(examination)).await
            }
            Ended::Failed(failure) => self.failed(job, failure).await,
        }
    }

    /// The item shows what was found.
    async fn show(&self, job: &Job, kept: Kept, examination: Option<Examination>) -> Result<()> {
        let (job, now, event) = (job.clone(), self.now(), self.mint.id());
        let outcome = Outcome { kept, examination, now, event };
        let status = self.store.write(move |tx: &Tx| outcome.write(tx, &job)).await?;
        if let Some(status) = status {
            metrics::counter!("mediavault_items_processed_total", "status" => status.as_str()).increment(1);
        }
        Ok(())
    }

    /// A run that gave no answer: tried again, or given up.
    pub(super) async fn failed(&self, job: &Job, failure: Failure) -> Result<()> {
        let chain = crate::chain(&failure);
        let (code, retry) = match &failure {
            Failure::Start(_) => return self.trouble(job, &chain).await,
            Failure::Unread(error) if !is_lost(error) => return self.trouble(job, &chain).await,
            Failure::Unread(_) => ("unreadable", Retry::Never),
            Failure::Killed => ("interrupted", job.after_interruption()),
            Failure::TooLong => ("too_long", job.after_failure()),
            Failure::Memory => ("out_of_memory", job.after_failure()),
            Failure::Forbidden => ("forbidden", job.after_failure()),
            Failure::Crashed(_) => ("crashed", job.after_failure()),
        };
        tracing::warn!(media.id = %job.media_id, code, cause = %chain, "{} could not be processed: {chain}", job.media_id);
        metrics::counter!("mediavault_job_failures_total", "code" => code).increment(1);
        let error = ProcessingError { code: code.to_owned(), message: message_of(&failure).to_owned() };
        let (job, now, event) = (job.clone(), self.now(), self.mint.id());
        let interrupted = matches!(failure, Failure::Killed);
        self.store
            .write(move |tx: &Tx| match retry {
                Retry::After(wait) => {
                    jobs::put_off_any(tx, job.id, now.plus(wait), interrupted)?;
                    wait_again(tx, &job, error.clone(), now)
                }
                Retry::Never => give_up(tx, &job, error.clone(), (now, event)),
            })
            .await
    }

    /// A trouble of the server's own is no fault of the file's.
    async fn trouble(&self, job: &Job, chain: &str) -> Result<()> {
        tracing::error!(media.id = %job.media_id, cause = %chain, "the work on {} waits: {chain}", job.media_id);
        self.put_off(job).await;
        Ok(())
    }

    /// Lets a job wait a moment, as if it had not been begun.
    pub(super) async fn put_off(&self, job: &Job) {
        let (id, due) = (job.id, self.now().plus(TROUBLE));
        // Where the database is away too, the lease ends some time.
        let _ = self.store.write(move |tx| jobs::give_back_any(tx, id, due)).await;
    }
}

/// Whether the item's bytes themselves are gone or damaged.
pub(super) fn is_lost(error: &std::io::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(error) = cause {
        if let Some(blobs) = error.downcast_ref::<Blobs>() {
            return matches!(blobs, Blobs::Damaged { .. } | Blobs::Missing { .. } | Blobs::Manifest { .. });
        }
        cause = error.source();
    }
    false
}

const fn message_of(failure: &Failure) -> &'static str {
    match failure {
        Failure::TooLong => "Reading the file took too long",
        Failure::Memory => "Reading the file needs more memory than is allowed",
        Failure::Forbidden => "The file made its decoder do what is forbidden",
        Failure::Crashed(_) => "The file breaks its decoder",
        Failure::Killed => "Reading the file was interrupted too often",
        Failure::Unread(_) => "The stored bytes cannot be read",
        Failure::Start(_) => "The server could not start a worker",
    }
}

/// Parts an answer into what items show and what is only asked for by name.
fn split(
    mut found: Found,
    thumbhash: Option<String>,
    pictured: bool,
    refused: Option<Refused>,
) -> Result<(Kept, Examination)> {
    let raw = serde_json::to_string(&std::mem::take(&mut found.raw)).map_err(Error::internal)?;
    let body = found.text.take();
    found.profile = None;
    let kept = Kept { found, thumbhash, pictured, refused };
    let text = serde_json::to_string(&kept).map_err(Error::internal)?;
    Ok((kept, Examination { version: READERS, found: text, raw, body }))
}

/// Everything that the transaction writes.
struct Outcome {
    kept: Kept,
    examination: Option<Examination>,
    now: Timestamp,
    event: EventId,
}

impl Outcome {
    fn write(&self, tx: &Tx, job: &Job) -> Result<Option<Status>> {
        if !jobs::finish_any(tx, job.id)? {
            return Ok(None);
        }
        let Some(before) = media::find_for_change(tx, job.owner_id, job.media_id)? else { return Ok(None) };
        if let Some(examination) = &self.examination {
            examinations::keep(tx, before.blob_id, examination, self.now)?;
        }
        let zone = users::find(tx, job.owner_id)?.map_or_else(String::new, |user| user.time_zone);
        let mut after = before.clone();
        self.apply(&mut after, &zone)?;
        change(tx, &before, &after)?;
        let reference = after.reference();
        let what = match &self.kept.refused {
            Some(refused) if after.examined.status == Status::Failed => {
                Happened::MediaFailed { media: reference, code: refused.code.as_str().to_owned() }
            }
            _ => Happened::MediaProcessed(reference),
        };
        events::append(tx, &Event { id: self.event, at: self.now, what })?;
        Ok(Some(after.examined.status))
    }

    /// Shows on the item what was found. Only a file that is not what it seems, or is more than can be taken, has failed;
    /// one that nothing here can decode is as ready as it gets.
    fn apply(&self, item: &mut Media, zone: &str) -> Result<()> {
        let Kept { found, thumbhash, pictured, refused } = &self.kept;
        let error = refused.as_ref().filter(|refused| refused.code != RefusedCode::Unsupported);
        let failed = error.map(|refused| Processing {
            stage: "failed".to_owned(),
            attempts: 1,
            error: Some(ProcessingError { code: refused.code.as_str().to_owned(), message: refused.message.clone() }),
        });
        item.examined = Examined {
            status: if failed.is_some() { Status::Failed } else { Status::Ready },
            processing: failed,
            width: found.width,
            height: found.height,
            duration_ms: found.duration_ms,
            thumbhash: thumbhash.clone(),
            metadata: Some(serde_json::to_string(&found.facts).map_err(Error::internal)?),
            motion: found.motion.as_ref().map(motion).transpose()?,
            pictured: *pictured,
        };
        if found.has_video == Some(false) && item.media_type == MediaType::Video {
            let spoken = item.mime_type.strip_prefix("video/").and_then(as_audio);
            if let Some(mime) = spoken {
                item.mime_type = mime.to_owned();
                item.media_type = MediaType::Audio;
            }
        }
        self.label(item, zone);
        item.version += 1;
        item.updated_at = self.now;
        Ok(())
    }

    /// What people say goes first; the file fills what they left open.
    fn label(&self, item: &mut Media, zone: &str) {
        let found = &self.kept.found;
        let labels = &mut item.labels;
        let said = labels.taken.is_some_and(|taken| matches!(taken.source, TakenSource::User | TakenSource::Client));
        if !said {
            let told = found.taken.and_then(|time| {
                let source = match time.source {
                    TimeSource::Exif => TakenSource::Exif,
                    TimeSource::Gps => TakenSource::Gps,
                    TimeSource::Video => TakenSource::Video,
                };
                let local = LocalTime::from_micros(time.local_micros);
                Taken::from_file(local, time.offset_seconds, zone, self.now, source)
            });
            let shot = matches!(item.media_type, MediaType::Image | MediaType::Video);
            labels.taken = told
                .or_else(|| mv_core::taken::from_filename(&item.filename, zone, self.now).filter(|_| shot))
                .or_else(|| shot.then(|| Taken::at_upload(item.created_at, zone)));
        }
        if labels.location.is_none() {
            labels.location = found.location.and_then(|place| {
                Location { latitude: place.latitude, longitude: place.longitude, altitude: place.altitude }.check().ok()
            });
        }
        if labels.rating.is_none() {
            labels.rating = found.rating.filter(|stars| (-1..=5).contains(stars) && *stars != 0);
        }
    }
}

/// The type of a container that turned out to hold sound alone.
fn as_audio(container: &str) -> Option<&'static str> {
    match container {
        "mp4" | "quicktime" | "3gpp" | "3gpp2" => Some("audio/mp4"),
        "webm" => Some("audio/webm"),
        "ogg" => Some("audio/ogg"),
        "x-matroska" => Some("audio/x-matroska"),
        "x-ms-asf" | "x-ms-wmv" => Some("audio/x-ms-wma"),
        _ => None,
    }
}

/// The member `motion`; where in the file the video lies is nobody's business.
fn motion(motion: &mv_media::found::Motion) -> Result<String> {
    let shown = serde_json::json!({
        "mime_type": motion.mime_type,
        "size": motion.span.len,
        "duration": motion.duration_ms.map(|ms| Duration::from_millis(ms).as_secs_f64()),
    });
    serde_json::to_string(&shown).map_err(Error::internal)
}

/// Writes an item whose row is held.
fn change(tx: &Tx, before: &Media, after: &Media) -> Result<()> {
    if before.labels != after.labels {
        media::update_labels(tx, after)?;
    }
    examinations::update(tx, after)?;
    // The trash is not counted by facet.
    if after.deleted_at.is_none() {
        usage::relabel(tx, before, after)?;
    }
    Ok(())
}

/// The owner sees that a run failed and that another will come.
fn wait_again(tx: &Tx, job: &Job, error: ProcessingError, now: Timestamp) -> Result<()> {
    let Some(before) = media::find_for_change(tx, job.owner_id, job.media_id)? else { return Ok(()) };
    let mut after = before.clone();
    let processing = Processing { stage: "queued".to_owned(), attempts: job.attempts, error: Some(error) };
    after.examined.processing = Some(processing);
    (after.version, after.updated_at) = (before.version + 1, now);
    change(tx, &before, &after)
}

/// The owner sees that there will be no other run, and why.
fn give_up(tx: &Tx, job: &Job, error: ProcessingError, (now, event): (Timestamp, EventId)) -> Result<()> {
    if !jobs::finish_any(tx, job.id)? {
        return Ok(());
    }
    let Some(before) = media::find_for_change(tx, job.owner_id, job.media_id)? else { return Ok(()) };
    let mut after = before.clone();
    let what = Happened::MediaFailed { media: before.reference(), code: error.code.clone() };
    after.examined.status = Status::Failed;
    after.examined.processing =
        Some(Processing { stage: "failed".to_owned(), attempts: job.attempts, error: Some(error) });
    (after.version, after.updated_at) = (before.version + 1, now);
    change(tx, &before, &after)?;
    Ok(events::append(tx, &Event { id: event, at: now, what })?)
}
