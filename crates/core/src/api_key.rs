//! API keys: what their owners say of them, and the rules for it. Not here: their secret, of which nobody keeps more than
//! a hash, and what scopes are (`scope.rs`).

use crate::error::Error;
use crate::id::{ApiKeyId, UserId};
use crate::scope::Scopes;
use crate::time::Timestamp;

/// How many keys a user may have, so that their list needs no pages.
pub const MAX_API_KEYS: u64 = 100;

/// A key as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute; `None` is never.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Checks a key's name: 1 to 100 characters after trimming, no control characters.
///
/// # Errors
/// `validation_error` on `name`.
pub fn check_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    if (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(Error::invalid("name", "Must be 1 to 100 characters without control characters"))
    }
}

/// Checks when a key is to end: later than now.
///
/// # Errors
/// `validation_error` on `expires_at`.
pub fn check_expiry(at: Timestamp, now: Timestamp) -> Result<Timestamp, Error> {
    if at > now { Ok(at) } else { Err(Error::invalid("expires_at", "Must lie in the future")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ends() {
        assert_eq!(check_name(" Camera on the roof ").unwrap(), "Camera on the roof");
        assert!(check_name(&"ü".repeat(100)).is_ok());
        for bad in ["", "  ", "a\nb", "a\u{0}", &"a".repeat(101)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        let now = Timestamp::from_seconds(1_700_000_000);
        assert!(check_expiry(now, now).is_err());
        assert!(check_expiry(now.plus(std::time::Duration::from_secs(1)), now).is_ok());
    }
}
