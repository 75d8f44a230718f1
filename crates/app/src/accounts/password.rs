//! A new password in place of the old one.

use mv_core::password::check_password;
use mv_core::{Caller, Client, Error};
use mv_store::{Tx, audit, sessions, users};

use crate::auth::proof::not_the_password;
use crate::{App, Result};

/// The member that the old password comes in.
const OLD: &str = "current_password";

impl App {
    /// Changes the caller's password. The session that asks goes on; every other one ends, and every signed link dies.
    ///
    /// # Errors
    /// `validation_error` on `current_password` or `new_password`.
    pub async fn change_password(&self, caller: &Caller, client: &Client, old: &str, new: &str) -> Result<()> {
        let Caller::Session { user, session, .. } = *caller else {
            return Err(Error::not_found().into());
        };
        check_password("new_password", new)?;
        let old_hash = self.prove(OLD, user, old).await?;
        let new_hash = self.passwords.hash(new).await?;
        let now = self.now();
        let entry = self.audit(Some(caller), client, "user.password_changed", user.to_string());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                // Another change may have come first: then the proof was for a password that is not the account's any more.
                if !users::replace_password(tx, user, &old_hash, &new_hash, now)? {
                    return Err(not_the_password(OLD).into());
                }
                sessions::revoke_others(tx, user, session, now)?;
                Ok(audit::append(tx, &entry)?)
            })
            .await?;
        self.access.clear();
        Ok(())
    }
}
