//! Tickets for streams of events: for clients that cannot send a header (`EventSource` in a browser). A ticket works once,
//! within 30 seconds, and carries the rights of the session or key that asked for it: when these end, so does it.
//! It has 256 random bits; the database has its SHA-256 alone, so that every node takes it and its reader can use none.

use std::sync::Arc;
use std::time::Duration;

use mv_core::access::Area;
use mv_core::{Caller, Error, Scopes, Timestamp};
use mv_store::event_tickets::{self, Ticket};
use mv_store::{Conn, Tx, credentials, sessions};

use super::access::{Authenticated, Credential, enter};
use crate::{App, Result, secret};

/// How long a ticket may be used.
pub const LIFE: Duration = Duration::from_secs(30);
/// What stands before a ticket, so that leaked ones are found.
const PREFIX: &str = "mvt_";

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
        let (secret, hash) = secret::make(self.entropy.as_ref());
        let now = self.now();
        self.store.write(move |tx: &Tx| event_tickets::insert(tx, &hash, &ticket, now.plus(LIFE), now)).await?;
        Ok(format!("{PREFIX}{secret}"))
    }

    /// Uses a ticket up. Gives the caller whose rights it carries, as of now.
    ///
    /// # Errors
    /// `unauthorized` where it was used, has ended or never was, or the credentials behind it have ended.
    pub async fn use_ticket(&self, ticket: &str) -> Result<Arc<Authenticated>> {
        let secret = ticket.strip_prefix(PREFIX).ok_or_else(refused)?;
        let (hash, now) = (secret::hash(secret), self.now());
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
    if let Some(id) = ticket.session_id {
        let good_until = ticket.good_until.unwrap_or(now);
        let found = sessions::with_user(db, id)?;
        return Ok(found.filter(|(session, user)| session.alive(now) && !user.disabled && now < good_until).map(
            |(session, user)| Authenticated {
                caller: Caller::Session { user: user.id, session: id, role: user.role, link_epoch: user.link_epoch },
                credential: Credential { name: None, expires_at: Some(session.expires_at) },
                user,
                good_until,
            },
        ));
    }
    let Some(id) = ticket.key_id else { return Ok(None) };
    let found = credentials::key_with_user(db, id)?;
    Ok(found.filter(|(key, user)| !user.disabled && key.expires_at.is_none_or(|at| now < at)).map(|(key, user)| {
        Authenticated {
            caller: Caller::Key {
                user: user.id,
                key: id,
                scopes: Scopes::from_text(&key.scopes),
                link_epoch: user.link_epoch,
            },
            credential: Credential { name: Some(key.name), expires_at: key.expires_at },
            user,
            // Of no use beyond this request: what it opens is watched.
            good_until: now,
        }
    }))
}
