//! Login sessions as a chain of generations. Pure: time comes in from outside, tokens are made by `app::auth::tokens`.
//! Every refresh makes the next generation; presenting an older one again is theft (RFC 9700 section 4.14.2).

use std::time::Duration;

use crate::id::{SessionId, UserId};
use crate::time::Timestamp;

/// How long an access token holds (the reference: one hour).
pub const ACCESS_LIFE: Duration = Duration::from_secs(3600);
/// How long a session lives at most, counted from login.
pub const SESSION_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// How long a token that was just exchanged still gets the very same successor: a lost answer, two tabs.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(10);

/// A session as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, `sid` in access tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// How often it was refreshed; tokens carry the generation they were made in.
    pub generation: u32,
    /// When the current generation began.
    pub rotated_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it was ended by logout or reuse.
    pub revoked_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
}

/// A session as its user recognizes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The session.
    pub id: SessionId,
    /// What the program that began it called itself.
    pub user_agent: Option<String>,
    /// The address from which it was begun.
    pub address: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its tokens were last renewed.
    pub rotated_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// What to do with a token of some generation that asks for its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// It is the current one: begin the next generation.
    Advance,
    /// It was exchanged moments ago and the successor is unused: hand out the same successor again.
    Repeat,
    /// It was exchanged before: end the session.
    Reuse,
    /// The session is over.
    Over,
}

impl Session {
    /// Whether access tokens of this session are good at `now`.
    pub fn alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Judges a genuine token of `generation` that asks for its successor.
    pub fn refresh(&self, generation: u32, now: Timestamp) -> Refresh {
        if !self.alive(now) {
            return Refresh::Over;
        }
        if generation == self.generation {
            return Refresh::Advance;
        }
        let just_exchanged = generation.checked_add(1) == Some(self.generation);
        if just_exchanged && now.since(self.rotated_at) <= REPEAT_WINDOW { Refresh::Repeat } else { Refresh::Reuse }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use uuid::Uuid;

    fn session(generation: u32) -> Session {
        let start = Timestamp::from_seconds(1_000_000);
        Session {
            id: Id::from_uuid(Uuid::from_u128(1)),
            user_id: Id::from_uuid(Uuid::from_u128(2)),
            generation,
            rotated_at: start,
            expires_at: start.plus(SESSION_LIFE),
            revoked_at: None,
            created_at: start,
        }
    }

    #[test]
    fn current_advances_previous_repeats_for_ten_seconds_older_is_reuse() {
        let held = session(3);
        let at = |seconds| held.rotated_at.plus(Duration::from_secs(seconds));
        assert_eq!(held.refresh(3, at(5000)), Refresh::Advance);
        assert_eq!(held.refresh(2, at(10)), Refresh::Repeat);
        assert_eq!(held.refresh(2, at(11)), Refresh::Reuse);
        assert_eq!(held.refresh(1, at(0)), Refresh::Reuse, "its successor was used");
        assert_eq!(held.refresh(4, at(0)), Refresh::Reuse, "never made");
        assert_eq!(held.refresh(3, at(30 * 86_400)), Refresh::Over);
        assert_eq!(Session { revoked_at: Some(at(0)), ..held.clone() }.refresh(3, at(1)), Refresh::Over);
    }
}
