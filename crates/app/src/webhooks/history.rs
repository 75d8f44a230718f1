//! What was sent to a webhook, as its owner sees it: the log of deliveries, another try of one, and a test.

use mv_core::page::{COUNT_LIMIT, PageRequest, Total};
use mv_core::webhook::{Delivery, DeliveryStatus, Webhook, body};
use mv_core::{Caller, DeliveryId, Error, EventId, WebhookId, access};
use mv_store::{Conn, Tx, deliveries, webhooks};
use serde_json::json;

use crate::idempotency::keep_answer;
use crate::{App, Creation, Result};

/// The type of events that tell of nothing.
const TEST: &str = "webhook.test";

/// A page of deliveries.
#[derive(Debug)]
pub struct DeliveryPage {
    /// Newest first.
    pub deliveries: Vec<Delivery>,
    /// How many fit in all.
    pub total: Total,
    /// Where the next page begins; none at the end.
    pub next_cursor: Option<String>,
}

impl App {
    /// One page of a webhook's deliveries, newest first.
    ///
    /// # Errors
    /// `not_found`; `validation_error` on `cursor`, and on `page` where it begins behind 10,000 deliveries.
    pub async fn list_deliveries(
        &self,
        caller: &Caller,
        id: WebhookId,
        status: Option<DeliveryStatus>,
        page: PageRequest,
        cursor: Option<String>,
    ) -> Result<DeliveryPage> {
        let list = format!("deliveries {id} {status:?}");
        let after: Option<DeliveryId> = match cursor {
            Some(cursor) => Some(self.cursors.open(caller.user(), &list, &cursor)?),
            None => None,
        };
        let skip = if after.is_some() { 0 } else { page.offset() };
        if skip > COUNT_LIMIT {
            return Err(Error::invalid("page", "Must begin within the first 10000 items; use cursor beyond").into());
        }
        let (who, admin) = (caller.user(), access::administers(caller));
        let (counted, mut found) = self
            .store
            .read_slow(move |db: &Conn| -> Result<_> {
                webhooks::find_for(db, who, id, admin)?.ok_or_else(Error::not_found)?;
                let counted = deliveries::count_of(db, id, status, COUNT_LIMIT + 1)?;
                Ok((counted, deliveries::page_of(db, id, status, (after, skip), page.per_page + 1)?))
            })
            .await?;
        let more = found.len() > page.per_page as usize;
        found.truncate(page.per_page as usize);
        let next_cursor = match found.last().filter(|_| more) {
            Some(last) => Some(self.cursors.seal(who, &list, &last.id, self.entropy.as_ref())?),
            None => None,
        };
        Ok(DeliveryPage { deliveries: found, total: Total::bounded(counted), next_cursor })
    }

    /// Sends a test to a webhook: an event of type `webhook.test`, whatever types it asked for.
    ///
    /// # Errors
    /// `not_found`; `conflict` where the webhook is off.
    pub async fn test_webhook(&self, caller: &Caller, id: WebhookId, creation: Creation<Delivery>) -> Result<Delivery> {
        let now = self.now();
        let (who, event): (_, EventId) = (caller.user(), self.mint.id());
        let data = json!({ "id": id, "type": "webhook", "user_id": who });
        let text = body(TEST, &data.to_string(), now);
        let sample: Sample = (event, None, TEST.to_owned(), id.to_string(), text);
        self.send_again(caller, id, creation, move |_| Ok(sample.clone())).await
    }

    /// Sends what was sent once more, as a delivery of its own. It is the same event, with the same `webhook-id`.
    ///
    /// # Errors
    /// `not_found`; `conflict` where the webhook is off.
    pub async fn redeliver(
        &self,
        caller: &Caller,
        id: WebhookId,
        delivery: DeliveryId,
        creation: Creation<Delivery>,
    ) -> Result<Delivery> {
        self.send_again(caller, id, creation, move |db| {
            let sent = deliveries::find_of(db, id, delivery)?.ok_or_else(Error::not_found)?;
            Ok((sent.event_id, sent.position, sent.kind, sent.resource, sent.body))
        })
        .await
    }

    async fn send_again(
        &self,
        caller: &Caller,
        id: WebhookId,
        creation: Creation<Delivery>,
        what: impl Fn(&Conn) -> Result<Sample> + Send + 'static,
    ) -> Result<Delivery> {
        let (who, admin, now) = (caller.user(), access::administers(caller), self.now());
        let new: DeliveryId = self.mint.id();
        let (webhook, sample) = self
            .store
            .read(move |db: &Conn| -> Result<(Webhook, Sample)> {
                let webhook = webhooks::find_for(db, who, id, admin)?.ok_or_else(Error::not_found)?;
                Ok((webhook, what(db)?))
            })
            .await?;
        if !webhook.enabled {
            return Err(Error::conflict("enabled", "The webhook is switched off").into());
        }
        let (event_id, position, kind, resource, body) = sample;
        let delivery = Delivery {
            id: new,
            webhook_id: id,
            event_id,
            position,
            kind,
            resource,
            body,
            status: DeliveryStatus::Pending,
            attempts: 0,
            next_at: Some(now),
            response_status: None,
            response_part: None,
            failure: None,
            duration_ms: None,
            attempted_at: None,
            created_at: now,
        };
        let answer = self.answer_to_keep(&creation, &delivery)?;
        let stored = delivery.clone();
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                deliveries::insert(tx, &stored)?;
                keep_answer(tx, answer.as_ref())
            })
            .await?;
        self.deliverer.filled([id]);
        Ok(delivery)
    }
}

/// An event to be sent: its id, position, type, resource and body.
type Sample = (EventId, Option<i64>, String, String, String);
