//! Ids: a prefix that names the kind and a UUIDv7, written as TypeID (`media_01h45ytscbebyvny4gc8cr8ma2`).
//! Promise: ids of one process grow strictly, so sorting by id is sorting by creation.
//! Not here: rights. An id is never a capability by itself (contract section 2).

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::entropy::Entropy;
use crate::time::{Clock, Timestamp};

/// A kind of thing that has ids; the marker types below implement it.
pub trait Kind {
    /// What stands before the underscore, lower case.
    const PREFIX: &'static str;
}

/// An id of one kind of thing. 16 bytes; `Display` and `FromStr` speak TypeID (spec 0.3).
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

macro_rules! kinds {
    ($($(#[$doc:meta])* $marker:ident $alias:ident = $prefix:literal;)*) => {$(
        #[doc = concat!("Marker of `", $prefix, "_` ids.")]
        #[derive(Debug)]
        pub enum $marker {}
        impl Kind for $marker { const PREFIX: &'static str = $prefix; }
        $(#[$doc])*
        pub type $alias = Id<$marker>;
    )*};
}

kinds! {
    /// A media item.
    MediaKind MediaId = "media";
    /// An account.
    UserKind UserId = "user";
    /// A login session.
    SessionKind SessionId = "ses";
    /// A collection.
    CollectionKind CollectionId = "col";
    /// A recorded event.
    EventKind EventId = "evt";
    /// Work on an item.
    WorkKind JobId = "job";
    /// A stored blob: the bytes behind one or more items of one owner.
    BlobKind BlobId = "blob";
    /// A segment: one encrypted message, a part of a blob.
    SegmentKind SegmentId = "seg";
    /// An API key.
    ApiKeyKind ApiKeyId = "key";
    /// An upload token.
    UploadTokenKind UploadTokenId = "upt";
    /// An invite.
    InviteKind InviteId = "inv";
    /// A webhook.
    WebhookKind WebhookId = "whk";
    /// A delivery of an event to a webhook.
    DeliveryKind DeliveryId = "dlv";
    /// One HTTP request.
    RequestKind RequestId = "req";
}

impl<K> Id<K> {
    /// The id with this UUID.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The 16 bytes as the databases keep them.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// When the id was minted, to the millisecond (RFC 9562 section 5.7).
    pub fn minted_at(self) -> Timestamp {
        let millis = (self.0.as_u128() >> 80) as i64;
        Timestamp::from_millis(millis)
    }

    /// The smallest id that can be minted at `at`: a bound for "created at or after".
    pub fn floor_of(at: Timestamp) -> Self {
        let millis = at.millis().clamp(0, (1 << 48) - 1) as u128;
        Self::from_uuid(Uuid::from_u128(millis << 80))
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// The 32 letters of TypeID's suffix (Crockford, lower case), 5 bits each.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.as_u128();
        let mut suffix = [0u8; 26];
        for (place, letter) in suffix.iter_mut().enumerate() {
            let shift = 125 - 5 * place;
            *letter = ALPHABET[((bits >> shift) & 31) as usize];
        }
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        f.write_str(std::str::from_utf8(&suffix).map_err(|_| fmt::Error)?)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an id of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct BadId;

impl<K: Kind> FromStr for Id<K> {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let suffix = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(BadId)?;
        // 26 letters hold 130 bits: the first may use only its lower 3.
        if suffix.len() != 26 || suffix.as_bytes()[0] > b'7' {
            return Err(BadId);
        }
        let mut bits: u128 = 0;
        for byte in suffix.bytes() {
            let value = ALPHABET.iter().position(|letter| *letter == byte).ok_or(BadId)?;
            bits = (bits << 5) | value as u128;
        }
        Ok(Self::from_uuid(Uuid::from_u128(bits)))
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| serde::de::Error::custom(format_args!("must be an id that begins with {}_", K::PREFIX)))
    }
}

/// Mints ids: UUIDv7 from an injected clock and entropy, strictly growing within the process.
#[derive(Clone)]
pub struct Mint {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    state: Arc<Mutex<State>>,
}

/// The last slot, and random bytes drawn beforehand: a call of the system for every id would cost more than the id.
struct State {
    last: u128,
    pool: [u8; POOL],
    used: usize,
}

/// Bytes drawn at once: 64 ids.
const POOL: usize = 512;

impl Mint {
    /// A mint over this clock and this source of randomness.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, state: Arc::new(Mutex::new(State { last: 0, pool: [0; POOL], used: POOL })) }
    }

    /// A new id. `rand_a` (12 bits) counts within a millisecond, the other 62 bits are random
    /// (RFC 9562 section 6.2, method 1), so a neighbour tells nothing of the next.
    pub fn id<K>(&self) -> Id<K> {
        let millis = (self.clock.now().millis().max(0) as u128) & ((1 << 48) - 1);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // `last` holds time and counter, 60 bits; a clock that steps back keeps counting up.
        let slot = (millis << 12).max(state.last + 1);
        state.last = slot;
        if state.used >= POOL {
            self.entropy.fill(&mut state.pool);
            state.used = 0;
        }
        let mut random = [0u8; 8];
        let from = state.used;
        random.copy_from_slice(&state.pool[from..from + 8]);
        state.used += 8;
        drop(state);
        let random = u64::from_be_bytes(random) & ((1 << 62) - 1);
        let bits = ((slot >> 12) << 80) | (7 << 76) | ((slot & 0xfff) << 64) | (2 << 62) | u128::from(random);
        Id::from_uuid(Uuid::from_u128(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::time::ManualClock;

    #[test]
    fn speaks_typeid_as_its_specification_shows() {
        // The specification's own example: prefix_01h455vb4pex5vsknk084sn02q.
        let uuid = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let id = MediaId::from_uuid(uuid);
        assert_eq!(id.to_string(), "media_01h455vb4pex5vsknk084sn02q");
        assert_eq!("media_01h455vb4pex5vsknk084sn02q".parse::<MediaId>().unwrap(), id);
    }

    #[test]
    fn refuses_other_kinds_letters_and_lengths() {
        for bad in [
            "",
            "media_",
            "user_01h455vb4pex5vsknk084sn02q",
            "media_81h455vb4pex5vsknk084sn02q",
            "media_01H455VB4PEX5VSKNK084SN02Q",
            "media_01h455vb4pex5vsknk084sn02",
            "media_01h455vb4pex5vsknk084sn02qq",
            "media_01h455vb4pex5vsknk084sn02l",
            "media-01h455vb4pex5vsknk084sn02q",
        ] {
            assert!(bad.parse::<MediaId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_grow_even_when_the_clock_steps_back() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let mint = Mint::new(clock.clone(), Arc::new(SystemEntropy));
        let mut before = mint.id::<MediaKind>();
        assert_eq!(before.minted_at().millis(), 1_700_000_000_000);
        for step in 0..10_000 {
            if step % 1000 == 0 {
                clock.set(Timestamp::from_millis(1_699_999_999_000 + step));
            }
            let next = mint.id::<MediaKind>();
            assert!(next > before);
            before = next;
        }
    }

    proptest::proptest! {
        #[test]
        fn every_uuid_survives_the_round_trip(bits: u128) {
            let id = UserId::from_uuid(Uuid::from_u128(bits));
            proptest::prop_assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
        }
    }
}
