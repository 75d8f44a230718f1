//! When API keys were last used: noted at most once a minute for each, after the request and never in its way.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mv_core::{ApiKeyId, Timestamp};
use mv_store::api_keys;

use crate::App;

/// How exact the note is.
const EVERY: Duration = Duration::from_secs(60);
/// How many keys are remembered; at the bound all are dropped, which costs a needless note each.
const KEPT: usize = 16_384;

/// When each key's use was last noted by this process.
#[derive(Default)]
pub(crate) struct KeyUses(Mutex<HashMap<ApiKeyId, Timestamp>>);

impl KeyUses {
    /// Whether a use of the key now is to be noted; says so once a minute.
    fn is_due(&self, key: ApiKeyId, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&key).is_some_and(|last| now < last.plus(EVERY)) {
            return false;
        }
        if noted.len() >= KEPT {
            noted.clear();
        }
        noted.insert(key, now);
        true
    }
}

impl App {
    /// Notes that the key was used, where that is due; nobody waits for it, and nothing fails by it.
    pub(super) fn note_use(&self, key: ApiKeyId, now: Timestamp) {
        if !self.key_uses.is_due(key, now) {
            return;
        }
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.write(move |tx| api_keys::note_use_any(tx, key, now, now.minus(EVERY))).await {
                tracing::debug!(cause = %crate::chain(&error), "the use of {key} was not noted");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn once_a_minute_for_each_key() {
        let (uses, key) = (KeyUses::default(), |number| ApiKeyId::from_uuid(Uuid::from_u128(number)));
        let at = |seconds: i64| Timestamp::from_seconds(1_700_000_000 + seconds);
        assert!(uses.is_due(key(1), at(0)) && uses.is_due(key(2), at(0)));
        assert!(!uses.is_due(key(1), at(0)) && !uses.is_due(key(1), at(59)));
        assert!(uses.is_due(key(1), at(60)) && !uses.is_due(key(1), at(61)));
        for number in 0..=KEPT as u128 {
            uses.is_due(key(number), at(61));
        }
        assert!(uses.0.lock().unwrap().len() <= KEPT);
    }
}
