//! What people and operators do with processing: have an item looked at again, see what waits, see every tag.

use mv_core::access::{Area, Need};
use mv_core::examined::Status;
use mv_core::job::{Job, JobKind};
use mv_core::{Caller, Error, JobId, MediaId, Timestamp, UserId};
use mv_store::examinations::{self, Wanted};
use mv_store::jobs::{self, Counts};
use mv_store::{Conn, Tx, media};
use uuid::Uuid;

use super::Sandbox;
use crate::auth::access::{enter, media_for, media_to_change};
use crate::{App, Result};

/// Items put into the queue in one transaction.
const BATCH: u32 = 200;
/// Jobs counted at most.
const COUNTED: u64 = 100_000;

/// How processing stands, for operators.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Whether workers are closed in.
    pub sandbox: Sandbox,
    /// Whether moving pictures can be shown.
    pub video: bool,
    /// Whether HEIC and AVIF can be shown.
    pub heif: bool,
}

impl App {
    /// How processing stands.
    pub fn processing_standing(&self) -> Standing {
        let tools = self.processing.tools();
        Standing {
            sandbox: self.processing.sandbox(),
            video: tools.ffmpeg.is_some() && tools.ffprobe.is_some(),
            heif: tools.heif.is_some(),
        }
    }

    /// How many jobs there are.
    pub(crate) async fn job_counts(&self) -> Result<Counts> {
        Ok(self.store.read_slow(|db| jobs::counts_any(db, COUNTED)).await?)
    }

    /// Has an item looked at again, as if its bytes had just come.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn reprocess_media(&self, caller: &Caller, id: MediaId) -> Result<()> {
        let (asked, now, job) = (*caller, self.now(), self.mint.id());
        self.store
            .write(move |tx: &Tx| {
                let item = media_to_change(tx, &asked, id)?;
                if item.deleted_at.is_some() {
                    return Err(Error::not_found().into());
                }
                wait_again(tx, item, job, now)
            })
            .await?;
        self.processing.wake();
        Ok(())
    }

    /// Every tag that was read of an item, by group and name.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn raw_metadata(&self, caller: &Caller, id: MediaId) -> Result<Option<String>> {
        let asked = *caller;
        self.store
            .read(move |db: &Conn| -> Result<_> {
                let item = media_for(db, &asked, id, Need::Read)?;
                Ok(examinations::of(db, item.blob_id)?.map(|examination| examination.raw))
            })
            .await
    }

    /// Jobs in the order in which they were made, from behind `after`.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn list_jobs(&self, caller: &Caller, after: Option<JobId>, limit: u32) -> Result<Vec<Job>> {
        enter(caller, Area::Admin)?;
        Ok(self.store.read_slow(move |db| jobs::page_any(db, after, limit)).await?)
    }

    /// Has all items that failed looked at again, for an administrator. Returns how many.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn retry_failed(&self, caller: &Caller) -> Result<u64> {
        enter(caller, Area::Admin)?;
        self.reprocess(Wanted::Failed).await
    }

    /// Puts items into the queue, for an operator. Returns how many.
    ///
    /// # Errors
    /// Of the database; what was put in by then is in.
    pub async fn reprocess(&self, wanted: Wanted) -> Result<u64> {
        let mut after = MediaId::from_uuid(Uuid::nil());
        let mut count = 0;
        loop {
            let items = self.store.read_slow(move |db| examinations::walk_any(db, wanted, after, BATCH)).await?;
            let Some((last, _)) = items.last().copied() else { break };
            let now = self.now();
            let items: Vec<(MediaId, UserId, JobId)> =
                items.into_iter().map(|(id, owner)| (id, owner, self.mint.id())).collect();
            count += self
                .store
                .write(move |tx: &Tx| -> Result<u64> {
                    let mut put = 0;
                    for (id, owner, job) in &items {
                        let Some(item) = media::find_for_change(tx, *owner, *id)? else { continue };
                        if mv_media::formats::is_examined(&item.mime_type) {
                            wait_again(tx, item, *job, now)?;
                            put += 1;
                        }
                    }
                    Ok(put)
                })
                .await?;
            after = last;
            self.processing.wake();
        }
        Ok(count)
    }
}

/// Puts an item whose row is held back into the queue.
fn wait_again(tx: &Tx, mut item: mv_core::media::Media, job: JobId, now: Timestamp) -> Result<()> {
    let anew = Job {
        id: job,
        owner_id: item.owner_id,
        media_id: item.id,
        kind: JobKind::Examine,
        anew: true,
        attempts: 0,
        interruptions: 0,
        created_at: now,
    };
    jobs::enqueue(tx, &anew)?;
    if item.examined.status != Status::Processing {
        item.examined.wait_again();
        (item.version, item.updated_at) = (item.version + 1, now);
        examinations::update(tx, &item)?;
    }
    Ok(())
}
