//! The keys in use: the root key, and the users' keys unwrapped while their users are active.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mv_blobs::{RootKey, UserKey};
use mv_core::UserId;
use mv_store::Store;

use crate::{Error, Result};

/// How many unwrapped user keys are kept; beyond it all are dropped and unwrapped anew at need.
const KEPT: usize = 4096;

/// The keys in use.
pub(crate) struct Keyring {
    pub(crate) root: RootKey,
    users: Mutex<HashMap<UserId, Arc<UserKey>>>,
}

impl Keyring {
    pub(crate) fn new(root: RootKey) -> Self {
        Self { root, users: Mutex::new(HashMap::new()) }
    }

    /// The user's key.
    pub(crate) async fn of(&self, store: &Store, user: UserId) -> Result<Arc<UserKey>> {
        if let Some(key) = self.users.lock().unwrap_or_else(PoisonError::into_inner).get(&user) {
            return Ok(key.clone());
        }
        let wrapped = store.read(move |db| mv_store::vault::user_key(db, user)).await?;
        let (version, wrapped) = wrapped.ok_or_else(|| Error::internal(format!("{user} has no key")))?;
        let key = Arc::new(self.root.unwrap_user_key(user, version, &wrapped)?);
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= KEPT {
            users.clear();
        }
        users.insert(user, key.clone());
        Ok(key)
    }

    /// Forgets the key of an account that was deleted.
    pub(crate) fn forget(&self, user: UserId) {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).remove(&user);
    }
}
