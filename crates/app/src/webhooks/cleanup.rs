//! Deliveries of webhooks that are gone: deleted in parts, so that a large log keeps nobody waiting.

use mv_core::WebhookId;
use mv_store::{Conn, Tx, deliveries, webhooks};
use uuid::Uuid;

use crate::{App, Result};

/// Deliveries deleted in one transaction.
const PURGE: u32 = 1000;

impl App {
    /// Deletes what was to be sent to a webhook that is gone, and what was sent. What cannot be deleted now goes with the
    /// timetable.
    pub(super) async fn forget_deliveries(&self, id: WebhookId) {
        loop {
            match self.store.write(move |tx: &Tx| deliveries::delete_of(tx, id, PURGE)).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(cause = %crate::chain(&error), "deliveries stay for now: {}", crate::chain(&error));
                    return;
                }
            }
        }
    }

    /// Deletes the deliveries of webhooks that are gone, where that was cut short.
    pub(crate) async fn forget_orphaned_deliveries(&self) -> Result<()> {
        let mut last = WebhookId::from_uuid(Uuid::nil());
        loop {
            let next = self.store.read(move |db: &Conn| -> mv_store::Result<_> {
                let Some(id) = deliveries::next_webhook_any(db, last)? else { return Ok(None) };
                Ok(Some((id, webhooks::endpoint_any(db, id)?.is_some())))
            });
            let Some((id, there)) = next.await? else { return Ok(()) };
            if !there {
                self.forget_deliveries(id).await;
            }
            last = id;
        }
    }
}
