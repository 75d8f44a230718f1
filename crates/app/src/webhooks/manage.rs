//! Webhooks as their owners make and change them. One that gets everybody's events is an administrator's, logged in: for
//! others, also for the same person's API keys, it does not exist.

use mv_core::audit::Entry;
use mv_core::webhook::{Events, MAX_WEBHOOKS, SECRET_OVERLAP, Webhook, check_description};
use mv_core::{Caller, Client, Error, Problems, Timestamp, WebhookId, access};
use mv_store::{Tx, audit, events, users, webhooks};
use serde_json::json;

use crate::idempotency::keep_answer;
use crate::{App, Creation, Result};

/// What a webhook is to be.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Where deliveries go.
    pub url: String,
    /// Which types of events.
    pub events: Vec<String>,
    /// For people.
    pub description: Option<String>,
    /// Everybody's events.
    pub all: bool,
}

/// What is changed of a webhook; `None` keeps.
#[derive(Debug, Clone, Default)]
pub struct WebhookPatch {
    /// Another receiver.
    pub url: Option<String>,
    /// Other types of events.
    pub events: Option<Vec<String>>,
    /// Another description; the inner `None` is none.
    pub description: Option<Option<String>>,
    /// On or off.
    pub enabled: Option<bool>,
}

/// A webhook that was made, and its secret, which is told this once.
pub type MadeWebhook = (Webhook, String);

/// A new secret, which is told this once, and until when the one before signs too.
pub type RotatedSecret = (String, Timestamp);

impl App {
    /// Makes a webhook. It is told what happens from now on.
    ///
    /// # Errors
    /// `validation_error`, also where the URL's host may not be reached; `forbidden` where somebody else than an
    /// administrator asks for everybody's events; `conflict` where the user has 100 already.
    pub async fn create_webhook(
        &self,
        caller: &Caller,
        wanted: NewWebhook,
        client: &Client,
        creation: Creation<MadeWebhook>,
    ) -> Result<MadeWebhook> {
        if wanted.all {
            access::enter(caller, access::Area::Admin)?;
        }
        let mut problems = Problems::default();
        let events = problems.check(Events::from_names(wanted.events, wanted.all)).unwrap_or_default();
        let description = problems.check(check_description(wanted.description)).flatten();
        let url = problems.check(self.outgoing.check("url", &wanted.url).await);
        problems.finish()?;
        let now = self.now();
        let webhook = Webhook {
            id: self.mint.id(),
            owner_id: caller.user(),
            all: wanted.all,
            url: url.map(String::from).unwrap_or_default(),
            events,
            description,
            enabled: true,
            disabled_reason: None,
            failing_since: None,
            from_position: 0,
            created_at: now,
            updated_at: now,
        };
        let (secret, sealed) = self.webhook_secrets.make(webhook.id, webhook.owner_id, self.entropy.as_ref())?;
        let mut entry = self.audit(Some(caller), client, "webhook.created", webhook.id.to_string());
        entry.data = json!({ "url": shown(&webhook.url) });
        let (made, stored) = ((webhook.clone(), secret), webhook);
        let answer = self.answer_to_keep(&creation, &made)?;
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                // Held, so that of many at once none slips past the limit.
                users::find_for_change(tx, stored.owner_id)?.ok_or_else(Error::not_found)?;
                if webhooks::count_for(tx, stored.owner_id)? >= MAX_WEBHOOKS as u64 {
                    return Err(Error::conflict("url", "There are 100 webhooks already").into());
                }
                let webhook = Webhook { from_position: now_last(tx)?, ..stored.clone() };
                webhooks::insert(tx, &webhook, sealed.clone())?;
                audit::append(tx, &entry)?;
                keep_answer(tx, answer.as_ref())
            })
            .await?;
        Ok(made)
    }

    /// The caller's webhooks, newest first; at most 100.
    ///
    /// # Errors
    /// Of the database.
    pub async fn list_webhooks(&self, caller: &Caller) -> Result<Vec<Webhook>> {
        let (who, admin) = (caller.user(), access::administers(caller));
        Ok(self.store.read(move |db| webhooks::list_for(db, who, admin)).await?)
    }

    /// One of the caller's webhooks.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook> {
        let (who, admin) = (caller.user(), access::administers(caller));
        let found = self.store.read(move |db| webhooks::find_for(db, who, id, admin)).await?;
        Ok(found.ok_or_else(Error::not_found)?)
    }

    /// Changes a webhook. What waits goes to the new receiver; where it is switched off, what waits is given up.
    ///
    /// # Errors
    /// `not_found`, `validation_error`.
    pub async fn change_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        patch: WebhookPatch,
        client: &Client,
    ) -> Result<Webhook> {
        let all = self.webhook(caller, id).await?.all;
        let mut problems = Problems::default();
        let events = patch.events.and_then(|names| problems.check(Events::from_names(names, all)));
        let description = patch.description.and_then(|text| problems.check(check_description(text)));
        let url = match patch.url {
            Some(url) => problems.check(self.outgoing.check("url", &url).await),
            None => None,
        };
        problems.finish()?;
        let (who, admin, now) = (caller.user(), access::administers(caller), self.now());
        let entry = self.audit(Some(caller), client, "webhook.updated", id.to_string());
        let changed = self
            .store
            .write(move |tx: &Tx| -> Result<Webhook> {
                let before = webhooks::find_for_change(tx, who, id, admin)?.ok_or_else(Error::not_found)?;
                let mut webhook = before.clone();
                webhook.events = events.clone().unwrap_or(webhook.events);
                webhook.description = description.clone().unwrap_or(webhook.description);
                webhook.url = url.clone().map_or(webhook.url, String::from);
                if let Some(enabled) = patch.enabled {
                    webhook.enabled = enabled;
                }
                if webhook.enabled && !before.enabled {
                    webhook.from_position = now_last(tx)?;
                }
                // Whoever switches it on, or names another receiver, begins with a clean slate.
                if (webhook.enabled && !before.enabled) || webhook.url != before.url {
                    webhook.failing_since = None;
                }
                if webhook.enabled {
                    webhook.disabled_reason = None;
                }
                if webhook != before {
                    webhook.updated_at = now;
                    webhooks::set(tx, &webhook)?;
                    let data = json!({ "url": shown(&webhook.url), "enabled": webhook.enabled });
                    audit::append(tx, &Entry { data, ..entry.clone() })?;
                }
                Ok(webhook)
            })
            .await?;
        self.deliverer.changed(id);
        Ok(changed)
    }

    /// Deletes a webhook with its deliveries; what waits is not sent.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_webhook(&self, caller: &Caller, id: WebhookId, client: &Client) -> Result<()> {
        let (who, admin) = (caller.user(), access::administers(caller));
        let entry = self.audit(Some(caller), client, "webhook.deleted", id.to_string());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                if !webhooks::delete_for(tx, who, id, admin)? {
                    return Err(Error::not_found().into());
                }
                audit::append(tx, &entry)?;
                Ok(())
            })
            .await?;
        self.deliverer.changed(id);
        Ok(())
    }

    /// Gives a webhook another secret. For 24 hours the one before signs too, so that receivers can change over. Whoever
    /// rotates twice within that time ends the first one.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn rotate_webhook_secret(
        &self,
        caller: &Caller,
        id: WebhookId,
        client: &Client,
        creation: Creation<RotatedSecret>,
    ) -> Result<RotatedSecret> {
        let (who, admin, now) = (caller.user(), access::administers(caller), self.now());
        let (secret, sealed) = self.webhook_secrets.make(id, who, self.entropy.as_ref())?;
        let entry = self.audit(Some(caller), client, "webhook.secret_rotated", id.to_string());
        let rotated = (secret, now.plus(SECRET_OVERLAP));
        let until = rotated.1;
        let answer = self.answer_to_keep(&creation, &rotated)?;
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                webhooks::find_for_change(tx, who, id, admin)?.ok_or_else(Error::not_found)?;
                webhooks::rotate(tx, id, sealed.clone(), until, now)?;
                audit::append(tx, &entry)?;
                keep_answer(tx, answer.as_ref())
            })
            .await?;
        self.deliverer.changed(id);
        Ok(rotated)
    }
}

/// The position of the last event that is committed now; all that is committed later gets a higher one.
fn now_last(tx: &Tx) -> Result<i64> {
    events::number(tx)?;
    Ok(events::last(tx)?)
}

/// A URL without what stands behind its host: receivers' paths are often secrets.
fn shown(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url.get(host..).and_then(|rest| rest.find('/')).map_or(url, |end| url.get(..host + end).unwrap_or(url))
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn the_trail_shows_no_paths() {
        assert_eq!(shown("https://a.example:8443/T0/secret?x=1"), "https://a.example:8443");
        assert_eq!(shown("https://a.example"), "https://a.example");
        assert_eq!(shown("nonsense"), "nonsense");
    }
}
