//! Ways back into an account: a link by an administrator, or by mail to the account's address; and the link that proves
//! a new address. Asking by mail tells nobody whether there is such an account, neither by its answer nor by its time.

use std::time::Duration;

use mv_core::link::{Link, LinkKind};
use mv_core::user::{User, check_email, fold_login};
use mv_core::{Caller, Client, Error, UserId};
use mv_store::{Tx, account_links, audit, sessions, users};

use super::register::LOGIN_NAMES;
use super::secret;
use crate::auth::throttle::forget;
use crate::error::taken;
use crate::idempotency::keep_answer;
use crate::mail::Letter;
use crate::{App, Creation, Result};

/// Mails with a reset link that one account may get in an hour, so that nobody can flood a mailbox.
const RESETS_PER_HOUR: u64 = 5;

impl App {
    /// An administrator's link to a new password for this account; without a caller the operator's.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn create_reset_link(
        &self,
        caller: Option<&Caller>,
        user: UserId,
        client: &Client,
        creation: Creation<String>,
    ) -> Result<String> {
        let (secret, hash) = secret::make(self.entropy.as_ref());
        let entry = self.audit_of(caller, client, "reset_link.created", user.to_string());
        let (url, now) = (LinkKind::Reset.url(&self.options().public_url, &secret), self.now());
        let answer = self.answer_to_keep(&creation, &url)?;
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                if users::find_for_change(tx, user)?.is_none() {
                    return Err(Error::not_found().into());
                }
                let link = Link { user_id: Some(user), email: None };
                account_links::insert(tx, &hash, LinkKind::Reset, &link, now)?;
                audit::append(tx, &entry)?;
                keep_answer(tx, answer.as_ref())
            })
            .await?;
        Ok(url)
    }

    /// Asks for a mail with a reset link. All that depends on the account is done later, by the mailer.
    ///
    /// # Errors
    /// `validation_error` on `email` where it is no address at all.
    pub fn forgot_password(&self, email: &str, client: &Client) -> Result<()> {
        let email = check_email(email)?;
        if let Some(mail) = &self.mail {
            mail.forgot(email, client.clone());
        }
        Ok(())
    }

    /// The mail for whoever asked, if there is such an account that may be used and has not asked too often.
    pub(crate) async fn reset_letter(&self, email: String, client: Client) -> Result<Option<Letter>> {
        let lookup = email.clone();
        let found = self.store.read(move |db| users::by_login(db, &lookup)).await?;
        let Some((user, _)) = found.filter(|(user, _)| fold_login(&user.email) == fold_login(&email) && !user.disabled)
        else {
            return Ok(None);
        };
        let (secret, hash) = secret::make(self.entropy.as_ref());
        let entry = self.audit(None, &client, "user.password_forgotten", user.id.to_string());
        let (id, now) = (user.id, self.now());
        let made = self
            .store
            .write(move |tx: &Tx| -> Result<bool> {
                let held = users::find_for_change(tx, id)?;
                let hour_ago = now.minus(Duration::from_secs(3600));
                if held.is_none() || account_links::count_since(tx, id, LinkKind::Reset, hour_ago)? >= RESETS_PER_HOUR {
                    return Ok(false);
                }
                let link = Link { user_id: Some(id), email: None };
                account_links::insert(tx, &hash, LinkKind::Reset, &link, now)?;
                audit::append(tx, &entry)?;
                Ok(true)
            })
            .await?;
        let url = LinkKind::Reset.url(&self.options().public_url, &secret);
        Ok(made.then_some(Letter::Reset { to: user.email, url }))
    }

    /// Sets a new password by a link. Every session, signed link and other link of the account ends.
    ///
    /// # Errors
    /// `validation_error` on `new_password`, which leaves the link as it is; `gone`.
    pub async fn reset_password_by_link(&self, secret: &str, password: &str, client: &Client) -> Result<()> {
        mv_core::password::check_password("new_password", password)?;
        let (hash, now) = (secret::hash(secret), self.now());
        let found = self.store.read(move |db| account_links::find(db, &hash, LinkKind::Reset, now)).await?;
        let user = found.and_then(|link| link.user_id).ok_or_else(secret::gone)?;
        let held = self.store.read(move |db| users::find(db, user)).await?.ok_or_else(secret::gone)?;
        let failures = self.throttle.account(&held);
        let password_hash = self.passwords.hash(password).await?;
        let entry = self.audit(None, client, "user.password_reset", user.to_string());
        let now = self.now();
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                if account_links::take(tx, &hash, LinkKind::Reset, now)?.is_none() {
                    return Err(secret::gone().into());
                }
                users::set_password(tx, user, &password_hash, now)?;
                sessions::revoke_all(tx, user, now)?;
                forget(tx, &failures)?;
                audit::append(tx, &entry)?;
                Ok(())
            })
            .await?;
        self.access.clear();
        Ok(())
    }

    /// Gives an account the address that this link was sent to. Other links of the account end.
    ///
    /// # Errors
    /// `gone`; `conflict` where another account has taken the address meanwhile.
    pub async fn confirm_email(&self, secret: &str, client: &Client) -> Result<()> {
        let (hash, now) = (secret::hash(secret), self.now());
        let mut entry = self.audit(None, client, "user.email_changed", String::new());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                let taken_up = account_links::take(tx, &hash, LinkKind::Email, now)?;
                let Some((id, email)) = taken_up.and_then(|link| link.user_id.zip(link.email)) else {
                    return Err(secret::gone().into());
                };
                let held = users::find_for_change(tx, id)?.filter(|user| !user.disabled).ok_or_else(secret::gone)?;
                let user = User { email, updated_at: now, ..held };
                users::update_profile(tx, &user).map_err(|error| taken(error, &LOGIN_NAMES))?;
                account_links::end_all(tx, id)?;
                entry.resource = id.to_string();
                audit::append(tx, &entry)?;
                Ok(())
            })
            .await?;
        self.access.clear();
        Ok(())
    }
}
