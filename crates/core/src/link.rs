//! Links that work once: what each is for, how long it holds, which page it opens.
//! The secret stands in the fragment (RFC 3986 section 3.5), which browsers never send: no log on the way has it.

use std::time::Duration;

use crate::id::UserId;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// A new password.
    Reset,
    /// A new address proves that it is read.
    Email,
    /// The first administrator.
    Setup,
}

impl LinkKind {
    /// The kind as the database writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Email => "email",
            Self::Setup => "setup",
        }
    }

    /// How long it holds.
    pub const fn life(self) -> Duration {
        Duration::from_secs(match self {
            Self::Reset => 3600,
            Self::Email => 86_400,
            Self::Setup => 30 * 60,
        })
    }

    /// The address of its page with this secret. `origin` has no slash at its end.
    pub fn url(self, origin: &str, secret: &str) -> String {
        let page = match self {
            Self::Reset => "reset",
            Self::Email => "confirm",
            Self::Setup => "setup",
        };
        format!("{origin}/{page}#token={secret}")
    }
}

/// The address where an invite is taken up.
pub fn invite_url(origin: &str, secret: &str) -> String {
    format!("{origin}/register#invite={secret}")
}

/// What a link that was taken up leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Whose account; none for the first administrator's.
    pub user_id: Option<UserId>,
    /// The address that it proves.
    pub email: Option<String>,
}
