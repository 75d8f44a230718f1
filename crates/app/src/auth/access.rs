//! From credentials to a caller, and from a caller to the things it may touch. The only callers of `core::access`.

use std::sync::Arc;

use mv_core::access::{self, Area, Need};
use mv_core::collection::Collection;
use mv_core::media::Media;
use mv_core::user::User;
use mv_core::{Caller, CollectionId, Error, MediaId, Timestamp};
use mv_store::{Conn, Tx, collections, media, sessions};

use crate::auth::tokens::JwtKeys;
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

    /// The caller behind an access token.
    ///
    /// # Errors
    /// `unauthorized` where the token is not genuine, has expired, or its session or account has ended.
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Authenticated>> {
        let now = self.now();
        if let Some(held) = self.access.get(token, &self.store, now) {
            return Ok(held);
        }
        let moment = self.access.moment();
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
        let held = Arc::new(Authenticated { caller, user, credential, good_until: bearer.expires_at });
        self.access.put(token, &held, moment);
        Ok(held)
    }
}

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
