//! The audit trail as administrators read it: entries about accounts and the server, and events of content, in one order.

use mv_core::access::Area;
use mv_core::audit::{AuditFilter, Recorded};
use mv_core::page::{COUNT_LIMIT, Total};
use mv_core::{Caller, EventId};
use mv_store::{Conn, audit};

use crate::auth::access::enter;
use crate::{App, Result};

/// A page of the trail.
#[derive(Debug)]
pub struct AuditPage {
    /// Newest first.
    pub entries: Vec<Recorded>,
    /// How many fit in all.
    pub total: Total,
    /// Where the next page begins; none at the end.
    pub next_cursor: Option<String>,
}

impl App {
    /// One page of the trail, newest first.
    ///
    /// # Errors
    /// `forbidden`; `validation_error` on `cursor`.
    pub async fn audit_trail(
        &self,
        caller: &Caller,
        filter: AuditFilter,
        per_page: u32,
        cursor: Option<String>,
    ) -> Result<AuditPage> {
        enter(caller, Area::Admin)?;
        let list = format!("audit {filter:?}");
        let after: Option<EventId> = match cursor {
            Some(cursor) => Some(self.cursors.open(caller.user(), &list, &cursor)?),
            None => None,
        };
        let (counted, mut entries) = self
            .store
            .read_slow(move |db: &Conn| -> Result<_> {
                let counted = audit::count_any(db, &filter, COUNT_LIMIT + 1)?;
                Ok((counted, audit::page_any(db, &filter, after, per_page + 1)?))
            })
            .await?;
        let more = entries.len() > per_page as usize;
        entries.truncate(per_page as usize);
        let next_cursor = match entries.last().filter(|_| more) {
            Some(last) => Some(self.cursors.seal(caller.user(), &list, &last.id, self.entropy.as_ref())?),
            None => None,
        };
        Ok(AuditPage { entries, total: Total::bounded(counted), next_cursor })
    }
}
