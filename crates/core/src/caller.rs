//! Who asks. Made once a request from its credentials (`app::auth::access`), passed to every use case.

use std::net::IpAddr;

use crate::id::{ApiKeyId, SessionId, UploadTokenId, UserId};
use crate::scope::{Scope, Scopes};

/// What a user may do beyond the own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Own things only.
    User,
    /// Also the server's accounts and settings.
    Admin,
}

impl Role {
    /// The role as JSON and the database write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    /// Reads what `as_str` wrote; anything else is the lesser role.
    pub fn parse(text: &str) -> Self {
        if text == "admin" { Self::Admin } else { Self::User }
    }
}

/// The one on whose behalf a use case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A logged-in person, by an access token of this session.
    Session {
        /// Whose session it is.
        user: UserId,
        /// Which session, so that it can be ended.
        session: SessionId,
        /// The user's role at this request.
        role: Role,
        /// Which signed links of the user hold: those made here carry it.
        link_epoch: i64,
    },
    /// A program, by an API key of this user's; never more than its scopes, and never an administrator.
    Key {
        /// Whose key it is.
        user: UserId,
        /// Which key.
        key: ApiKeyId,
        /// What it may do.
        scopes: Scopes,
        /// As of a session.
        link_epoch: i64,
    },
    /// An application's own end user, by an upload token: uploads for its issuer, nothing else.
    UploadToken {
        /// Who issued it; uploads are theirs.
        user: UserId,
        /// Which token.
        token: UploadTokenId,
    },
    /// Whoever holds a signed link that this user made: reads one item's bytes, nothing else.
    Link {
        /// Who signed it.
        user: UserId,
    },
}

impl Caller {
    /// The account whose rights apply.
    pub const fn user(&self) -> UserId {
        match self {
            Self::Session { user, .. }
            | Self::Key { user, .. }
            | Self::UploadToken { user, .. }
            | Self::Link { user } => *user,
        }
    }

    /// Which of the user's signed links hold, where the caller may make some: who may not read bytes gets no link to them.
    pub const fn link_epoch(&self) -> Option<i64> {
        match self {
            Self::Session { link_epoch, .. } => Some(*link_epoch),
            Self::Key { link_epoch, scopes, .. } if scopes.has(Scope::MediaRead) => Some(*link_epoch),
            Self::Key { .. } | Self::UploadToken { .. } | Self::Link { .. } => None,
        }
    }
}

/// Where a request comes from, for sessions, throttling and the audit trail; never a right by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The address: the peer's, or what a trusted proxy says.
    pub address: Option<IpAddr>,
    /// What the program calls itself, at most 256 characters, none of them a control character.
    pub user_agent: Option<String>,
}
