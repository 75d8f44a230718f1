//! New accounts, each with a key of its own under which all that it stores is sealed.

use mv_core::audit::Entry;
use mv_core::event::Happened;
use mv_core::invite::Invite;
use mv_core::user::{Registration, User, check_display_name, check_email, check_username, fold_login};
use mv_core::{Client, Code, Error, Problems, Role, Timestamp, UserId};
use mv_store::account_links::SecretHash;
use mv_store::{Tx, audit, events, users, vault};

use super::{invites, setup};
use crate::error::taken;
use crate::idempotency::keep_answer;
use crate::secret;
use crate::{App, Creation, Result};

/// What a person gives for an account.
#[derive(Debug, Clone, Default)]
pub struct NewAccount {
    /// The address, also the login name.
    pub email: String,
    /// The password in clear.
    pub password: String,
    /// A second login name.
    pub username: Option<String>,
    /// What others see.
    pub display_name: Option<String>,
    /// The id that it gets; without one a fresh one.
    pub id: Option<UserId>,
}

/// Why an account may be made, asked again in the transaction that makes it.
#[derive(Clone)]
pub(super) enum Permit {
    /// Registration is open, or an administrator or operator makes it.
    Given,
    /// By this invite, which works once.
    Invite(Box<Invite>),
    /// By the link to the first administrator's account.
    Setup(SecretHash),
}

impl Permit {
    fn spend(&self, tx: &Tx, user: &User, now: Timestamp) -> Result<()> {
        match self {
            Self::Given => Ok(()),
            Self::Invite(invite) => invites::spend(tx, invite, user, now),
            Self::Setup(hash) => setup::spend(tx, hash, now),
        }
    }
}

/// What a new account may do and hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rights {
    /// Its role.
    pub(crate) role: Role,
    /// Bytes that it may hold; `None` is no limit.
    pub(crate) quota_bytes: Option<u64>,
}

impl App {
    /// Makes an account by registration. An invite is honoured where registration is open, and needed where it is
    /// `invite`; where it is closed nothing opens it.
    ///
    /// # Errors
    /// `forbidden` where registration is closed or needs an invite; `gone` for an invite that does not hold;
    /// `validation_error`, also where the invite is another address's; `conflict` where the e-mail or username is taken.
    pub async fn register(
        &self,
        account: NewAccount,
        invite: Option<&str>,
        client: &Client,
        creation: Creation<User>,
    ) -> Result<User> {
        let forbidden = |message: &'static str| Err(Error::new(Code::Forbidden, message).into());
        let (rights, permit) = match (self.options().registration, invite) {
            (Registration::Closed, _) => return forbidden("Registration is closed on this server"),
            (Registration::Invite, None) => return forbidden("Registration on this server needs an invite"),
            (Registration::Open, None) => (self.rights(Role::User), Permit::Given),
            (Registration::Open | Registration::Invite, Some(secret)) => {
                let invite = self.invite_of(secret).await?;
                if invite.email.as_deref().is_some_and(|email| fold_login(email) != fold_login(&account.email)) {
                    return Err(Error::invalid("email", "Must be the address that was invited").into());
                }
                let usual = self.rights(invite.role);
                let rights = Rights { quota_bytes: invite.quota_bytes.or(usual.quota_bytes), ..usual };
                (rights, Permit::Invite(Box::new(invite)))
            }
        };
        let entry = self.audit(None, client, "user.created", String::new());
        self.admit(account, rights, (permit, creation), entry).await
    }

    /// Under whose id an `Idempotency-Key` of a registration is looked for: that of the account which has the address
    /// already, since an earlier try may have made it; else a fresh one, which the new account is to get (the second).
    ///
    /// # Errors
    /// Of the database.
    pub async fn registrant(&self, email: &str) -> Result<(UserId, Option<UserId>)> {
        let name = email.to_owned();
        // A zero byte would be an error of PostgreSQL; nobody has such an address.
        let found = match name.chars().any(char::is_control) {
            true => None,
            false => self.store.read(move |db| users::by_login(db, &name)).await?,
        };
        let fresh = self.mint.id();
        Ok(found.map_or((fresh, Some(fresh)), |(user, _)| (user.id, None)))
    }

    /// The rights of a new account of which nothing else is said.
    pub(crate) fn rights(&self, role: Role) -> Rights {
        Rights { role, quota_bytes: self.options().default_quota_bytes }
    }

    /// Makes an account with these rights. `entry` tells who makes it; of which account is filled in here.
    pub(crate) async fn create_account(
        &self,
        account: NewAccount,
        rights: Rights,
        entry: Entry,
        creation: Creation<User>,
    ) -> Result<User> {
        self.admit(account, rights, (Permit::Given, creation), entry).await
    }

    /// As `create_account`, by what is spent with it.
    pub(super) async fn admit(
        &self,
        account: NewAccount,
        rights: Rights,
        (permit, creation): (Permit, Creation<User>),
        entry: Entry,
    ) -> Result<User> {
        let (user, password) = self.checked(account, rights)?;
        let hash = self.passwords.hash(&password).await?;
        let key = self.keyring.root.new_user_key(user.id, self.entropy.as_ref());
        let wrapped = self.keyring.root.wrap_user_key(&key, self.entropy.as_ref())?;
        let event = self.event(Happened::UserRegistered(user.id));
        let made = user.clone();
        let entry = Entry { resource: made.id.to_string(), ..entry };
        let answer = self.answer_to_keep(&creation, &user)?;
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                permit.spend(tx, &made, made.created_at)?;
                users::insert(tx, &made, &hash).map_err(|error| taken(error, &LOGIN_NAMES))?;
                vault::insert_user_key(tx, made.id, key.version(), &wrapped, made.created_at)?;
                events::append(tx, &event)?;
                audit::append(tx, &entry)?;
                keep_answer(tx, answer.as_ref())
            })
            .await?;
        tracing::info!(user.id = %user.id, "account {} was made", user.id);
        Ok(user)
    }

    fn checked(&self, account: NewAccount, rights: Rights) -> Result<(User, String)> {
        let mut problems = Problems::default();
        let email = problems.check(check_email(&account.email));
        problems.check(mv_core::password::check_password("password", &account.password));
        let username = account.username.and_then(|name| problems.check(check_username(&name)));
        let display_name = account.display_name.and_then(|name| problems.check(check_display_name(&name)));
        problems.finish()?;
        let now = self.now();
        let user = User {
            id: account.id.unwrap_or_else(|| self.mint.id()),
            email: email.unwrap_or_default(),
            username,
            display_name,
            role: rights.role,
            time_zone: "UTC".to_owned(),
            quota_bytes: rights.quota_bytes,
            link_epoch: 0,
            disabled: false,
            created_at: now,
            updated_at: now,
        };
        Ok((user, account.password))
    }

    async fn invite_of(&self, secret: &str) -> Result<Invite> {
        let (hash, now) = (secret::hash(secret), self.now());
        let found = self.store.read(move |db| mv_store::invites::by_secret(db, &hash, now)).await?;
        Ok(found.ok_or_else(secret::gone)?)
    }
}

/// The unique login names: column, field, what is said where one is taken.
pub(crate) const LOGIN_NAMES: [(&str, &str, &str); 2] =
    [("email_folded", "email", "Is taken"), ("username_folded", "username", "Is taken")];
