//! Tickets for streams of events: for clients that cannot send a header (`EventSource` in a browser). A ticket works once,
//! within 30 seconds, and carries the rights of the session or key that asked for it: when these end, so does it.
//! It has 256 random bits; the database has its SHA-256 alone, so that every node takes it and its reader can use none.

use std::sync::Arc;
use std::time::Duration;

use mv_core::access::Area;
use mv_core::{Caller, Error, Timestamp};
use mv_store::event_tickets::{self, Ticket};
use mv_store::{Conn, Tx, api_keys, sessions};

use super::access::{Authenticated, enter};
use crate::secret::{self, TICKET};
use crate::{App, Result};

/// How long a ticket may be used.
pub const LIFE: Duration = Duration::from_secs(30);

impl App {
    /// Makes a ticket with the caller's rights.
    ///
    /// # Errors
    /// `forbidden` where the caller may see no events.
    pub async fn make_ticket(&self, authenticated: &Authenticated) -> Result<String> {
        enter(&authenticated.caller, Area::Events)?;
        let mut ticket =
            Ticket { user_id: authenticated.caller.user(), session_id: None, key_id: None, good_until: None };
        match authenticated.caller {
            Caller::Session { session, .. } => {
                ticket.session_id = Some(session);
                ticket.good_until = Some(authenticated.good_until);
            }
            Caller::Key { key, .. } => ticket.key_id = Some(key),
            Caller::UploadToken { .. } | Caller::Link { .. } => return Err(refused()),
        }
        let (text, hash) = secret::make(TICKET, self.entropy.as_ref());
        let now = self.now();
        self.store.write(move |tx: &Tx| event_tickets::insert(tx, &hash, &ticket, now.plus(LIFE), now)).await?;
        Ok(text)
    }

    /// Uses a ticket up. Gives the caller whose rights it carries, as of now.
    ///
    /// # Errors
    /// `unauthorized` where it was used, has ended or never was, or the credentials behind it have ended.
    pub async fn use_ticket(&self, ticket: &str) -> Result<Arc<Authenticated>> {
        let hash = secret::read(TICKET, ticket).ok_or_else(refused)?;
        let now = self.now();
        let taken = self.store.write(move |tx: &Tx| event_tickets::take(tx, &hash, now)).await?;
        let ticket = taken.ok_or_else(refused)?;
        let found = self.store.read(move |db: &Conn| behind(db, &ticket, now)).await?;
        found.map(Arc::new).ok_or_else(refused)
    }
}

fn refused() -> crate::Error {
    Error::unauthorized("The ticket has ended or was used already").into()
}

/// The caller that a ticket stands for, if the credentials still hold.
fn behind(db: &Conn, ticket: &Ticket, now: Timestamp) -> Result<Option<Authenticated>> {
    let found = match (ticket.session_id, ticket.key_id) {
        (Some(id), _) => sessions::with_user(db, id)?
            .filter(|(session, _)| session.alive(now))
            .map(|(session, user)| Authenticated::by_session(&session, user, ticket.good_until.unwrap_or(now))),
        (None, Some(id)) => api_keys::by_id_with_user_any(db, id)?.map(|(key, user)| Authenticated::by_key(key, user)),
        (None, None) => None,
    };
    Ok(found.filter(|behind| !behind.user.disabled && now < behind.good_until))
}
