//! Who asks. Made once a request from its credentials (`app::auth::access`), passed to every use case.

use crate::id::{SessionId, UserId};

/// What a user may do beyond the own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            Self::Session { user, .. } | Self::Link { user } => *user,
        }
    }
}
