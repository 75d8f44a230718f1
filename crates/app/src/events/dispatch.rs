//! Reads the outbox as it grows and hands each event on: to listeners, and to what must happen because of it.
//! Woken by commits; looks by itself now and then for those it was not told of.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mv_core::event::Recorded;
use mv_store::{Dialect, deliveries, events};
use tokio_util::sync::CancellationToken;

use super::hub::Live;
use crate::{App, Result};

/// How long it sleeps when nobody wakes it.
const LOOK: Duration = Duration::from_millis(500);
/// After a failure of the database.
const PAUSE: Duration = Duration::from_secs(1);
/// Events read at once.
const PAGE: u32 = 512;

/// How far the dispatcher has read; everything up to it has been handed on.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicI64);

impl Progress {
    /// The position.
    pub(crate) fn get(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self, position: i64) {
        self.0.store(position, Ordering::Release);
    }
}

/// Runs until told to stop. Begins after what has been handed on already.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let mut commits = app.store.eventful_commits();
    let mut begun = false;
    loop {
        commits.mark_unchanged();
        let worked = async {
            if !begun {
                app.dispatched.set(app.first_undispatched().await?);
                begun = true;
            }
            app.dispatch().await
        };
        let wait = match worked.await {
            Ok(()) => LOOK,
            Err(error) => {
                tracing::warn!(cause = %crate::chain(&error), "events wait: {}", crate::chain(&error));
                PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = commits.changed() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl App {
    /// Gives committed events their numbers, where the database does not do it by itself.
    ///
    /// # Errors
    /// Of the database.
    pub(crate) async fn order_events(&self) -> Result<()> {
        if self.store.dialect() == Dialect::Postgres && self.store.read(events::unnumbered).await? {
            self.store.write(events::number).await?;
        }
        Ok(())
    }

    /// Where handing on begins after a start.
    async fn first_undispatched(&self) -> Result<i64> {
        Ok(self.store.read(deliveries::handed_on).await?)
    }

    /// Hands on all events that are there.
    async fn dispatch(&self) -> Result<()> {
        self.order_events().await?;
        loop {
            let position = self.dispatched.get();
            let page = self.store.read(move |db| events::after_any(db, position, PAGE)).await?;
            let (Some(last), full) = (page.last().map(|event| event.position), page.len() >= PAGE as usize) else {
                return Ok(());
            };
            self.hand_on(page).await?;
            self.dispatched.set(last);
            if !full {
                return Ok(());
            }
        }
    }

    /// First what must not be forgotten, then who listens.
    async fn hand_on(&self, page: Vec<Recorded>) -> Result<()> {
        self.enqueue(&page).await?;
        for event in page {
            if self.hub.has(event.owner) {
                self.hub.send(&Arc::new(Live::new(event)));
            }
        }
        Ok(())
    }
}
