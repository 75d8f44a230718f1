//! From credentials to a caller, and from a caller to the things it may touch. The only callers of `core::access`.

use std::sync::Arc;

use mv_core::access::{self, Area, Need};
use mv_core::collection::Collection;
use mv_core::media::Media;
use mv_core::user::User;
use mv_core::{Caller, CollectionId, Error, MediaId, Timestamp};
use mv_store::{Conn, Tx, api_keys, collections, media, sessions, upload_tokens};

use super::secret::{self, API_KEY, UPLOAD_TOKEN};
use super::tokens::JwtKeys;
use crate::{App, Result};

/// A caller whose credentials are good, and the account behind it as it was when they were checked.
#[derive(Debug)]
pub struct Authenticated {
    /// The caller.
    pub caller: Caller,
    /// The account.
    pub user: User,
    /// What its owner knows the credentials by; their kind, id and scopes are the caller's.
    pub credential: Credential,
    /// When they must be checked anew at the latest: for a session, the end of this access token.
    pub good_until: Timestamp,
}

/// What the owner of credentials knows them by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// What its owner called it; sessions and upload tokens have no name.
    pub name: Option<String>,
    /// When it ends: the session, not its access token; `None` is never.
    pub expires_at: Option<Timestamp>,
}

impl App {
    /// Takes other keys of access tokens from now on; tokens of a key that is gone are refused from the next request on.
    /// Says whether the keys differ from those before.
    pub fn replace_jwt_keys(&self, keys: JwtKeys) -> bool {
        let differs = self.tokens.replace_keys(keys);
        if differs {
            self.access.clear();
        }
        differs
    }

    /// The caller behind an access token, an API key or an upload token; what stands before the secret tells which.
    ///
    /// # Errors
    /// `unauthorized` where it is not genuine, has expired or was deleted, or its session or account has ended.
    pub async fn authenticate(&self, secret: &str) -> Result<Arc<Authenticated>> {
        let now = self.now();
        let held = match self.access.get(secret, &self.store, now) {
            Some(held) => held,
            None => {
                let moment = self.access.moment();
                let checked = if secret.starts_with(API_KEY) {
                    self.by_api_key(secret, now).await?
                } else if secret.starts_with(UPLOAD_TOKEN) {
                    self.by_upload_token(secret, now).await?
                } else {
                    self.by_access_token(secret, now).await?
                };
                let held = Arc::new(checked);
                self.access.put(secret, &held, moment);
                held
            }
        };
        if let Caller::Key { key, .. } = held.caller {
            self.note_use(key, now);
        }
        Ok(held)
    }

    async fn by_access_token(&self, token: &str, now: Timestamp) -> Result<Authenticated> {
        let bearer = self.tokens.check(token, now)?;
        let found = self.store.read(move |db| sessions::with_user(db, bearer.session)).await?;
        let Some((session, user)) =
            found.filter(|(session, user)| session.alive(now) && !user.disabled && user.id == bearer.user)
        else {
            return Err(Error::unauthorized("The session has ended").into());
        };
        let caller =
            Caller::Session { user: user.id, session: session.id, role: user.role, link_epoch: user.link_epoch };
        let credential = Credential { name: None, expires_at: Some(session.expires_at) };
        Ok(Authenticated { caller, user, credential, good_until: bearer.expires_at })
    }

    async fn by_api_key(&self, text: &str, now: Timestamp) -> Result<Authenticated> {
        let refused = || Error::unauthorized("The API key is not valid");
        let hash = secret::read(API_KEY, text).ok_or_else(refused)?;
        let found = self.store.read(move |db| api_keys::with_user_any(db, &hash)).await?;
        let (key, user) = found
            .filter(|(key, user)| !user.disabled && key.expires_at.is_none_or(|end| now < end))
            .ok_or_else(refused)?;
        let caller = Caller::Key { user: user.id, key: key.id, scopes: key.scopes, link_epoch: user.link_epoch };
        let credential = Credential { name: Some(key.name), expires_at: key.expires_at };
        Ok(Authenticated { caller, user, good_until: key.expires_at.unwrap_or(NEVER), credential })
    }

    async fn by_upload_token(&self, text: &str, now: Timestamp) -> Result<Authenticated> {
        let refused = || Error::unauthorized("The upload token is not valid");
        let hash = secret::read(UPLOAD_TOKEN, text).ok_or_else(refused)?;
        let found = self.store.read(move |db| upload_tokens::with_user_any(db, &hash)).await?;
        let (token, user) =
            found.filter(|(token, user)| !user.disabled && now < token.expires_at).ok_or_else(refused)?;
        let caller = Caller::UploadToken { user: user.id, token: token.id };
        let credential = Credential { name: None, expires_at: Some(token.expires_at) };
        Ok(Authenticated { caller, user, good_until: token.expires_at, credential })
    }
}

/// Later than any moment that a clock tells.
const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// Whether the caller may enter a part of the product, before any thing in it is named.
///
/// # Errors
/// `forbidden`.
pub fn enter(caller: &Caller, area: Area) -> Result<()> {
    Ok(access::enter(caller, area)?)
}

/// The item, if the caller may do this to it; in the trash too.
///
/// # Errors
/// `not_found`, the same for what is missing and what is somebody else's.
pub(crate) fn media_for(db: &Conn, caller: &Caller, id: MediaId, need: Need) -> Result<Media> {
    let found = media::find_for(db, caller.user(), id)?.ok_or_else(Error::not_found)?;
    access::owned(caller, found.owner_id, need)?;
    Ok(found)
}

/// The item held for a change, if the caller may change it; in the trash too.
///
/// # Errors
/// `not_found`.
pub(crate) fn media_to_change(tx: &Tx, caller: &Caller, id: MediaId) -> Result<Media> {
    let found = media::find_for_change(tx, caller.user(), id)?.ok_or_else(Error::not_found)?;
    access::owned(caller, found.owner_id, Need::Write)?;
    Ok(found)
}

/// The collection, if the caller may do this to it.
///
/// # Errors
/// `not_found`.
pub(crate) fn collection_for(db: &Conn, caller: &Caller, id: CollectionId, need: Need) -> Result<Collection> {
    let found = collections::find_for(db, caller.user(), id)?.ok_or_else(Error::not_found)?;
    access::owned(caller, found.owner_id, need)?;
    Ok(found)
}

/// The collection held for a change, if the caller may change it.
///
/// # Errors
/// `not_found`.
pub(crate) fn collection_to_change(tx: &Tx, caller: &Caller, id: CollectionId) -> Result<Collection> {
    let found = collections::find_for_change(tx, caller.user(), id)?.ok_or_else(Error::not_found)?;
    access::owned(caller, found.owner_id, Need::Write)?;
    Ok(found)
}
