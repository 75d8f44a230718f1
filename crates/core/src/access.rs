//! May this caller do this to that? The one place for rights; only `app` asks.
//! What may not be seen does not exist for the caller: 404. What is known but not allowed is 403 (contract section 2).

use crate::caller::{Caller, Role};
use crate::error::{Code, Error};
use crate::event::Channel;
use crate::id::UserId;
use crate::scope::Scope;

/// A part of the product that a caller wants to enter, before any thing in it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Any of the user's own things that a key with all of these scopes may touch.
    Scoped(&'static [Scope]),
    /// Putting bytes in: a key with `media:write`, or an upload token.
    Upload,
    /// The account itself, its sessions, keys and passwords: a logged-in person only.
    Account,
    /// Whatever the credentials are: who am I.
    Any,
    /// The server: an administrator, logged in.
    Admin,
}

/// Whether the caller may enter this part.
///
/// # Errors
/// `forbidden`, with each missing scope as a detail on `scope`.
pub fn enter(caller: &Caller, area: Area) -> Result<(), Error> {
    match (area, caller) {
        (Area::Scoped(needed), _) => scoped(caller, needed),
        (Area::Upload, Caller::UploadToken { .. }) => Ok(()),
        (Area::Upload, _) => scoped(caller, &[Scope::MediaWrite]),
        (Area::Any, Caller::Session { .. } | Caller::Key { .. } | Caller::UploadToken { .. })
        | (Area::Account, Caller::Session { .. })
        | (Area::Admin, Caller::Session { role: Role::Admin, .. }) => Ok(()),
        (Area::Admin, Caller::Session { .. }) => Err(forbidden("Only administrators may do this")),
        (Area::Account | Area::Admin | Area::Any, _) => Err(forbidden("Only a logged-in user may do this")),
    }
}

/// Whether the caller may do what needs all of these scopes, such as what a single parameter asks for beyond its route.
///
/// # Errors
/// `forbidden`, with each missing scope as a detail on `scope`.
pub fn scoped(caller: &Caller, needed: &[Scope]) -> Result<(), Error> {
    let held = match caller {
        Caller::Session { .. } => return Ok(()),
        Caller::Key { scopes, .. } => *scopes,
        Caller::UploadToken { .. } | Caller::Link { .. } => {
            return Err(forbidden("These credentials do not open this"));
        }
    };
    let mut missing = needed.iter().filter(|scope| !held.has(**scope)).peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    Err(missing.fold(forbidden("The API key lacks a scope"), |error, scope| error.with("scope", scope.as_str())))
}

/// Whether the caller may see what belongs to a channel.
pub fn sees(caller: &Caller, channel: Channel) -> bool {
    scoped(caller, &[channel.scope()]).is_ok()
}

fn forbidden(message: &'static str) -> Error {
    Error::new(Code::Forbidden, message)
}

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
        Caller::Session { user, .. } | Caller::Key { user, .. } => *user == owner,
        Caller::Link { user } => *user == owner && need == Need::Content,
        Caller::UploadToken { .. } => false,
    };
    if allowed { Ok(()) } else { Err(Error::not_found()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ApiKeyId, Id, SessionId, UploadTokenId};
    use crate::scope::Scopes;
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        Id::from_uuid(Uuid::from_u128(number))
    }

    fn session(number: u128, role: Role) -> Caller {
        Caller::Session { user: user(number), session: SessionId::from_uuid(Uuid::from_u128(9)), role, link_epoch: 0 }
    }

    fn key(number: u128, scopes: Scopes) -> Caller {
        Caller::Key { user: user(number), key: ApiKeyId::from_uuid(Uuid::from_u128(8)), scopes, link_epoch: 0 }
    }

    #[test]
    fn only_the_owner_and_only_bytes_by_link() {
        let (owner, admin) = (session(1, Role::User), session(2, Role::Admin));
        let link = Caller::Link { user: user(1) };
        let token = Caller::UploadToken { user: user(1), token: UploadTokenId::from_uuid(Uuid::from_u128(7)) };
        for need in [Need::Read, Need::Content, Need::Write] {
            assert!(owned(&owner, user(1), need).is_ok());
            assert!(owned(&key(1, Scopes::default()), user(1), need).is_ok(), "areas are asked before things");
            assert_eq!(owned(&admin, user(1), need), Err(Error::not_found()), "an administrator sees no private items");
            assert_eq!(owned(&link, user(1), need).is_ok(), need == Need::Content);
            assert!(owned(&link, user(2), need).is_err());
            assert!(owned(&token, user(1), need).is_err(), "an upload token reads nothing");
        }
    }

    #[test]
    fn areas_open_by_role_and_scope() {
        let some = key(1, Scopes::default().with(Scope::MediaRead));
        let writer = key(1, Scopes::default().with(Scope::MediaWrite));
        let token = Caller::UploadToken { user: user(1), token: UploadTokenId::from_uuid(Uuid::from_u128(7)) };
        assert!(enter(&some, Area::Scoped(&[Scope::MediaRead])).is_ok());
        let refused = enter(&some, Area::Scoped(&[Scope::MediaWrite, Scope::MediaRead, Scope::UsersRead])).unwrap_err();
        let named: Vec<_> = refused.details.iter().map(|it| (it.field.as_ref(), it.message.as_ref())).collect();
        assert_eq!(refused.code, Code::Forbidden);
        assert_eq!(named, [("scope", "media:write"), ("scope", "users:read")], "all that are missing, no others");
        assert!(enter(&some, Area::Upload).is_err() && enter(&writer, Area::Upload).is_ok());
        assert!(enter(&token, Area::Upload).is_ok() && enter(&token, Area::Any).is_ok());
        assert!(enter(&token, Area::Scoped(&[Scope::MediaRead])).is_err());
        for area in [Area::Account, Area::Admin] {
            assert!(enter(&writer, area).is_err() && enter(&token, area).is_err());
        }
        assert!(enter(&session(1, Role::User), Area::Account).is_ok());
        assert!(enter(&session(1, Role::User), Area::Admin).is_err());
        assert!(enter(&session(1, Role::Admin), Area::Admin).is_ok());
    }
}
