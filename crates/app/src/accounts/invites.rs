//! Invites to register. The secret is shown once, to whoever makes the invite.

use mv_core::invite::{Invite, OPERATOR, check_expiry};
use mv_core::link::invite_url;
use mv_core::page::{PageRequest, Total};
use mv_core::user::{User, check_email};
use mv_core::{Caller, Client, Error, InviteId, Role, Timestamp};
use mv_store::{Conn, Tx, audit, invites, users};

use crate::idempotency::keep_answer;
use crate::secret;
use crate::{App, Creation, Result};

/// What an invite is to give.
#[derive(Debug, Clone, Default)]
pub struct NewInvite {
    /// The only address that may use it.
    pub email: Option<String>,
    /// What the account may do; a plain user where nothing is said.
    pub role: Option<Role>,
    /// What it may hold; the server's default where nothing is said.
    pub quota_bytes: Option<u64>,
    /// When it ends; after a week where nothing is said.
    pub expires_at: Option<Timestamp>,
}

/// A page of invites.
#[derive(Debug)]
pub struct InvitePage {
    /// Newest first.
    pub invites: Vec<Invite>,
    /// How many there are.
    pub total: Total,
    /// Where to go on.
    pub next_cursor: Option<String>,
}

impl App {
    /// Makes an invite, by an administrator or, without a caller, by the operator. Returns it with its address.
    ///
    /// # Errors
    /// `validation_error` on `email` or `expires_at`.
    pub async fn create_invite(
        &self,
        caller: Option<&Caller>,
        wanted: NewInvite,
        client: &Client,
        creation: Creation<(Invite, String)>,
    ) -> Result<(Invite, String)> {
        let mut problems = mv_core::Problems::default();
        let now = self.now();
        let email = wanted.email.and_then(|email| problems.check(check_email(&email)));
        let expires_at = problems.check(check_expiry(wanted.expires_at, now)).unwrap_or(now);
        problems.finish()?;
        let invite = Invite {
            id: self.mint.id(),
            email,
            role: wanted.role.unwrap_or(Role::User),
            quota_bytes: wanted.quota_bytes,
            expires_at,
            created_by: caller.map_or(OPERATOR, Caller::user),
            used_by: None,
            used_at: None,
            created_at: now,
        };
        let (secret, hash) = secret::bare(self.entropy.as_ref());
        let entry = self.audit_of(caller, client, "invite.created", invite.id.to_string());
        let (made, stored) = ((invite.clone(), invite_url(&self.options().public_url, &secret)), invite);
        let answer = self.answer_to_keep(&creation, &made)?;
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                invites::insert(tx, &stored, &hash)?;
                audit::append(tx, &entry)?;
                keep_answer(tx, answer.as_ref())
            })
            .await?;
        Ok(made)
    }

    /// One page of the invites, newest first, without their secrets.
    ///
    /// # Errors
    /// `validation_error` on `cursor`.
    pub async fn list_invites(&self, caller: &Caller, page: PageRequest, cursor: Option<String>) -> Result<InvitePage> {
        let who = caller.user();
        let after: Option<InviteId> = match cursor {
            Some(cursor) => Some(self.cursors.open(who, "invites", &cursor)?),
            None => None,
        };
        let (total, mut found) = self
            .store
            .read(move |db: &Conn| -> Result<_> {
                let total = Total::exactly(invites::count(db)?);
                let skip = if after.is_some() { 0 } else { page.offset().min(total.count) };
                Ok((total, invites::page(db, after, skip, page.per_page + 1)?))
            })
            .await?;
        let more = found.len() > page.per_page as usize;
        found.truncate(page.per_page as usize);
        let next_cursor = match found.last().filter(|_| more) {
            Some(last) => Some(self.cursors.seal(who, "invites", &last.id, self.entropy.as_ref())?),
            None => None,
        };
        Ok(InvitePage { invites: found, total, next_cursor })
    }

    /// Takes an invite back; an account that was made with it stays.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_invite(&self, caller: &Caller, id: InviteId, client: &Client) -> Result<()> {
        let entry = self.audit(Some(caller), client, "invite.deleted", id.to_string());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                if !invites::delete(tx, id)? {
                    return Err(Error::not_found().into());
                }
                audit::append(tx, &entry)?;
                Ok(())
            })
            .await
    }
}

/// Uses the invite up for this account. What one who is no administrator any more has promised does not hold.
///
/// # Errors
/// `gone`.
pub(super) fn spend(tx: &Tx, invite: &Invite, user: &User, now: Timestamp) -> Result<()> {
    let promised = invite.created_by == OPERATOR
        || users::find(tx, invite.created_by)?.is_some_and(|maker| maker.role == Role::Admin && !maker.disabled);
    if promised && invites::take(tx, invite.id, user.id, now)? { Ok(()) } else { Err(secret::gone().into()) }
}
