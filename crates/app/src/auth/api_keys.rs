//! API keys: made, listed and deleted by their owner, logged in; a key never manages keys (contract section 3).
//! A deleted key is refused from the next request on, and the upload tokens made with it are gone. Signed links are its
//! owner's, whoever asked for them: they hold until they end by themselves or the password changes.

use mv_core::api_key::{ApiKey, MAX_API_KEYS, check_expiry, check_name};
use mv_core::{ApiKeyId, Caller, Client, Error, Problems, Scopes, Timestamp};
use mv_store::{Tx, api_keys, audit, users};

use crate::idempotency::keep_answer;
use crate::secret::{self, API_KEY};
use crate::{App, Creation, Result};

/// What a key is to be.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What its owner calls it.
    pub name: String,
    /// What it may do, by name.
    pub scopes: Vec<String>,
    /// When it ends; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// A key that was made, and its secret, which is told this once.
pub type MadeApiKey = (ApiKey, String);

impl App {
    /// Makes an API key.
    ///
    /// # Errors
    /// `validation_error`; `conflict` where the user has 100 already.
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        wanted: NewApiKey,
        client: &Client,
        creation: Creation<MadeApiKey>,
    ) -> Result<MadeApiKey> {
        let now = self.now();
        let mut problems = Problems::default();
        let name = problems.check(check_name(&wanted.name)).unwrap_or_default();
        let scopes = problems.check(Scopes::from_names(wanted.scopes.iter().map(String::as_str))).unwrap_or_default();
        let expires_at = wanted.expires_at.and_then(|at| problems.check(check_expiry(at, now)));
        problems.finish()?;
        let key = ApiKey {
            id: self.mint.id(),
            user_id: caller.user(),
            name,
            scopes,
            expires_at,
            last_used_at: None,
            created_at: now,
        };
        let (text, hash) = secret::make(API_KEY, self.entropy.as_ref());
        let entry = self.audit(Some(caller), client, "api_key.created", key.id.to_string());
        let (made, stored) = ((key.clone(), text), key);
        let answer = self.answer_to_keep(&creation, &made)?;
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                // Held, so that of many at once none slips past the limit.
                users::find_for_change(tx, stored.user_id)?.ok_or_else(Error::not_found)?;
                if api_keys::count_for(tx, stored.user_id)? >= MAX_API_KEYS {
                    return Err(Error::conflict("name", "There are 100 API keys already").into());
                }
                api_keys::insert(tx, &stored, &hash)?;
                audit::append(tx, &entry)?;
                keep_answer(tx, answer.as_ref())
            })
            .await?;
        Ok(made)
    }

    /// The caller's keys, newest first, also those that have ended; at most 100.
    pub async fn list_api_keys(&self, caller: &Caller) -> Result<Vec<ApiKey>> {
        let who = caller.user();
        Ok(self.store.read(move |db| api_keys::list_for(db, who)).await?)
    }

    /// Deletes a key: it is refused from the next request on.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_api_key(&self, caller: &Caller, id: ApiKeyId, client: &Client) -> Result<()> {
        let who = caller.user();
        let entry = self.audit(Some(caller), client, "api_key.deleted", id.to_string());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                if !api_keys::delete_for(tx, who, id)? {
                    return Err(Error::not_found().into());
                }
                audit::append(tx, &entry)?;
                Ok(())
            })
            .await?;
        self.access.clear();
        Ok(())
    }
}
