//! What came of tries: how an answer is judged, and how many results are written at once with what they say of their
//! webhooks.

use std::collections::HashMap;

use mv_core::entropy::{Entropy, random};
use mv_core::event::{Event, Happened};
use mv_core::webhook::{Delivery, DeliveryStatus, DisabledReason, FAILING_LIMIT, retry_at};
use mv_core::{Timestamp, WebhookId};
use mv_store::{Tx, deliveries, events, webhooks};

use super::deliver::Schedule;
use crate::net::{Answer, Exchange};
use crate::{App, Result};

/// Bytes of an answer that its owner is shown.
const SHOWN: usize = 1024;

/// A delivery as it is after a try, and what that says of its webhook.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub(super) delivery: Delivery,
    pub(super) verdict: Verdict,
}

/// What a try says of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It works.
    Taken,
    /// It does not.
    Refused,
    /// It wants no more.
    Gone,
    /// Nothing: it was not asked.
    NotAsked,
}

impl Tried {
    /// A try that began at `begun` and ended so.
    pub(super) fn judge(
        mut delivery: Delivery,
        begun: Timestamp,
        exchange: Exchange,
        schedule: &Schedule,
        entropy: &dyn Entropy,
    ) -> Self {
        let now = begun.plus(exchange.took);
        delivery.attempts = delivery.attempts.saturating_add(1);
        delivery.attempted_at = Some(begun);
        delivery.duration_ms = Some(u64::try_from(exchange.took.as_millis()).unwrap_or(u64::MAX));
        let answer = exchange.outcome.as_ref().ok();
        delivery.response_status = answer.map(|answer| answer.status);
        delivery.response_part = answer.map(shown).filter(|part| !part.is_empty());
        delivery.failure = exchange.outcome.as_ref().err().map(|failure| failure.as_str().to_owned());
        let verdict = match answer.map(|answer| answer.status) {
            Some(200..=299) => Verdict::Taken,
            Some(410) => Verdict::Gone,
            _ => Verdict::Refused,
        };
        let asked = answer.and_then(|answer| answer.retry_after).map(|asked| asked.wait(now));
        let chance = f64::from(u32::from_le_bytes(random(entropy))) / f64::from(u32::MAX);
        delivery.next_at = match verdict {
            Verdict::Refused => retry_at(&schedule.waits, delivery.attempts, now, asked, chance),
            Verdict::Taken | Verdict::Gone | Verdict::NotAsked => None,
        };
        delivery.status = match (verdict, delivery.next_at) {
            (Verdict::Taken, _) => DeliveryStatus::Succeeded,
            (_, Some(_)) => DeliveryStatus::Pending,
            (_, None) => DeliveryStatus::Failed,
        };
        Self { delivery, verdict }
    }

    /// One that is not sent, because its webhook is off.
    pub(super) fn not_asked(mut delivery: Delivery) -> Self {
        delivery.status = DeliveryStatus::Failed;
        delivery.next_at = None;
        delivery.failure = Some("webhook_off".to_owned());
        Self { delivery, verdict: Verdict::NotAsked }
    }
}

/// The beginning of an answer's body as text.
fn shown(answer: &Answer) -> String {
    let bytes = answer.body.get(..SHOWN.min(answer.body.len())).unwrap_or_default();
    // PostgreSQL's text cannot hold U+0000.
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

impl App {
    /// Writes results in one transaction, in their order. A webhook that wants no more, or has done nothing but fail for
    /// too long, is switched off, and its owner told. Returns those.
    ///
    /// # Errors
    /// Of the database; nothing is written then.
    pub(super) async fn settle(&self, results: Vec<Tried>) -> Result<Vec<WebhookId>> {
        let now = self.now();
        // Ids of events that may have to be told, made outside of the transaction.
        let off = self
            .store
            .write({
                let mint = self.mint.clone();
                move |tx: &Tx| -> Result<Vec<WebhookId>> {
                    let (mut noted, mut off) = (HashMap::new(), Vec::new());
                    for Tried { delivery, verdict } in &results {
                        let id = delivery.webhook_id;
                        if !deliveries::settle_any(tx, delivery)? || *verdict == Verdict::NotAsked {
                            continue;
                        }
                        // Of many alike in a row the first one says it.
                        if noted.insert(id, *verdict) == Some(*verdict) {
                            continue;
                        }
                        if let Some(reason) = note(tx, id, *verdict, now)?
                            && let Some(user_id) = webhooks::switch_off_any(tx, id, reason.as_str(), now)?
                        {
                            let what = Happened::WebhookDisabled { id, user_id, reason };
                            events::append(tx, &Event { id: mint.id(), at: now, what })?;
                            off.push(id);
                        }
                    }
                    Ok(off)
                }
            })
            .await?;
        for id in &off {
            tracing::info!(webhook = %id, "webhook {id} was switched off");
        }
        Ok(off)
    }
}

/// Notes what a try says of a webhook; returns why it is to be switched off, if it is.
fn note(tx: &Tx, id: WebhookId, verdict: Verdict, now: Timestamp) -> Result<Option<DisabledReason>> {
    Ok(match verdict {
        Verdict::Taken => {
            webhooks::note_working_any(tx, id)?;
            None
        }
        Verdict::Refused => {
            let since = webhooks::note_failing_any(tx, id, now)?;
            since.filter(|since| now.since(*since) >= FAILING_LIMIT).map(|_| DisabledReason::Failing)
        }
        Verdict::Gone => Some(DisabledReason::Gone),
        Verdict::NotAsked => None,
    })
}
