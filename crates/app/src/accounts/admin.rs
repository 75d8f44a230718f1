//! What the operator does at the machine itself: no caller, since whoever can run the binary owns the data.

use mv_core::audit::Entry;
use mv_core::user::User;
use mv_core::{Client, Role};
use mv_store::{Tx, audit, sessions, users};

use super::register::NewAccount;
use crate::auth::throttle::forget;
use crate::{App, Creation, Result};

impl App {
    /// Makes an administrator.
    ///
    /// # Errors
    /// `validation_error`, `conflict` where the e-mail or username is taken.
    pub async fn create_admin(&self, account: NewAccount) -> Result<User> {
        let entry = self.operated("user.created", String::new());
        self.create_account(account, self.rights(Role::Admin), entry, Creation::default()).await
    }

    /// Makes the administrator that the settings name, if there is none yet. Returns whether one was made.
    ///
    /// # Errors
    /// As `create_admin`.
    pub async fn ensure_admin(&self, account: NewAccount) -> Result<bool> {
        if self.store.read(users::any_admin).await? {
            return Ok(false);
        }
        self.create_admin(account).await.map(|_| true)
    }

    /// Sets a new password for the account with this e-mail or username; its sessions and signed links end.
    ///
    /// # Errors
    /// `not_found`, `validation_error` on `password`.
    pub async fn reset_password(&self, login: &str, password: &str) -> Result<User> {
        mv_core::password::check_password("password", password)?;
        let user = self.account_of(login).await?;
        let hash = self.passwords.hash(password).await?;
        let (id, now, failures) = (user.id, self.now(), self.throttle.account(&user));
        let entry = self.operated("user.password_reset", id.to_string());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                users::set_password(tx, id, &hash, now)?;
                sessions::revoke_all(tx, id, now)?;
                forget(tx, &failures)?;
                audit::append(tx, &entry)?;
                Ok(())
            })
            .await?;
        self.access.clear();
        Ok(user)
    }

    /// An entry of the audit trail for what the operator does at the machine.
    fn operated(&self, what: &'static str, resource: String) -> Entry {
        self.audit_of(None, &Client::default(), what, resource)
    }
}
