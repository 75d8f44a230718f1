//! Logout: every token of the session is refused from the next request on.

use mv_core::{Caller, Client};
use mv_store::{Tx, audit, sessions};

use crate::{App, Result};

impl App {
    /// Ends the caller's session.
    pub async fn logout(&self, caller: &Caller, client: &Client) -> Result<()> {
        let Caller::Session { session, .. } = *caller else {
            return Err(mv_core::Error::not_found().into());
        };
        let now = self.now();
        let entry = self.audit(Some(caller), client, "session.ended", session.to_string());
        self.store
            .write(move |tx: &Tx| {
                audit::append(tx, &entry)?;
                sessions::revoke(tx, session, now)
            })
            .await?;
        self.access.clear();
        Ok(())
    }
}
