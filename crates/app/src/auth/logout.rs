//! Logout: every token of the session is refused from the next request on.

use mv_core::Caller;
use mv_store::sessions;

use crate::{App, Result};

impl App {
    /// Ends the caller's session.
    pub async fn logout(&self, caller: &Caller) -> Result<()> {
        let Caller::Session { session, .. } = *caller else {
            return Err(mv_core::Error::not_found().into());
        };
        let now = self.now();
        self.store.write(move |tx| sessions::revoke(tx, session, now)).await?;
        self.access.clear();
        Ok(())
    }
}
