//! Cursors: where the next page begins, sealed so that a tampered, foreign or truncated one is told from a good one.
//! A cursor belongs to its caller, its filters and its order.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mv_blobs::{RootKey, Sealer};
use mv_core::entropy::Entropy;
use mv_core::{Error, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Seals and opens cursors.
pub struct Cursors {
    sealer: Sealer,
}

/// The longest cursor that is read.
const MAX_CHARS: usize = 2048;

impl Cursors {
    /// With a key derived from the root key.
    pub fn new(root: &RootKey) -> Self {
        Self { sealer: root.subkey("cursors").sealer() }
    }

    /// A cursor at `place` in the list that `list` names (filters and order as text).
    pub(crate) fn seal(
        &self,
        caller: UserId,
        list: &str,
        place: &impl Serialize,
        entropy: &dyn Entropy,
    ) -> crate::Result<String> {
        let text = serde_json::to_vec(place).map_err(crate::Error::internal)?;
        let sealed = self.sealer.seal(&[caller.uuid().as_bytes(), list.as_bytes()], &text, entropy)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The place of a cursor of the same caller and list.
    ///
    /// # Errors
    /// `validation_error` on `cursor`.
    pub fn open<T: DeserializeOwned>(&self, caller: UserId, list: &str, cursor: &str) -> Result<T, Error> {
        let bad = || Error::invalid("cursor", "Must be a cursor that this list gave, with the same filters and order");
        if cursor.len() > MAX_CHARS {
            return Err(bad());
        }
        let sealed = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
        let text = self.sealer.open(&[caller.uuid().as_bytes(), list.as_bytes()], &sealed).map_err(|_| bad())?;
        serde_json::from_slice(&text).map_err(|_| bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::entropy::SystemEntropy;
    use uuid::Uuid;

    proptest::proptest! {
        #[test]
        fn only_the_same_caller_and_list_open_it(key: i64, text: String, flip in 0usize..40) {
            let cursors = Cursors::new(&RootKey::from_bytes([1; 32]));
            let (alice, bob) = (UserId::from_uuid(Uuid::from_u128(1)), UserId::from_uuid(Uuid::from_u128(2)));
            let place = (key, text);
            let cursor = cursors.seal(alice, "list", &place, &SystemEntropy).unwrap();
            proptest::prop_assume!(cursor.len() <= MAX_CHARS);
            proptest::prop_assert_eq!(cursors.open::<(i64, String)>(alice, "list", &cursor).unwrap(), place);
            proptest::prop_assert!(cursors.open::<(i64, String)>(bob, "list", &cursor).is_err());
            proptest::prop_assert!(cursors.open::<(i64, String)>(alice, "other", &cursor).is_err());
            let mut bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
            let place = flip % bytes.len();
            bytes[place] ^= 1;
            proptest::prop_assert!(cursors.open::<(i64, String)>(alice, "list", &URL_SAFE_NO_PAD.encode(bytes)).is_err());
            proptest::prop_assert!(cursors.open::<(i64, String)>(alice, "list", &cursor[..cursor.len() / 2]).is_err());
        }
    }
}
