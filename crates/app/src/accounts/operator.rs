//! What a locked-out operator needs at the machine itself, by e-mail or username: whoever can run the binary owns the data.

use mv_core::user::User;
use mv_core::{Client, Code, Error, Role, UserId};
use mv_store::{Tx, audit, sessions, users};

use crate::{App, Result};

/// What is done to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It may not be used until it is enabled; its sessions end.
    Disable,
    /// It may be used again.
    Enable,
    /// It becomes an administrator's.
    Promote,
    /// It is no administrator's any more.
    Demote,
    /// Its sessions end.
    EndSessions,
}

impl App {
    /// The account with this e-mail address or username.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn account_of(&self, login: &str) -> Result<User> {
        let name = login.to_owned();
        match self.store.read(move |db| users::by_login(db, &name)).await? {
            Some((user, _)) => Ok(user),
            None => Err(Error::new(Code::NotFound, "There is no account with this e-mail or username").into()),
        }
    }

    /// Accounts in the order they were made, behind `after`.
    ///
    /// # Errors
    /// Of the database.
    pub async fn accounts_any(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        Ok(self.store.read(move |db| users::list_any(db, after, limit)).await?)
    }

    /// Does this to the account with this e-mail address or username. Returns the account as it is then.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn act_on_account(&self, login: &str, act: Act) -> Result<User> {
        let id = self.account_of(login).await?.id;
        let what = match act {
            Act::Disable => "user.disabled",
            Act::Enable => "user.enabled",
            Act::Promote => "user.promoted",
            Act::Demote => "user.demoted",
            Act::EndSessions => "user.sessions_ended",
        };
        let entry = self.audit_of(None, &Client::default(), what, id.to_string());
        let now = self.now();
        let changed = self
            .store
            .write(move |tx: &Tx| -> Result<User> {
                let mut user = users::find_for_change(tx, id)?.ok_or_else(Error::not_found)?;
                match act {
                    Act::Disable => user.disabled = true,
                    Act::Enable => user.disabled = false,
                    Act::Promote => user.role = Role::Admin,
                    Act::Demote => user.role = Role::User,
                    Act::EndSessions => {}
                }
                user.updated_at = now;
                users::set_standing_any(tx, &user)?;
                if matches!(act, Act::Disable | Act::EndSessions) {
                    sessions::revoke_all(tx, id, now)?;
                }
                audit::append(tx, &entry)?;
                Ok(user)
            })
            .await?;
        self.access.clear();
        Ok(changed)
    }
}
