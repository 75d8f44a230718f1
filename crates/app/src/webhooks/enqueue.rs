//! From the outbox to deliveries: the events of a page are matched with webhooks, and what results is written together
//! with the cursor, so that each event is turned into deliveries exactly once.

use std::collections::HashSet;

use mv_core::event::Recorded;
use mv_core::webhook::{Delivery, DeliveryStatus, Webhook, body};
use mv_core::{Timestamp, UserId, WebhookId};
use mv_store::{Tx, deliveries, webhooks};

use crate::{App, Result};

/// Deliveries written in one transaction, or a few more: those of one event are written together.
const BATCH: usize = 2000;
/// How far the kept cursor may lag behind what was found to be for no webhook: after a crash so much is looked at again.
const LAG: i64 = 4096;

impl App {
    /// Writes the deliveries of a page of events, in the order of their positions.
    ///
    /// # Errors
    /// Of the database; then the page is to be given again.
    pub(crate) async fn enqueue(&self, page: &[Recorded]) -> Result<()> {
        let Some(last) = page.last().map(|event| event.position) else { return Ok(()) };
        let owners: HashSet<UserId> = page.iter().map(|event| event.owner).collect();
        let owners: Vec<UserId> = owners.into_iter().collect();
        let (hooks, kept) = self
            .store
            .read(move |db| -> mv_store::Result<_> {
                Ok((webhooks::told_of_any(db, &owners)?, deliveries::handed_on(db)?))
            })
            .await?;
        let now = self.now();
        let mut made: Vec<Delivery> = Vec::new();
        for event in page {
            if made.len() >= BATCH {
                self.write_deliveries(std::mem::take(&mut made), event.position - 1).await?;
            }
            made.extend(hooks.iter().filter(|hook| wants(hook, event)).map(|hook| self.delivery(hook, event, now)));
        }
        if !made.is_empty() || last - kept > LAG {
            self.write_deliveries(made, last).await?;
        }
        Ok(())
    }

    fn delivery(&self, hook: &Webhook, event: &Recorded, now: Timestamp) -> Delivery {
        Delivery {
            id: self.mint.id(),
            webhook_id: hook.id,
            event_id: event.id,
            position: Some(event.position),
            kind: event.kind.clone(),
            resource: event.resource.clone(),
            body: body(&event.kind, &event.data, event.at),
            status: DeliveryStatus::Pending,
            attempts: 0,
            next_at: Some(now),
            response_status: None,
            response_part: None,
            failure: None,
            duration_ms: None,
            attempted_at: None,
            created_at: now,
        }
    }

    /// Writes deliveries of events up to `until`, unless that was done already.
    async fn write_deliveries(&self, made: Vec<Delivery>, until: i64) -> Result<()> {
        let written = self
            .store
            .write(move |tx: &Tx| -> Result<HashSet<WebhookId>> {
                let kept = deliveries::hold_handed_on(tx)?;
                let mut written = HashSet::new();
                for delivery in made.iter().filter(|delivery| delivery.position > Some(kept)) {
                    deliveries::insert(tx, delivery)?;
                    written.insert(delivery.webhook_id);
                }
                deliveries::set_handed_on(tx, until)?;
                Ok(written)
            })
            .await?;
        if !written.is_empty() {
            self.deliverer.filled(written);
        }
        Ok(())
    }
}

/// Whether the webhook is to be told of this event.
fn wants(hook: &Webhook, event: &Recorded) -> bool {
    event.position > hook.from_position
        && (hook.all || hook.owner_id == event.owner)
        && hook.events.includes(&event.kind, hook.all)
}
