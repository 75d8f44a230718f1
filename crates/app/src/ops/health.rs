//! Readiness: the database answers and the blob store takes bytes.

use crate::{App, Result};

impl App {
    /// Whether requests can be served.
    ///
    /// # Errors
    /// Of the backend that is away.
    pub async fn ready(&self) -> Result<()> {
        self.store.ping().await?;
        Ok(self.blobs.ready().await?)
    }
}
