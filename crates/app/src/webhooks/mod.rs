//! Webhooks: signed requests that tell a user's own programs what happened.
//! The walk of an event: `enqueue` turns it into deliveries, in the transaction that moves the outbox's cursor on;
//! `deliver` sends them, `settle` writes what came of it. `manage` and `history` are what users do with them.
//! Promise: once an event is committed, each webhook that wants it gets it at least once or its owner sees why not; a
//! receiver that hangs delays nobody else. Not here: which addresses may be reached (`net`).

mod cleanup;
pub mod deliver;
mod enqueue;
pub mod history;
mod lane;
pub mod manage;
mod settle;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use mv_core::WebhookId;
use tokio::sync::Notify;

/// Tells the deliverer that there is something to look at.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

/// What there is to look at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Webhooks that have something new to be sent.
    pub(crate) filled: HashSet<WebhookId>,
    /// Webhooks that are not what they were.
    pub(crate) changed: HashSet<WebhookId>,
    /// Accounts are not what they were: any webhook may be another.
    pub(crate) accounts: bool,
}

impl Signal {
    /// These have something new.
    pub(crate) fn filled(&self, webhooks: impl IntoIterator<Item = WebhookId>) {
        self.note(|waiting| waiting.filled.extend(webhooks));
    }

    /// This one was changed, switched or deleted.
    pub(crate) fn changed(&self, webhook: WebhookId) {
        self.note(|waiting| waiting.changed.extend([webhook]));
    }

    /// Somebody's rights were changed, or an account is gone.
    pub(crate) fn accounts_changed(&self) {
        self.note(|waiting| waiting.accounts = true);
    }

    fn note(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.filled.notify_one();
    }

    /// All that waits; nothing is left behind.
    fn take(&self) -> Waiting {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sleeps until something waits.
    async fn wait(&self) {
        self.filled.notified().await;
    }
}
