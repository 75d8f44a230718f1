//! May this caller do this to that? The one place for rights; only `app` asks.
//! What may not be seen does not exist for the caller: 404, never 403 (contract section 2).

use crate::caller::Caller;
use crate::error::Error;
use crate::id::UserId;

/// What a use case is about to do to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Read its description.
    Read,
    /// Read its bytes.
    Content,
    /// Change, move or delete it.
    Write,
}

/// Whether the caller may do this to a thing of `owner`'s.
///
/// # Errors
/// `not_found` when it is not the caller's, or when a signed link asks for more than bytes.
pub fn owned(caller: &Caller, owner: UserId, need: Need) -> Result<(), Error> {
    let allowed = match caller {
        Caller::Session { user, .. } => *user == owner,
        Caller::Link { user } => *user == owner && need == Need::Content,
    };
    if allowed { Ok(()) } else { Err(Error::not_found()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Role;
    use crate::id::{Id, SessionId};
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        Id::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn only_the_owner_and_only_bytes_by_link() {
        let session = SessionId::from_uuid(Uuid::from_u128(9));
        let owner = Caller::Session { user: user(1), session, role: Role::User, link_epoch: 0 };
        let admin = Caller::Session { user: user(2), session, role: Role::Admin, link_epoch: 0 };
        let link = Caller::Link { user: user(1) };
        for need in [Need::Read, Need::Content, Need::Write] {
            assert!(owned(&owner, user(1), need).is_ok());
            assert_eq!(owned(&admin, user(1), need), Err(Error::not_found()), "an administrator sees no private items");
            assert_eq!(owned(&link, user(1), need).is_ok(), need == Need::Content);
            assert!(owned(&link, user(2), need).is_err());
        }
    }
}
