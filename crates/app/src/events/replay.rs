//! What happened before somebody began to listen: from an event's id or a cursor to the events after it.

use std::sync::Arc;

use mv_core::event::Recorded;
use mv_core::{Code, Error, EventId, UserId};
use mv_store::events;

use super::hub::{Listener, Live};
use crate::{App, Result};

/// What cursors of events are sealed for.
const CURSOR: &str = "events";
/// Events read at once.
const PAGE: u32 = 256;

impl App {
    /// Begins to listen to a user's events, from after a position if one is given.
    ///
    /// # Errors
    /// Of the database.
    pub async fn follow(&self, user: UserId, since: Option<i64>) -> Result<Follower> {
        // First the listener, then the look at what is there: so nothing falls between.
        let listener = self.hub.listen(user);
        let sent = match since {
            Some(position) => position,
            None => self.dispatched_position().await?,
        };
        Ok(Follower { user, sent, replaying: since.is_some(), listener })
    }

    /// The position behind an event's id or a cursor, for whoever resumes.
    ///
    /// # Errors
    /// `gone` where events after it may have been removed, or the event is not there any more; `validation_error` on
    /// `since` where it is neither an id nor a cursor of this user's.
    pub async fn position_since(&self, user: UserId, since: &str) -> Result<i64> {
        let position = if let Ok(id) = since.parse::<EventId>() {
            self.order_events().await?;
            self.store.read(move |db| events::position_of(db, user, id)).await?.ok_or_else(too_old)?
        } else {
            let bad = |_| Error::invalid("since", "Must be an event's id or a cursor");
            self.open_position(user, since).map_err(bad)?
        };
        let pruned = self.store.read(events::pruned).await?;
        if position < pruned { Err(too_old().into()) } else { Ok(position) }
    }

    /// The position of a cursor, too old or not.
    ///
    /// # Errors
    /// `validation_error` on `cursor` where it is not one of this user's.
    pub(crate) fn open_position(&self, user: UserId, cursor: &str) -> std::result::Result<i64, Error> {
        let bad = |_| Error::invalid("cursor", "Must be a cursor of this account's events or changes");
        self.cursors.open(user, CURSOR, cursor).map_err(bad)
    }

    /// The cursor of a position.
    ///
    /// # Errors
    /// None that this length can cause.
    pub fn position_cursor(&self, user: UserId, position: i64) -> Result<String> {
        self.cursors.seal(user, CURSOR, &position, self.entropy.as_ref())
    }

    /// The position up to which events are known at this moment.
    ///
    /// # Errors
    /// Of the database.
    pub async fn dispatched_position(&self) -> Result<i64> {
        self.order_events().await?;
        Ok(self.store.read(events::last).await?)
    }

    /// Up to `limit` of a user's events after a position.
    ///
    /// # Errors
    /// Of the database.
    pub async fn events_after(&self, user: UserId, position: i64, limit: u32) -> Result<Vec<Recorded>> {
        self.order_events().await?;
        Ok(self.store.read(move |db| events::after(db, user, position, limit)).await?)
    }
}

pub(crate) fn too_old() -> Error {
    Error::new(Code::Gone, "What happened since then is no longer kept; load the present state and begin anew")
}

/// Why a follower cannot go on.
#[derive(Debug)]
pub enum Stopped {
    /// It was too slow and has missed events; it may resume after the last one it got.
    TooSlow,
    /// The database.
    Failed(crate::Error),
}

/// Reads a user's events, first those that are there, then those that come: none missing, none twice.
pub struct Follower {
    user: UserId,
    sent: i64,
    replaying: bool,
    listener: Listener,
}

impl Follower {
    /// The position of the last event given.
    pub fn position(&self) -> i64 {
        self.sent
    }

    /// As `position`, moved over the events of others where nothing of the user's own is on its way.
    pub fn reach(&mut self, app: &App) -> i64 {
        // First how far the dispatcher is, then whether all that it sent was taken.
        let dispatched = app.dispatched.get();
        if !self.replaying && self.listener.has_all() {
            self.sent = self.sent.max(dispatched);
        }
        self.sent
    }

    /// Goes back to an earlier position: what came after it is given once more.
    pub fn rewind(&mut self, position: i64) {
        self.replaying |= position < self.sent;
        self.sent = self.sent.min(position);
    }

    /// Reads on from the table after it was too slow for its queue.
    pub fn catch_up(&mut self) {
        self.replaying = true;
    }

    /// Waits until it is too slow; never where it reads what is there, since that is read at its own pace.
    pub async fn overflowed(&self) {
        if self.replaying {
            std::future::pending::<()>().await;
        }
        self.listener.overflowed().await;
    }

    /// The next events, at least one, in order; waits until there are some. May be dropped while it waits.
    ///
    /// # Errors
    /// `Stopped`.
    pub async fn next(&mut self, app: &App) -> std::result::Result<Vec<Arc<Live>>, Stopped> {
        loop {
            let events: Vec<Arc<Live>> = if self.replaying {
                // What was dispatched until now is there to be read, however much it was.
                self.listener.renew();
                let page = app.events_after(self.user, self.sent, PAGE).await.map_err(Stopped::Failed)?;
                // A page that is not full ends at what was there; the listener has the rest.
                self.replaying = page.len() >= PAGE as usize;
                page.into_iter().map(|event| Arc::new(Live::new(event))).collect()
            } else {
                let waiting = self.listener.next().await.map_err(|_| Stopped::TooSlow)?;
                waiting.into_iter().filter(|live| live.event.position > self.sent).collect()
            };
            if let Some(last) = events.last() {
                self.sent = last.event.position;
                return Ok(events);
            }
        }
    }
}
