//! One job: the item's bytes go to a worker, and its answer to `settle`.

use std::io;

use mv_blobs::{MAX_READ, Reader};
use mv_core::job::{Job, JobKind};
use mv_media::found::Found;
use mv_media::worker::protocol::Refused;
use mv_media::worker::{self, Failure, Feed, Made};
use mv_store::{Conn, examinations, media};

use super::WALL;
use crate::media::read::{Original, manifest_of};
use crate::{App, Result};

/// Which readers there are: grows when they learn to read more, so that old answers can be told.
pub(super) const READERS: u32 = 1;

/// What a look at an item's bytes told.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) found: Found,
    pub(super) made: Vec<Made>,
    pub(super) thumbhash: Option<Vec<u8>>,
    pub(super) refused: Option<Refused>,
}

/// How a run ended.
pub(super) enum Ended {
    /// With an answer.
    Looked(Box<Findings>),
    /// The same bytes were looked at before.
    Known(Box<examinations::Examination>),
    /// The worker gave no answer.
    Failed(Failure),
}

impl App {
    /// Runs a job that was claimed. Whatever happens is written, or left to the next claim.
    pub(super) async fn work(&self, job: Job) {
        let began = self.clock.mono();
        let outcome = match job.kind {
            JobKind::Examine if job.is_spent() => self.failed(&job, Failure::Killed).await,
            JobKind::Examine => self.examine(&job).await,
            JobKind::Playback => self.make_film(&job).await,
        };
        let took = self.clock.mono().saturating_sub(began);
        metrics::histogram!("mediavault_job_seconds", "kind" => job.kind.as_str()).record(took);
        if let Err(error) = outcome {
            let chain = crate::chain(&error);
            tracing::warn!(media.id = %job.media_id, cause = %chain, "the work on {} is put off: {chain}", job.media_id);
            self.put_off(&job).await;
        }
    }

    async fn examine(&self, job: &Job) -> Result<()> {
        let (owner, id, anew) = (job.owner_id, job.media_id, job.anew);
        let read = move |db: &Conn| -> Result<_> {
            let Some(media) = media::find_for(db, owner, id)? else { return Ok(None) };
            let known = if anew { None } else { examinations::of(db, media.blob_id)? };
            let manifest = manifest_of(db, &media)?;
            Ok(Some((media, manifest, known.filter(|known| known.version >= READERS))))
        };
        // An item that is gone took its job along.
        let Some((media, manifest, known)) = self.store.read(read).await? else { return Ok(()) };
        if let Some(known) = known {
            return self.settle_job(job, media, Ended::Known(Box::new(known))).await;
        }
        if anew {
            // Whatever is looked at anew is shown anew.
            self.processing.cache.forget(media.blob_id).await;
        }
        let ended = match self.original(media.clone(), manifest).await {
            Ok(original) => match self.look_at(&original).await {
                Ok(findings) => Ended::Looked(Box::new(findings)),
                Err(failure) => Ended::Failed(failure),
            },
            Err(error) => Ended::Failed(Failure::Unread(io::Error::other(error))),
        };
        self.settle_job(job, media, ended).await
    }

    /// Has a worker look at an item's bytes.
    pub(super) async fn look_at(&self, original: &Original) -> std::result::Result<Findings, Failure> {
        let (size, feed) = (original.reader.size(), feed_of(&original.reader));
        let answer = self.processing.pool.run(worker::Job::Examine, size, feed, WALL).await?;
        let worker::Answer { found, made, thumbhash, refused, .. } = answer;
        let mut findings = Findings { found, made, thumbhash, refused };
        self.help_by_programs(original, &mut findings).await?;
        Ok(findings)
    }
}

impl Findings {
    /// Takes the picture that a worker made of what a program had shown.
    pub(super) fn take_picture(&mut self, answer: worker::Answer) {
        let worker::Answer { found, made, thumbhash, refused, .. } = answer;
        (self.made, self.thumbhash, self.refused) = (made, thumbhash, refused);
        self.found.facts.dominant_color = found.facts.dominant_color;
    }
}

/// An item's bytes, as workers ask for them.
pub(super) fn feed_of(reader: &Reader) -> Feed {
    let reader = reader.clone();
    std::sync::Arc::new(move |at, len| {
        let reader = reader.clone();
        Box::pin(async move { reader.read(at, len.min(MAX_READ)).await.map_err(io::Error::other) })
    })
}
