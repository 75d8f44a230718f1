//! What a locked-out operator needs at the machine itself, by e-mail or username: whoever can run the binary owns the data.

use mv_core::user::User;
use mv_core::{Client, Code, Error, Role, UserId};
use mv_store::{Tx, audit, sessions, users};

use super::administration::RightsPatch;
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
    /// `not_found`; `conflict` where nobody could administer any more.
    pub async fn act_on_account(&self, login: &str, act: Act) -> Result<User> {
        let user = self.account_of(login).await?;
        let patch = match act {
            Act::Disable => RightsPatch { disabled: Some(true), ..RightsPatch::default() },
            Act::Enable => RightsPatch { disabled: Some(false), ..RightsPatch::default() },
            Act::Promote => RightsPatch { role: Some(Role::Admin), ..RightsPatch::default() },
            Act::Demote => RightsPatch { role: Some(Role::User), ..RightsPatch::default() },
            Act::EndSessions => {
                self.end_sessions(user.id).await?;
                return Ok(user);
            }
        };
        Ok(self.change_rights(None, &Client::default(), user.id, patch).await?.user)
    }

    async fn end_sessions(&self, user: UserId) -> Result<()> {
        let entry = self.audit_of(None, &Client::default(), "user.sessions_ended", user.to_string());
        let now = self.now();
        self.store
            .write(move |tx: &Tx| {
                sessions::revoke_all(tx, user, now)?;
                audit::append(tx, &entry)
            })
            .await?;
        self.access.clear();
        Ok(())
    }
}
