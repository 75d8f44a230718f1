//! The password once more, from somebody who is logged in already: before what a stolen session must not be able to do.

use mv_core::{Error, UserId};
use mv_store::users;

use crate::{App, Result};

impl App {
    /// Checks that this is the account's password. Returns the hash that it fits, so that the change which it allows can
    /// make sure that the password is still the same when it happens.
    ///
    /// # Errors
    /// `validation_error` on `field`, the member that the password came in.
    pub(crate) async fn prove(&self, field: &'static str, user: UserId, password: &str) -> Result<String> {
        let hash = self.store.read(move |db| users::password_hash(db, user)).await?;
        // Nobody has a longer one: no work for it.
        let possible = password.chars().count() <= 256;
        match hash {
            Some(hash) if possible && self.passwords.verify(password, Some(hash.clone())).await?.holds => Ok(hash),
            _ => Err(not_the_password(field).into()),
        }
    }
}

/// The refusal of a wrong password.
pub(crate) fn not_the_password(field: &'static str) -> Error {
    Error::invalid(field, "Is not the account's password")
}
