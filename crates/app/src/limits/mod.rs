//! How many requests pass (contract section 7): in no span of 60 seconds more than the limit of each class and key.
//! Promise: exact, also under concurrency; what is refused is not counted; memory is bounded (`local`).
//! Not here: which class a request is of (`http::layers::rate_limit`), guesses of passwords (`auth::throttle`).

mod local;

use std::sync::Arc;

use mv_core::Clock;

pub use local::LocalLimiter;

/// The span that is counted over, in milliseconds.
pub(crate) const WINDOW_MILLIS: u64 = 60_000;
/// The same in seconds, as headers tell it.
pub const WINDOW_SECONDS: u32 = 60;
/// The most that a limit may be, so that the times of one key's requests need at most 4 MiB.
pub const MOST_PER_MINUTE: u32 = 1_000_000;
/// Lookups of other people a minute, for each user (contract section 3).
const LOOKUPS_PER_MINUTE: u32 = 20;

/// Pictures that must first be made, a minute, for each owner of items (reliability section 5).
const RENDERINGS_PER_MINUTE: u32 = 600;

/// What an operator decides: requests a minute.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of an anonymous address.
    pub anonymous: u32,
    /// Of a user.
    pub user: u32,
    /// Of an API key.
    pub api_key: u32,
    /// Deliveries of content, for a user.
    pub delivery: u32,
}

/// What a request is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Without credentials that hold; by address.
    Anonymous,
    /// Of a logged-in user.
    User,
    /// Of an API key.
    ApiKey,
    /// Of an upload token, by the user's limit.
    UploadToken,
    /// The bytes of an item, for whoever asks with credentials or has signed the link.
    Delivery,
    /// Finding another user by name.
    Lookup,
    /// Pictures of a user's items that must first be made.
    Rendering,
    /// Credentials that did not hold, of an address that has used up what is anonymous; by address.
    Unproved,
}

impl Class {
    /// Whether anybody can make keys of this class at will; only such keys are bounded in number.
    const fn is_anonymous(self) -> bool {
        matches!(self, Self::Anonymous | Self::Unproved)
    }
}

/// Whose requests are counted, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As what.
    pub class: Class,
    /// Who: an id, or `mv_core::network::network` of an address.
    pub who: u128,
}

/// What is told of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it passes.
    pub allowed: bool,
    /// How many pass in 60 seconds.
    pub limit: u32,
    /// How many more would pass now.
    pub remaining: u32,
    /// In how many seconds more pass than now: when the oldest counted request is 60 seconds old.
    pub reset: u32,
}

impl Limits {
    /// How many requests of a class pass in 60 seconds.
    pub const fn of(&self, class: Class) -> u32 {
        match class {
            Class::Anonymous | Class::Unproved => self.anonymous,
            Class::User | Class::UploadToken => self.user,
            Class::ApiKey => self.api_key,
            Class::Delivery => self.delivery,
            Class::Lookup => LOOKUPS_PER_MINUTE,
            Class::Rendering => RENDERINGS_PER_MINUTE,
        }
    }
}

/// Where requests are counted.
pub enum Limiter {
    /// In this process.
    Local(LocalLimiter),
}

impl Limiter {
    /// Counts in this process.
    pub fn local(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self::Local(LocalLimiter::new(limits, clock))
    }

    /// Decides of a request, and counts it if it passes.
    #[expect(clippy::unused_async, reason = "a count shared by several nodes is asked for over the network")]
    pub async fn check(&self, key: Key) -> Decision {
        match self {
            Self::Local(local) => local.check(key),
        }
    }

    /// What `check` would say, without counting.
    #[expect(clippy::unused_async, reason = "as of `check`")]
    pub async fn peek(&self, key: Key) -> Decision {
        match self {
            Self::Local(local) => local.peek(key),
        }
    }

    /// Forgets keys whose last request is over 60 seconds ago, and gives their memory back.
    pub(crate) fn sweep(&self) {
        match self {
            Self::Local(local) => local.sweep(),
        }
    }
}
