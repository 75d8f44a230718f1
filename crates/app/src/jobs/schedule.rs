//! The timetable: dead blobs go after their time of grace (reliability: D2, D3), the trash empties itself, what has
//! expired is forgotten, orphans are swept. Each piece may run twice harmlessly, also on several nodes at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mv_core::throttle::LONGEST;
use mv_core::{SegmentId, Timestamp};
use mv_store::{
    account_links, audit, blobs, deliveries, event_tickets, events, idempotency, invites, login_failures, media,
    sessions, tombstones, upload_tokens,
};
use tokio_util::sync::CancellationToken;

use crate::idempotency::KEEP;
use crate::{App, Error, Result};

/// How long a blob without items stays, so that a reader who has just looked it up can finish.
const GRACE: Duration = Duration::from_secs(15 * 60);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// Rows looked at in one transaction.
const BATCH: u32 = 100;
/// Days that the audit trail reaches back.
const AUDIT_DAYS: u32 = 365;
/// Rows deleted in one transaction.
const PURGE: u32 = 1000;

/// Runs the timetable until told to stop.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut table = Timetable::new(app.now(), app.clock.mono());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(MINUTE) => {}
        }
        app.limiter.sweep();
        for work in table.due(app.now(), app.clock.mono()) {
            if let Err(error) = app.run_scheduled(work).await {
                tracing::error!(work = ?work, cause = %crate::chain(&error), "scheduled work failed: {}", crate::chain(&error));
            }
        }
    }
}

/// A piece of the timetable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// D2 and D3.
    DeadBlobs,
    /// What deleted accounts have left over, and what is to go to others first.
    ClosedAccounts,
    /// What has been in the trash too long, and what else has expired.
    Expired,
    /// Files without a row.
    Orphans,
}

/// What is due when. After the wall clock jumped by more than an hour nothing runs for the next one, so that a wrong
/// clock cannot empty a trash.
struct Timetable {
    last: [Duration; 4],
    offset: i64,
    quiet_until: Duration,
}

const ENTRIES: [(Work, Duration); 4] =
    [(Work::DeadBlobs, MINUTE), (Work::ClosedAccounts, MINUTE), (Work::Expired, HOUR), (Work::Orphans, DAY)];

impl Timetable {
    fn new(now: Timestamp, mono: Duration) -> Self {
        Self { last: [mono; 4], offset: offset(now, mono), quiet_until: mono }
    }

    fn due(&mut self, now: Timestamp, mono: Duration) -> Vec<Work> {
        let offset = offset(now, mono);
        if offset.abs_diff(self.offset) > HOUR.as_micros() as u64 {
            tracing::warn!("the clock jumped: scheduled deletion rests for an hour");
            self.quiet_until = mono + HOUR;
        }
        self.offset = offset;
        if mono < self.quiet_until {
            return Vec::new();
        }
        let mut due = Vec::new();
        for ((work, every), last) in ENTRIES.into_iter().zip(&mut self.last) {
            if mono.saturating_sub(*last) >= every {
                *last = mono;
                due.push(work);
            }
        }
        due
    }
}

/// Where the wall clock stands against the monotonic one.
fn offset(now: Timestamp, mono: Duration) -> i64 {
    now.micros().saturating_sub(i64::try_from(mono.as_micros()).unwrap_or(i64::MAX))
}

impl App {
    /// Runs one piece of the timetable now.
    ///
    /// # Errors
    /// Of the database or the blob store; the rest is done the next time.
    pub async fn run_scheduled(&self, work: Work) -> Result<()> {
        match work {
            Work::DeadBlobs => self.delete_dead_blobs().await.map(drop),
            Work::ClosedAccounts => {
                let given = self.give_on().await;
                self.erase_closed().await.and(given)
            }
            Work::Expired => self.forget_expired().await,
            Work::Orphans => self.sweep_orphans().await.map(drop),
        }
    }

    /// D2 and D3: rows of blobs that are dead since `GRACE`, with their keys, then their files. Returns how many went.
    async fn delete_dead_blobs(&self) -> Result<u64> {
        let cutoff = self.now().minus(GRACE);
        let mut gone = 0;
        loop {
            let dead = self.store.read(move |db| blobs::dead_any(db, cutoff, BATCH)).await?;
            if dead.is_empty() {
                return Ok(gone);
            }
            for id in dead {
                self.processing.cache().forget(id).await;
                let files = self.store.write(move |tx| blobs::delete_dead_any(tx, id, cutoff)).await?;
                mv_blobs::failpoint::hit("C12");
                for segment in files {
                    self.blobs.delete(segment).await?;
                    gone += 1;
                }
            }
        }
    }

    async fn forget_expired(&self) -> Result<()> {
        let now = self.now();
        let days = |count: u32| now.minus(DAY.saturating_mul(count));
        let trash = days(self.options().trash_days);
        loop {
            let items = self.store.read(move |db| media::trashed_any(db, trash, BATCH)).await?;
            if items.is_empty() || self.delete_trashed(items, trash).await? == 0 {
                break;
            }
        }
        let buried = days(self.options().tombstone_days);
        self.store.write(move |tx| idempotency::purge(tx, now.minus(KEEP))).await?;
        self.store.write(move |tx| tombstones::purge(tx, buried)).await?;
        self.store.write(move |tx| sessions::purge(tx, now)).await?;
        self.store.write(move |tx| login_failures::purge(tx, now.minus(LONGEST))).await?;
        // A day later than they ended: mails with links are counted by the day.
        self.store.write(move |tx| account_links::purge(tx, now.minus(DAY))).await?;
        self.store.write(move |tx| event_tickets::purge(tx, now)).await?;
        self.store.write(move |tx| invites::purge(tx, now.minus(DAY))).await?;
        self.store.write(move |tx| upload_tokens::purge(tx, now.minus(DAY))).await?;
        let told = days(self.options().event_days);
        while self.store.write(move |tx| deliveries::purge(tx, told, PURGE)).await? == u64::from(PURGE) {}
        self.forget_orphaned_deliveries().await?;
        // Never beyond what has been handed on, nor what a delivery still tells of.
        let undelivered = self.store.read_slow(deliveries::first_undelivered).await?;
        let handed_on = self.dispatched.get();
        // What was found to be for no webhook is noted now and then only; from here on it must be.
        self.store.write(move |tx| deliveries::set_handed_on(tx, handed_on)).await?;
        let until = undelivered.map_or(handed_on, |first| handed_on.min(first - 1));
        while self.store.write(move |tx| events::prune(tx, told, until, PURGE)).await? == u64::from(PURGE) {}
        let forgotten = days(AUDIT_DAYS);
        while self.store.write(move |tx| audit::purge(tx, forgotten, PURGE)).await? == u64::from(PURGE) {}
        Ok(())
    }

    /// Puts files that no row knows aside. Returns how many.
    async fn sweep_orphans(&self) -> Result<u64> {
        let swept = self.blobs.sweep(self.now(), Box::new(self.known_segments())).await?;
        if swept.quarantined > 0 {
            tracing::info!(count = swept.quarantined, "{} files without a row were put aside", swept.quarantined);
        }
        Ok(swept.quarantined)
    }

    /// Removes what an earlier process left unfinished; at start, with the vault's lock. Returns how many files went.
    ///
    /// # Errors
    /// Of the blob store.
    pub async fn sweep_unfinished(&self) -> Result<u64> {
        Ok(self.blobs.sweep_unfinished(Box::new(self.known_segments())).await?)
    }

    /// Tells which segments have a row; called on a thread of the blob pool.
    pub(crate) fn known_segments(
        &self,
    ) -> impl FnMut(&[SegmentId]) -> std::result::Result<HashSet<SegmentId>, mv_blobs::CallerError> + Send + 'static
    {
        let (store, runtime) = (self.store.clone(), tokio::runtime::Handle::current());
        move |ids| {
            let ids = ids.to_vec();
            let known = runtime.block_on(store.read(move |db| blobs::known_segments_any(db, &ids)));
            known.map(HashSet::from_iter).map_err(|error| Box::new(Error::from(error)) as _)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_comes_due_and_rests_after_a_jump() {
        let start = Timestamp::from_seconds(1_700_000_000);
        let mut table = Timetable::new(start, Duration::ZERO);
        assert!(table.due(start.plus(MINUTE / 2), MINUTE / 2).is_empty());
        assert_eq!(table.due(start.plus(MINUTE), MINUTE), [Work::DeadBlobs, Work::ClosedAccounts]);
        assert_eq!(
            table.due(start.plus(DAY), DAY),
            [Work::DeadBlobs, Work::ClosedAccounts, Work::Expired, Work::Orphans]
        );
        let wrong = start.plus(DAY * 3);
        assert!(table.due(wrong, DAY + HOUR).is_empty(), "the wall clock jumped a day ahead");
        assert!(table.due(wrong.plus(MINUTE), DAY + HOUR + MINUTE).is_empty());
        assert_eq!(table.due(wrong.plus(HOUR), DAY + HOUR * 2), [Work::DeadBlobs, Work::ClosedAccounts, Work::Expired]);
    }
}
