//! The own account: shown and changed.

use std::sync::Arc;

use mv_core::user::{User, check_display_name, check_email, check_time_zone, check_username};
use mv_core::{Caller, Error, Problems};
use mv_store::{Tx, users};

use super::register::LOGIN_NAMES;
use crate::auth::access::Authenticated;
use crate::error::taken;
use crate::{App, Result};

/// What to change (RFC 7396): outer `None` keeps, inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct ProfilePatch {
    /// What others see.
    pub display_name: Option<Option<String>>,
    /// The second login name.
    pub username: Option<Option<String>>,
    /// The address; needs the password.
    pub email: Option<Option<String>>,
    /// For local times without an offset.
    pub time_zone: Option<Option<String>>,
    /// Proof for a new address.
    pub current_password: Option<String>,
}

impl App {
    /// The caller's account as it was when the credentials were checked, which was within this request.
    pub fn me(&self, authenticated: &Arc<Authenticated>) -> User {
        authenticated.user.clone()
    }

    /// Changes the caller's account.
    ///
    /// # Errors
    /// `validation_error`, also where a new address comes without the right password; `rate_limited` after too many wrong
    /// ones; `conflict` where a name is taken.
    pub async fn update_profile(&self, caller: &Caller, patch: ProfilePatch) -> Result<User> {
        let id = caller.user();
        let held = self.store.read(move |db| users::find(db, id)).await?.ok_or_else(Error::not_found)?;
        let changes = patch.checked()?;
        let proved = changes.moves(&held);
        if proved {
            let password = patch.current_password.ok_or_else(unproved)?;
            self.prove("current_password", id, &password).await?;
        }
        let now = self.now();
        let user = self
            .store
            .write(move |tx: &Tx| -> Result<User> {
                let before = users::find_for_change(tx, id)?.ok_or_else(Error::not_found)?;
                // The address may have become another one since the password was asked for.
                if changes.moves(&before) && !proved {
                    return Err(unproved().into());
                }
                let mut user = before.clone();
                changes.apply(&mut user);
                if user != before {
                    user.updated_at = now;
                    users::update_profile(tx, &user).map_err(|error| taken(error, &LOGIN_NAMES))?;
                }
                Ok(user)
            })
            .await?;
        self.access.clear();
        Ok(user)
    }
}

fn unproved() -> Error {
    Error::invalid("current_password", "Is required to change the e-mail address")
}

/// A patch whose every part is acceptable.
struct Checked {
    display_name: Option<Option<String>>,
    username: Option<Option<String>>,
    email: Option<String>,
    time_zone: Option<String>,
}

impl ProfilePatch {
    fn checked(&self) -> Result<Checked> {
        let mut problems = Problems::default();
        let mut optional =
            |value: &Option<Option<String>>, check: fn(&str) -> std::result::Result<String, Error>| match value {
                None => None,
                Some(None) => Some(None),
                Some(Some(text)) => problems.check(check(text)).map(Some),
            };
        let display_name = optional(&self.display_name, check_display_name);
        let username = optional(&self.username, check_username);
        let email = match &self.email {
            Some(None) => {
                problems.add("email", "Cannot be cleared");
                None
            }
            Some(Some(text)) => problems.check(check_email(text)),
            None => None,
        };
        let time_zone = match &self.time_zone {
            Some(None) => Some("UTC".to_owned()),
            Some(Some(text)) => problems.check(check_time_zone(text)),
            None => None,
        };
        problems.finish()?;
        Ok(Checked { display_name, username, email, time_zone })
    }
}

impl Checked {
    /// Whether the account gets another address.
    fn moves(&self, user: &User) -> bool {
        self.email.as_ref().is_some_and(|email| *email != user.email)
    }

    fn apply(&self, user: &mut User) {
        if let Some(display_name) = &self.display_name {
            user.display_name.clone_from(display_name);
        }
        if let Some(username) = &self.username {
            user.username.clone_from(username);
        }
        if let Some(email) = &self.email {
            user.email.clone_from(email);
        }
        if let Some(time_zone) = &self.time_zone {
            user.time_zone.clone_from(time_zone);
        }
    }
}
