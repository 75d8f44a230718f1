//! Where the caller is logged in, and out with it.

use mv_core::page::{PageRequest, Total};
use mv_core::session::Device;
use mv_core::{Caller, Client, Error, SessionId};
use mv_store::{Conn, Tx, audit, sessions};

use crate::{App, Result};

/// A page of the caller's sessions.
#[derive(Debug, Clone)]
pub struct SessionPage {
    /// Newest first.
    pub sessions: Vec<Device>,
    /// How many live.
    pub total: Total,
    /// Where the next page begins; none at the end.
    pub next_cursor: Option<String>,
}

impl App {
    /// One page of the caller's sessions that live, newest first.
    ///
    /// # Errors
    /// `validation_error` on `cursor`.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        page: PageRequest,
        cursor: Option<String>,
    ) -> Result<SessionPage> {
        let (who, now) = (caller.user(), self.now());
        let after: Option<SessionId> = match cursor {
            Some(cursor) => Some(self.cursors.open(who, "sessions", &cursor)?),
            None => None,
        };
        let (total, mut found) = self
            .store
            .read(move |db: &Conn| -> Result<_> {
                let total = Total::exactly(sessions::count_for(db, who, now)?);
                let skip = if after.is_some() { 0 } else { page.offset().min(total.count) };
                Ok((total, sessions::page_for(db, who, now, (after, skip), page.per_page + 1)?))
            })
            .await?;
        let more = found.len() > page.per_page as usize;
        found.truncate(page.per_page as usize);
        let next_cursor = match found.last().filter(|_| more) {
            Some(last) => Some(self.cursors.seal(who, "sessions", &last.id, self.entropy.as_ref())?),
            None => None,
        };
        Ok(SessionPage { sessions: found, total, next_cursor })
    }

    /// Ends one of the caller's sessions, which may be the one that asks: none of its tokens is good from here on.
    ///
    /// # Errors
    /// `not_found`, the same for one that has ended, never was, or is somebody else's.
    pub async fn end_session(&self, caller: &Caller, client: &Client, id: SessionId) -> Result<()> {
        let (who, now) = (caller.user(), self.now());
        let entry = self.audit(Some(caller), client, "session.ended", id.to_string());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                if !sessions::revoke_for(tx, who, id, now)? {
                    return Err(Error::not_found().into());
                }
                Ok(audit::append(tx, &entry)?)
            })
            .await?;
        self.access.clear();
        Ok(())
    }
}
