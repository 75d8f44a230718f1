//! Work on an item that goes on after the answer: the closed list of kinds, and what becomes of a job that fails.
//! Promise: a job that brings its worker down is tried twice and no more; one that was only interrupted is not blamed.

use std::time::Duration;

use crate::id::{JobId, MediaId, UserId};
use crate::time::Timestamp;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Read what the file says of itself and make its small pictures.
    Examine,
    /// Make a film that browsers play.
    Playback,
}

impl JobKind {
    /// As the database and operators see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Examine => "examine",
            Self::Playback => "playback",
        }
    }

    /// Reads what `as_str` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Examine, Self::Playback].into_iter().find(|kind| kind.as_str() == text)
    }

    /// How long a claim holds before the job counts as interrupted; longer than any run may take.
    pub const fn lease(self) -> Duration {
        Duration::from_secs(match self {
            Self::Examine => 15 * 60,
            Self::Playback => 7 * 3600,
        })
    }
}

/// A job as it stands in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id; jobs of one owner run in the order in which they were made.
    pub id: JobId,
    /// Whose item it is about.
    pub owner_id: UserId,
    /// Which item.
    pub media_id: MediaId,
    /// What to do.
    pub kind: JobKind,
    /// Whether to do it although it was done before.
    pub anew: bool,
    /// Runs that were begun, the present one among them, less those that were interrupted.
    pub attempts: u32,
    /// Runs that ended with the server or by somebody's hand.
    pub interruptions: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// What to do with a job whose run has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Try again after so long.
    After(Duration),
    /// Give it up.
    Never,
}

/// Runs that may fail by themselves.
const ATTEMPTS: u32 = 2;
/// Runs that may be interrupted.
const INTERRUPTIONS: u32 = 10;

impl Job {
    /// Whether it was interrupted so often that it is not begun again: it may be what brings the server down.
    pub const fn is_spent(&self) -> bool {
        self.interruptions > INTERRUPTIONS
    }

    /// After a run that failed by itself.
    pub const fn after_failure(&self) -> Retry {
        if self.attempts >= ATTEMPTS { Retry::Never } else { Retry::After(Duration::from_secs(2)) }
    }

    /// After a run that somebody else ended. The wait grows, so that a file that brings down the whole machine does so
    /// rarely, and ends all the same.
    pub fn after_interruption(&self) -> Retry {
        if self.interruptions >= INTERRUPTIONS {
            return Retry::Never;
        }
        Retry::After(Duration::from_millis(200) * 2u32.saturating_pow(self.interruptions).min(3000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn job(attempts: u32, interruptions: u32) -> Job {
        Job {
            id: JobId::from_uuid(Uuid::nil()),
            owner_id: UserId::from_uuid(Uuid::nil()),
            media_id: MediaId::from_uuid(Uuid::nil()),
            kind: JobKind::Examine,
            anew: false,
            attempts,
            interruptions,
            created_at: Timestamp::from_seconds(0),
        }
    }

    #[test]
    fn failures_end_soon_and_interruptions_late() {
        assert!(matches!(job(1, 0).after_failure(), Retry::After(_)));
        assert_eq!(job(2, 0).after_failure(), Retry::Never);
        assert_eq!(job(1, 0).after_interruption(), Retry::After(Duration::from_millis(200)));
        assert_eq!(job(1, 3).after_interruption(), Retry::After(Duration::from_millis(1600)));
        assert_eq!(job(1, 10).after_interruption(), Retry::Never);
        assert!(!job(1, 10).is_spent() && job(1, 11).is_spent());
    }
}
