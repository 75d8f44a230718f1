//! Collections: named sets of items in an order that their owner chooses.

use crate::error::Error;
use crate::event::CollectionRef;
use crate::id::{CollectionId, MediaId, UserId};
use crate::time::Timestamp;

/// How many items one request may put in or set in order.
pub const MAX_BATCH: usize = 1000;

/// A collection as the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its id.
    pub id: CollectionId,
    /// Whose.
    pub owner_id: UserId,
    /// Its name; need not be unique.
    pub name: String,
    /// A longer text.
    pub description: Option<String>,
    /// The picture that stands for it: the one chosen, else the first.
    pub cover_media_id: Option<MediaId>,
    /// Items in it that are not in the trash.
    pub media_count: u64,
    /// Grows with each change of its own members.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it or its contents last changed.
    pub updated_at: Timestamp,
}

impl Collection {
    /// The collection as events tell of it.
    pub const fn reference(&self) -> CollectionRef {
        CollectionRef { id: self.id, user_id: self.owner_id }
    }
}

/// An edit: outer `None` keeps, inner `None` clears.
#[derive(Debug, Clone, Default)]
pub struct CollectionPatch {
    /// A new name.
    pub name: Option<String>,
    /// A new text.
    pub description: Option<Option<String>>,
    /// The picture that stands for it; `None` lets the first stand for it again.
    pub cover_media_id: Option<Option<MediaId>>,
}

/// Checks a name: 1 to 255 characters after trimming, no control characters.
///
/// # Errors
/// `validation_error` on `name`.
pub fn check_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    if (1..=255).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(Error::invalid("name", "Must be 1 to 255 characters without control characters"))
    }
}

/// Distance between neighbours when items are put in, so that many can be moved between two before all are numbered anew.
pub const POSITION_STEP: i64 = 1 << 20;

/// The position between two neighbours; `None` where there is no room left and all must be numbered anew.
pub fn between(before: Option<i64>, after: Option<i64>) -> Option<i64> {
    match (before, after) {
        (None, None) => Some(POSITION_STEP),
        (Some(before), None) => before.checked_add(POSITION_STEP),
        (None, Some(after)) => after.checked_sub(POSITION_STEP),
        (Some(before), Some(after)) => {
            let middle = before + (after - before) / 2;
            (before < middle && middle < after).then_some(middle)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(check_name(" Summer ").unwrap(), "Summer");
        for bad in ["", "  ", "a\nb", &"x".repeat(256)] {
            assert!(check_name(bad).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn between_lies_between_or_says_there_is_no_room(a in -1_000_000i64..1_000_000, gap in 1i64..100) {
            match between(Some(a), Some(a + gap)) {
                Some(middle) => proptest::prop_assert!(a < middle && middle < a + gap),
                None => proptest::prop_assert_eq!(gap, 1),
            }
            proptest::prop_assert!(between(None, Some(a)).unwrap() < a);
            proptest::prop_assert!(between(Some(a), None).unwrap() > a);
        }
    }
}
