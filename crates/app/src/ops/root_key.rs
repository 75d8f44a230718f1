//! A new root key: every user's key is wrapped anew under it, and secrets of webhooks sealed anew, in one transaction with
//! the check value. No stored byte is touched, since bytes are sealed under the users' keys.

use std::sync::Arc;

use mv_blobs::RootKey;
use mv_core::entropy::Entropy;
use mv_core::{Timestamp, UserId, WebhookId};
use mv_store::{Store, Tx, vault, webhooks};
use uuid::Uuid;

use crate::start::ROOT_KEY_CHECK;
use crate::webhook_secrets::Secrets;
use crate::{Error, Result};

/// Keys read at once.
const PAGE: u32 = 1000;

/// Wraps all that the root key wraps under the next one. After this only `next` opens the vault. What is merely derived
/// from the root key ends with it: refresh tokens, signed links, cursors and kept answers to retries.
///
/// # Errors
/// An internal error where `current` is not the key of this database; nothing is changed then.
pub async fn rotate(
    store: &Store,
    current: Arc<RootKey>,
    next: Arc<RootKey>,
    entropy: Arc<dyn Entropy>,
    now: Timestamp,
) -> Result<usize> {
    store
        .write(move |tx: &Tx| -> Result<usize> {
            if !vault::replace(tx, ROOT_KEY_CHECK, &current.check_value(), &next.check_value())? {
                return Err(Error::internal("the root key is not the one of this database"));
            }
            let (mut count, mut last) = (0, UserId::from_uuid(Uuid::nil()));
            loop {
                let keys = vault::user_keys_any(tx, last, PAGE)?;
                for (user, version, wrapped) in &keys {
                    let key = current.unwrap_user_key(*user, *version, wrapped)?;
                    vault::rewrap_user_key(tx, *user, &next.wrap_user_key(&key, entropy.as_ref())?)?;
                    last = *user;
                }
                count += keys.len();
                if keys.len() < PAGE as usize {
                    break;
                }
            }
            seal_webhooks_anew(tx, (&current, &next), now, entropy.as_ref())?;
            Ok(count)
        })
        .await
}

/// Secrets of webhooks are sealed under a key of the root key.
fn seal_webhooks_anew(
    tx: &Tx,
    (current, next): (&RootKey, &RootKey),
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<()> {
    let (before, after) = (Secrets::new(current), Secrets::new(next));
    let mut last = WebhookId::from_uuid(Uuid::nil());
    loop {
        let page = webhooks::sealed_any(tx, last, PAGE)?;
        for sealed in &page {
            webhooks::reseal_any(tx, &before.reseal(sealed, &after, now, entropy)?)?;
            last = sealed.id;
        }
        if page.len() < PAGE as usize {
            return Ok(());
        }
    }
}
