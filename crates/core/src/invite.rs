//! Invites to register: who may come, as what, until when. Not here: their secret, which nobody keeps in clear.

use std::time::Duration;

use crate::caller::Role;
use crate::error::Error;
use crate::id::{Id, InviteId, UserId};
use crate::time::Timestamp;

/// How long an invite holds where nothing else is said.
pub const INVITE_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// How long an invite may hold at most.
pub const MAX_INVITE_LIFE: Duration = Duration::from_secs(365 * 86_400);

/// An invite as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Its id.
    pub id: InviteId,
    /// The only address that may register with it; none is anybody's.
    pub email: Option<String>,
    /// What the new account may do.
    pub role: Role,
    /// What it may hold; none is the server's default.
    pub quota_bytes: Option<u64>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The administrator who made it, or [`OPERATOR`].
    pub created_by: UserId,
    /// The account that was made with it.
    pub used_by: Option<UserId>,
    /// When that was.
    pub used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Stands for the operator at the machine itself, who has no account.
pub const OPERATOR: UserId = Id::from_uuid(uuid::Uuid::nil());

/// When an invite ends that is made now: as asked, else after [`INVITE_LIFE`].
///
/// # Errors
/// `validation_error` on `expires_at` where that is over already or more than [`MAX_INVITE_LIFE`] away.
pub fn check_expiry(asked: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Error> {
    match asked {
        None => Ok(now.plus(INVITE_LIFE)),
        Some(at) if at > now && at <= now.plus(MAX_INVITE_LIFE) => Ok(at),
        Some(_) => Err(Error::invalid("expires_at", "Must lie in the future, at most 365 days from now")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_in_the_future_and_within_a_year() {
        let now = Timestamp::from_seconds(1_700_000_000);
        assert_eq!(check_expiry(None, now).unwrap(), now.plus(INVITE_LIFE));
        let second = Duration::from_secs(1);
        for (at, good) in [
            (now.plus(second), true),
            (now.plus(MAX_INVITE_LIFE), true),
            (now, false),
            (now.minus(second), false),
            (now.plus(MAX_INVITE_LIFE + second), false),
        ] {
            assert_eq!(check_expiry(Some(at), now).is_ok(), good, "{at:?}");
        }
    }
}
