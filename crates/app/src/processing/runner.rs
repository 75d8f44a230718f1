//! Claims jobs and runs them, as many at once as the operator allows, one owner after the other.
//! Promise: a claim is written before the run begins, and its outcome with all that came of it in one transaction.

use std::sync::Arc;
use std::time::Duration;

use mv_core::UserId;
use mv_core::job::{Job, JobKind};
use mv_media::worker::self_test;
use mv_store::jobs;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Sandbox;
use crate::{App, Result};

/// How long it sleeps when nobody wakes it.
const LOOK: Duration = Duration::from_millis(500);
/// After a failure of the database.
const PAUSE: Duration = Duration::from_secs(1);
/// How long running jobs may take to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Runs until told to stop.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    app.prove_sandbox().await;
    if !app.processing.trusted() {
        stop.cancelled().await;
        return;
    }
    app.processing.cache.trim().await;
    let nobody = UserId::from_uuid(Uuid::nil());
    let mut runner = Runner { app, after: [nobody; LANES.len()], running: JoinSet::new(), held: Vec::new() };
    let mut begun = false;
    loop {
        let worked = async {
            if !begun {
                runner.app.release_leases().await?;
                begun = true;
            }
            runner.fill().await
        };
        let wait = match worked.await {
            Ok(()) => LOOK,
            Err(error) => {
                tracing::warn!(cause = %crate::chain(&error), "jobs wait: {}", crate::chain(&error));
                PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = runner.app.processing.wake.notified() => {}
            Some(ended) = runner.running.join_next_with_id(), if !runner.running.is_empty() => {
                runner.ended(match ended { Ok((id, ())) => id, Err(error) => error.id() });
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
    runner.stop().await;
}

/// Kinds of jobs, each with room of its own, so that films, which take long, hold nothing up.
const LANES: [JobKind; 2] = [JobKind::Examine, JobKind::Playback];

struct Runner {
    app: Arc<App>,
    /// Whose turn it was last, by lane.
    after: [UserId; LANES.len()],
    running: JoinSet<()>,
    held: Vec<(Id, Job)>,
}

impl Runner {
    /// Begins jobs as long as there is room and work.
    async fn fill(&mut self) -> Result<()> {
        for (kind, after) in LANES.into_iter().zip(&mut self.after) {
            let room = match kind {
                JobKind::Examine => self.app.processing.options.jobs,
                // One uses every core.
                JobKind::Playback => 1,
            };
            while self.held.iter().filter(|(_, job)| job.kind == kind).count() < room {
                let Some(job) = self.app.claim(kind, *after).await? else { break };
                *after = job.owner_id;
                let (app, mine) = (Arc::clone(&self.app), job.clone());
                let task = self.running.spawn(async move { app.work(mine).await });
                self.held.push((task.id(), job));
            }
        }
        Ok(())
    }

    fn ended(&mut self, id: Id) {
        self.held.retain(|(held, _)| *held != id);
    }

    /// Lets running jobs end; those that do not are given back.
    async fn stop(mut self) {
        let farewell = tokio::time::sleep(FAREWELL);
        tokio::pin!(farewell);
        loop {
            tokio::select! {
                () = &mut farewell => break,
                ended = self.running.join_next_with_id() => match ended {
                    Some(Ok((id, ()))) => self.ended(id),
                    Some(Err(error)) => self.ended(error.id()),
                    None => break,
                },
            }
        }
        self.running.shutdown().await;
        let now = self.app.now();
        for (_, job) in std::mem::take(&mut self.held) {
            let _ = self.app.store.write(move |tx| jobs::give_back_any(tx, job.id, now)).await;
        }
    }
}

impl App {
    /// Tries whether workers are closed in, once at the start.
    pub async fn prove_sandbox(&self) {
        if !self.processing.options.sandbox {
            tracing::warn!("the sandbox is off: a hostile file can do what this server can");
            return self.processing.set_sandbox(Sandbox::Off);
        }
        match self_test::prove(&self.processing.pool).await {
            Ok(()) => self.processing.set_sandbox(Sandbox::Proven),
            Err(error) => {
                let chain = crate::chain(&error);
                tracing::error!(cause = %chain, "files are stored but not processed, since the sandbox does not hold: {chain}");
                self.processing.set_sandbox(Sandbox::Broken);
            }
        }
    }

    /// At the start nobody works on a job: whoever did is gone.
    async fn release_leases(&self) -> Result<()> {
        let now = self.now();
        let released = self.store.write(move |tx| jobs::release_leases_any(tx, now)).await?;
        if released > 0 {
            tracing::info!(count = released, "{released} jobs of an earlier run begin again");
        }
        Ok(())
    }

    /// The next job, of the next owner who has one.
    async fn claim(&self, kind: JobKind, after: UserId) -> Result<Option<Job>> {
        let now = self.now();
        let first = UserId::from_uuid(Uuid::nil());
        let owner = self
            .store
            .read(move |db| match jobs::next_owner_any(db, kind, after, now)? {
                None if after != first => jobs::next_owner_any(db, kind, first, now),
                found => Ok(found),
            })
            .await?;
        let Some(owner) = owner else { return Ok(None) };
        Ok(self.store.write(move |tx| jobs::claim_any(tx, kind, owner, now)).await?)
    }

    /// Runs all jobs that are due, one after the other, for tests that move the clock. Returns how many ran.
    ///
    /// # Errors
    /// Of the database.
    pub async fn work_off(&self) -> Result<usize> {
        let mut count = 0;
        for kind in LANES {
            while let Some(job) = self.claim(kind, UserId::from_uuid(Uuid::nil())).await? {
                self.work(job).await;
                count += 1;
            }
        }
        Ok(count)
    }
}
