//! Accounts as administrators see and change them. They see what an account holds in numbers, never what it holds.

use mv_core::access::Area;
use mv_core::audit::Entry;
use mv_core::page::{PageRequest, Total};
use mv_core::user::{User, UserFilter};
use mv_core::{Caller, Client, Error, Role, Timestamp, UserId};
use mv_store::usage::Usage;
use mv_store::{Conn, Tx, administration, audit, sessions, transfers, users};
use serde_json::{Value, json};

use super::register::{NewAccount, Rights};
use crate::auth::access::enter;
use crate::{App, Creation, Result};

/// An account and what it holds.
#[derive(Debug, Clone)]
pub struct Administered {
    /// The account.
    pub user: User,
    /// What it holds.
    pub held: Usage,
}

impl From<User> for Administered {
    /// A new account, which holds nothing.
    fn from(user: User) -> Self {
        Self { user, held: Usage::default() }
    }
}

/// A page of accounts.
#[derive(Debug)]
pub struct UserPage {
    /// Newest first.
    pub users: Vec<Administered>,
    /// How many fit in all.
    pub total: Total,
    /// Where the next page begins; none at the end.
    pub next_cursor: Option<String>,
}

/// What an administrator changes of an account; `None` keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RightsPatch {
    /// Another role.
    pub role: Option<Role>,
    /// Another quota; the inner `None` is no limit.
    pub quota_bytes: Option<Option<u64>>,
    /// Whether it may log in and be acted for.
    pub disabled: Option<bool>,
}

impl App {
    /// One page of all accounts, newest first.
    ///
    /// # Errors
    /// `forbidden`; `validation_error` on `cursor`.
    pub async fn list_users(
        &self,
        caller: &Caller,
        filter: UserFilter,
        page: PageRequest,
        cursor: Option<String>,
    ) -> Result<UserPage> {
        enter(caller, Area::Admin)?;
        let list = format!("users {filter:?}");
        let after: Option<UserId> = match cursor {
            Some(cursor) => Some(self.cursors.open(caller.user(), &list, &cursor)?),
            None => None,
        };
        let (total, mut found) = self
            .store
            .read_slow(move |db: &Conn| -> Result<_> {
                let total = Total::exactly(administration::count(db, &filter)?);
                let skip = if after.is_some() { 0 } else { page.offset().min(total.count) };
                Ok((total, administration::page(db, &filter, after, skip, page.per_page + 1)?))
            })
            .await?;
        let more = found.len() > page.per_page as usize;
        found.truncate(page.per_page as usize);
        let next_cursor = match found.last().filter(|_| more) {
            Some((last, _)) => Some(self.cursors.seal(caller.user(), &list, &last.id, self.entropy.as_ref())?),
            None => None,
        };
        let users = found.into_iter().map(|(user, held)| Administered { user, held }).collect();
        Ok(UserPage { users, total, next_cursor })
    }

    /// An account and what it holds.
    ///
    /// # Errors
    /// `forbidden`, `not_found`.
    pub async fn administered(&self, caller: &Caller, id: UserId) -> Result<Administered> {
        enter(caller, Area::Admin)?;
        let (user, held) =
            self.store.read(move |db| administration::find(db, id)).await?.ok_or_else(Error::not_found)?;
        Ok(Administered { user, held })
    }

    /// Makes an account for somebody else, also where registration is closed. Without a role it is a user's; without a
    /// quota it has that of the settings.
    ///
    /// # Errors
    /// `forbidden`, `validation_error`, `conflict` where the e-mail or username is taken.
    pub async fn make_user(
        &self,
        caller: &Caller,
        client: &Client,
        (account, rights): (NewAccount, RightsPatch),
        creation: Creation<User>,
    ) -> Result<User> {
        enter(caller, Area::Admin)?;
        let usual = self.rights(rights.role.unwrap_or(Role::User));
        let rights = Rights { quota_bytes: rights.quota_bytes.unwrap_or(usual.quota_bytes), ..usual };
        let entry = self.audit(Some(caller), client, "user.created", String::new());
        self.create_account(account, rights, entry, creation).await
    }

    /// Changes an account's rights. One that is disabled is out at the next request of anybody who acts for it: its sessions
    /// and signed links end for good, its keys and upload tokens rest until it is enabled again. A quota below what is held
    /// refuses new uploads and nothing else.
    ///
    /// # Errors
    /// `forbidden`, `not_found`; `conflict` where nobody could administer any more.
    pub async fn change_user(
        &self,
        caller: &Caller,
        client: &Client,
        id: UserId,
        patch: RightsPatch,
    ) -> Result<Administered> {
        enter(caller, Area::Admin)?;
        self.change_rights(Some(caller), client, id, patch).await
    }

    /// As `change_user`; without a caller it is the operator at the machine itself.
    pub(super) async fn change_rights(
        &self,
        by: Option<&Caller>,
        client: &Client,
        id: UserId,
        patch: RightsPatch,
    ) -> Result<Administered> {
        let now = self.now();
        let entries: Vec<Entry> = (0..3).map(|_| self.audit_of(by, client, "user.changed", id.to_string())).collect();
        let administered =
            self.store.write(move |tx: &Tx| -> Result<Administered> { change(tx, id, patch, now, &entries) }).await?;
        self.access.clear();
        self.deliverer.accounts_changed();
        Ok(administered)
    }
}

fn change(tx: &Tx, id: UserId, patch: RightsPatch, now: Timestamp, entries: &[Entry]) -> Result<Administered> {
    administration::hold_administrators(tx)?;
    let before = users::find_for_change(tx, id)?.ok_or_else(Error::not_found)?;
    let mut user = before.clone();
    user.role = patch.role.unwrap_or(user.role);
    user.quota_bytes = patch.quota_bytes.unwrap_or(user.quota_bytes);
    user.disabled = patch.disabled.unwrap_or(user.disabled);
    if user != before {
        if transfers::of(tx, id)?.is_some() {
            return Err(Error::conflict("disabled", "The account is being deleted").into());
        }
        keep_an_administrator(tx, &before, &user)?;
        user.updated_at = now;
        if user.disabled && !before.disabled {
            user.link_epoch += 1;
            sessions::revoke_all(tx, id, now)?;
        }
        administration::set_rights(tx, &user)?;
        for ((what, data), entry) in changes(&before, &user).into_iter().zip(entries) {
            audit::append(tx, &Entry { what, data, ..entry.clone() })?;
        }
    }
    let (user, held) = administration::find(tx, id)?.ok_or_else(Error::not_found)?;
    Ok(Administered { user, held })
}

/// Refuses to take away the last who may administer.
pub(super) fn keep_an_administrator(tx: &Tx, before: &User, after: &User) -> Result<()> {
    let administers = |user: &User| user.role == Role::Admin && !user.disabled;
    if !administers(before) || administers(after) || administration::has_other_administrator(tx, before.id)? {
        return Ok(());
    }
    let field = if after.disabled { "disabled" } else { "role" };
    Err(Error::conflict(field, "Is the last administrator").into())
}

/// What the trail says of the changes, an entry for each.
fn changes(before: &User, after: &User) -> Vec<(&'static str, Value)> {
    let mut changes = Vec::new();
    if before.role != after.role {
        let data = json!({ "from": before.role.as_str(), "to": after.role.as_str() });
        changes.push(("user.role_changed", data));
    }
    if before.quota_bytes != after.quota_bytes {
        changes.push(("user.quota_changed", json!({ "from": before.quota_bytes, "to": after.quota_bytes })));
    }
    if before.disabled != after.disabled {
        changes.push((if after.disabled { "user.disabled" } else { "user.enabled" }, json!({})));
    }
    changes
}
