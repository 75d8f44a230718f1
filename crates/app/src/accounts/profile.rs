//! The own account: shown and changed.

use std::sync::Arc;
use std::time::Duration;

use mv_core::link::{Link, LinkKind};
use mv_core::user::{User, check_display_name, check_email, check_time_zone, check_username, fold_login};
use mv_core::{Caller, Client, Code, Error, Problems, Timestamp};
use mv_store::account_links::{self, SecretHash};
use mv_store::{Tx, audit, users};

use super::register::LOGIN_NAMES;
use crate::auth::access::Authenticated;
use crate::error::taken;
use crate::mail::Letter;
use crate::secret;
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

    /// Changes the caller's account. With a mail server a new address waits for the link that is sent to it, and the old
    /// one is told; the rest changes at once.
    ///
    /// # Errors
    /// `validation_error`, also where a new address comes without the right password; `rate_limited` after too many wrong
    /// ones, and where very many new addresses were asked for; `conflict` where a name is taken.
    pub async fn update_profile(&self, caller: &Caller, patch: ProfilePatch, client: &Client) -> Result<User> {
        let id = caller.user();
        let held = self.store.read(move |db| users::find(db, id)).await?.ok_or_else(Error::not_found)?;
        let mut changes = patch.checked()?;
        let proved = changes.moves(&held);
        if proved {
            let password = patch.current_password.ok_or_else(unproved)?;
            self.prove("current_password", id, &password).await?;
        }
        // Another way to write the same login name needs no proof that it is read.
        let elsewhere = |email: &String| fold_login(email) != fold_login(&held.email);
        let mut places = None;
        let mut pending = None;
        if let Some(mail) = &self.mail
            && let Some(email) = changes.email.take_if(|email| elsewhere(email))
        {
            places = Some(mail.reserve(2)?);
            let (secret, hash) = secret::bare(self.entropy.as_ref());
            pending = Some((secret, Pending { email, hash }));
        }
        let what = if pending.is_some() { "user.email_change_requested" } else { "user.email_changed" };
        let entry = proved.then(|| self.audit(Some(caller), client, what, id.to_string()));
        let now = self.now();
        let waiting = pending.as_ref().map(|(_, pending)| pending.clone());
        let user = self
            .store
            .write(move |tx: &Tx| -> Result<User> {
                let before = users::find_for_change(tx, id)?.ok_or_else(Error::not_found)?;
                // The address may have become another one since the password was asked for.
                if changes.moves(&before) && !proved {
                    return Err(unproved().into());
                }
                if let Some(waiting) = &waiting {
                    waiting.begin(tx, &before, now)?;
                }
                let mut user = before.clone();
                changes.apply(&mut user);
                if user != before {
                    user.updated_at = now;
                    users::update_profile(tx, &user).map_err(|error| taken(error, &LOGIN_NAMES))?;
                }
                if let Some(entry) = &entry {
                    audit::append(tx, entry)?;
                }
                Ok(user)
            })
            .await?;
        if let (Some(places), Some((secret, pending))) = (&mut places, pending) {
            let origin = self.options().public_url.clone();
            places.send(Letter::Confirm { to: pending.email, url: LinkKind::Email.url(&origin, &secret) });
            places.send(Letter::AddressChange { to: user.email.clone(), origin });
        }
        self.access.clear();
        Ok(user)
    }
}

fn unproved() -> Error {
    Error::invalid("current_password", "Is required to change the e-mail address")
}

/// New addresses that one account may ask to be proved in a day, so that nobody can flood mailboxes.
const ADDRESSES_PER_DAY: u64 = 10;
const DAY: Duration = Duration::from_secs(86_400);

/// A new address that waits for its link.
#[derive(Clone)]
struct Pending {
    email: String,
    hash: SecretHash,
}

impl Pending {
    /// Keeps the link; an earlier one ends.
    fn begin(&self, tx: &Tx, user: &User, now: Timestamp) -> Result<()> {
        if users::by_login(tx, &self.email)?.is_some_and(|(other, _)| other.id != user.id) {
            return Err(Error::conflict("email", "Is taken").into());
        }
        if account_links::count_since(tx, user.id, LinkKind::Email, now.minus(DAY))? >= ADDRESSES_PER_DAY {
            let often = Error::new(Code::RateLimited, "Too many new e-mail addresses in a day");
            return Err(often.retry_after(DAY).into());
        }
        account_links::end(tx, user.id, LinkKind::Email)?;
        let link = Link { user_id: Some(user.id), email: Some(self.email.clone()) };
        account_links::insert(tx, &self.hash, LinkKind::Email, &link, now)?;
        Ok(())
    }
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
