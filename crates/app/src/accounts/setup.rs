//! The first administrator's account by a link that the server prints at its start while there is none.

use mv_core::link::{Link, LinkKind};
use mv_core::user::User;
use mv_core::{Client, Role, Timestamp};
use mv_store::account_links::{self, SecretHash};
use mv_store::{Tx, users};

use super::register::{NewAccount, Permit};
use crate::secret;
use crate::{App, Creation, Result};

impl App {
    /// A fresh link to the first administrator's account, while there is none; earlier ones end. It holds half an hour.
    ///
    /// # Errors
    /// Of the database.
    pub async fn setup_link(&self) -> Result<Option<String>> {
        let (secret, hash) = secret::bare(self.entropy.as_ref());
        let now = self.now();
        let made = self
            .store
            .write(move |tx: &Tx| -> Result<bool> {
                account_links::end_setup(tx)?;
                if users::any_admin(tx)? {
                    return Ok(false);
                }
                account_links::insert(tx, &hash, LinkKind::Setup, &Link { user_id: None, email: None }, now)?;
                Ok(true)
            })
            .await?;
        Ok(made.then(|| LinkKind::Setup.url(&self.options().public_url, &secret)))
    }

    /// Makes the first administrator.
    ///
    /// # Errors
    /// `gone` where the link was used, has ended, or there is an administrator already; else as `register`.
    pub async fn set_up(&self, secret: &str, account: NewAccount, client: &Client) -> Result<User> {
        let (hash, now) = (secret::hash(secret), self.now());
        let holds = self
            .store
            .read(move |db| -> Result<bool> {
                Ok(account_links::find(db, &hash, LinkKind::Setup, now)?.is_some() && !users::any_admin(db)?)
            })
            .await?;
        if !holds {
            return Err(secret::gone().into());
        }
        let entry = self.audit(None, client, "user.created", String::new());
        let permit = (Permit::Setup(hash), Creation::default());
        self.admit(account, self.rights(Role::Admin), permit, entry).await
    }
}

/// Uses the link up.
///
/// # Errors
/// `gone`, also where another administrator was made meanwhile.
pub(super) fn spend(tx: &Tx, hash: &SecretHash, now: Timestamp) -> Result<()> {
    let taken = account_links::take(tx, hash, LinkKind::Setup, now)?.is_some();
    if taken && !users::any_admin(tx)? { Ok(()) } else { Err(secret::gone().into()) }
}
