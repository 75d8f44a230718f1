//! The password once more, from somebody who is logged in already: before what a stolen session must not be able to do.

use mv_core::{Client, Error, UserId};
use mv_store::{Conn, Tx, users};

use super::throttle::{guessed_right, may_guess};
use crate::{App, Result};

impl App {
    /// Checks that this is the account's password. Returns the hash that it fits, so that the change which it allows can
    /// make sure that the password is still the same when it happens.
    ///
    /// # Errors
    /// `validation_error` on `field`, the member that the password came in; `rate_limited` after too many wrong ones.
    pub(crate) async fn prove(&self, field: &'static str, user: UserId, password: &str) -> Result<String> {
        let (guess, now) = (self.throttle.proof(user), self.now());
        let find = move |db: &Conn| -> Result<_> {
            may_guess(db, &guess, now)?;
            Ok(users::password_hash(db, user)?)
        };
        // Nobody has a longer one: no work for it.
        let possible = password.chars().count() <= 256;
        match self.store.read(find).await? {
            Some(hash) if possible && self.passwords.verify(password, Some(hash.clone())).await?.holds => {
                let now = self.now();
                self.store.write(move |tx: &Tx| guessed_right(tx, &guess, now)).await?;
                Ok(hash)
            }
            _ => Err(self.guessed_wrong(guess, &Client::default(), not_the_password(field)).await),
        }
    }
}

/// The refusal of a wrong password.
pub(crate) fn not_the_password(field: &'static str) -> Error {
    Error::invalid(field, "Is not the account's password")
}
