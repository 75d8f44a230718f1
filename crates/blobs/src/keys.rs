//! The keys: one root key wraps one key per user, which wraps one key per segment.
//! Promise: every key is wiped when dropped and none can be printed; each use has its own subkey by label, so no key
//! serves two algorithms. Labels and associated data are listed in `docs/formats/blob.md`.
//! Not here: the root key's file (`key_file`), the sealed form of a wrapped key (`wrap`).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk};
use aws_lc_rs::hmac;
use mv_core::entropy::{Entropy, random};
use mv_core::{BlobId, SegmentId, UserId};
use zeroize::Zeroizing;

use crate::manifest::Segment;
use crate::wrap::{Sealer, WrapError};

/// Version of the keys that new users get.
const FIRST_VERSION: u32 = 1;

struct Len32;

impl KeyType for Len32 {
    fn len(&self) -> usize {
        32
    }
}

/// HKDF-Expand with SHA-512 of a uniformly random key; `label` says what the new key is for.
#[expect(clippy::expect_used, reason = "HKDF refuses only outputs above 255 hash lengths; this one is 32 bytes")]
fn derive(key: &[u8; 32], label: &str) -> Zeroizing<[u8; 32]> {
    let mut derived = Zeroizing::new([0u8; 32]);
    let secret = Prk::new_less_safe(HKDF_SHA512, key);
    let info = [b"mediavault/v1/".as_slice(), label.as_bytes()];
    secret.expand(&info, Len32).and_then(|stream| stream.fill(derived.as_mut())).expect("32 bytes fit into HKDF");
    derived
}

/// The key above all others. Whoever loses it loses every stored byte.
pub struct RootKey(Zeroizing<[u8; 32]>);

impl RootKey {
    /// The root key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for writing the key file.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 16 hexadecimal digits that tell one root key from another; safe to show and to log.
    pub fn fingerprint(&self) -> String {
        let digest = derive(&self.0, "fingerprint");
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What the database keeps, so that a start with another root key is refused before anything is touched.
    pub fn check_value(&self) -> [u8; 32] {
        *derive(&self.0, "check")
    }

    /// Whether `stored` is this key's check value; takes the same time for every wrong one.
    pub fn matches(&self, stored: &[u8]) -> bool {
        verify_slices_are_equal(&self.check_value(), stored).is_ok()
    }

    /// The key for one purpose outside this crate, named by a label such as `cursors`.
    pub fn subkey(&self, label: &str) -> Subkey {
        Subkey(derive(&self.0, &format!("subkey/{label}")))
    }

    /// A fresh key for a user.
    pub fn new_user_key(&self, user: UserId, entropy: &dyn Entropy) -> UserKey {
        UserKey::new(user, FIRST_VERSION, Zeroizing::new(random(entropy)))
    }

    /// A user's key, wrapped for the database (61 bytes). Rotation of the root key is unwrapping with the old one
    /// and wrapping with the new one.
    ///
    /// # Errors
    /// None that this length can cause; the type is that of all sealing.
    pub fn wrap_user_key(&self, key: &UserKey, entropy: &dyn Entropy) -> Result<Vec<u8>, WrapError> {
        self.wrapper().seal(&[&user_place(key.owner, key.version)], key.secret.as_slice(), entropy)
    }

    /// Opens a wrapped user key.
    ///
    /// # Errors
    /// `Forged` if it belongs to another user, version or root key.
    pub fn unwrap_user_key(&self, user: UserId, version: u32, wrapped: &[u8]) -> Result<UserKey, WrapError> {
        Ok(UserKey::new(user, version, self.wrapper().open_key(&[&user_place(user, version)], wrapped)?))
    }

    fn wrapper(&self) -> Sealer {
        Sealer::new(&derive(&self.0, "user-keys"))
    }
}

/// A key for one purpose, derived from the root key.
pub struct Subkey(Zeroizing<[u8; 32]>);

impl Subkey {
    /// The bytes, for algorithms that are not here.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A sealer of small secrets under this key.
    pub fn sealer(&self) -> Sealer {
        Sealer::new(&self.0)
    }
}

/// The key of one segment; used once, for that segment alone.
pub(crate) struct SegmentKey(Zeroizing<[u8; 32]>);

impl SegmentKey {
    /// The bytes, for the format.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// All that is secret of one user, ready for use: derived once, then kept while the user is active.
pub struct UserKey {
    owner: UserId,
    version: u32,
    secret: Zeroizing<[u8; 32]>,
    segments: Sealer,
    checksums: Sealer,
    renditions: Sealer,
    dedupe: hmac::Key,
    manifests: hmac::Key,
}

impl UserKey {
    fn new(owner: UserId, version: u32, secret: Zeroizing<[u8; 32]>) -> Self {
        let mac = |label| hmac::Key::new(hmac::HMAC_SHA256, derive(&secret, label).as_slice());
        Self {
            owner,
            version,
            segments: Sealer::new(&derive(&secret, "segment-keys")),
            checksums: Sealer::new(&derive(&secret, "checksums")),
            renditions: Sealer::new(&derive(&secret, "renditions")),
            dedupe: mac("dedupe"),
            manifests: mac("manifests"),
            secret,
        }
    }

    /// Whose key this is.
    pub fn owner(&self) -> UserId {
        self.owner
    }

    /// Its version, to be stored beside all that it wraps.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The tag by which equal bytes of this user are found; of another user it is another tag.
    pub fn dedupe_tag(&self, sha256: &[u8; 32]) -> [u8; 32] {
        sign(&self.dedupe, sha256)
    }

    /// Seals the SHA-256 of a blob's plaintext for the database (61 bytes).
    ///
    /// # Errors
    /// None that this length can cause; the type is that of all sealing.
    pub fn seal_checksum(&self, blob: BlobId, sha256: &[u8; 32], entropy: &dyn Entropy) -> Result<Vec<u8>, WrapError> {
        self.checksums.seal(&[&checksum_place(blob, self.owner)], sha256, entropy)
    }

    /// Opens what `seal_checksum` made for the same blob.
    ///
    /// # Errors
    /// `Form` or `Forged`.
    pub fn open_checksum(&self, blob: BlobId, sealed: &[u8]) -> Result<[u8; 32], WrapError> {
        Ok(*self.checksums.open_key(&[&checksum_place(blob, self.owner)], sealed)?)
    }

    /// Seals a picture made from a blob; `form` says which.
    ///
    /// # Errors
    /// None that pictures can cause; the type is that of all sealing.
    pub(crate) fn seal_rendition(
        &self,
        blob: BlobId,
        form: &str,
        bytes: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, WrapError> {
        self.renditions.seal(&[blob.uuid().as_bytes(), form.as_bytes()], bytes, entropy)
    }

    /// Opens what `seal_rendition` made of the same blob in the same form.
    ///
    /// # Errors
    /// `Form` or `Forged`.
    pub(crate) fn open_rendition(&self, blob: BlobId, form: &str, sealed: &[u8]) -> Result<Vec<u8>, WrapError> {
        let mut plain = self.renditions.open(&[blob.uuid().as_bytes(), form.as_bytes()], sealed)?;
        Ok(std::mem::take(&mut *plain))
    }

    /// Authenticates the segments of a blob and their order.
    pub fn manifest_mac(&self, blob: BlobId, segments: &[Segment]) -> [u8; 32] {
        sign(&self.manifests, &manifest_input(blob, segments))
    }

    /// Whether `mac` is that of these segments in this order; takes the same time for every wrong one.
    pub(crate) fn is_manifest_mac(&self, blob: BlobId, segments: &[Segment], mac: &[u8; 32]) -> bool {
        hmac::verify(&self.manifests, &manifest_input(blob, segments), mac).is_ok()
    }

    /// A fresh key for a segment, and its wrapped form for the database (61 bytes).
    ///
    /// # Errors
    /// None that this length can cause; the type is that of all sealing.
    pub(crate) fn new_segment_key(
        &self,
        segment: SegmentId,
        format: u8,
        entropy: &dyn Entropy,
    ) -> Result<(SegmentKey, Vec<u8>), WrapError> {
        let key = SegmentKey(Zeroizing::new(random(entropy)));
        let wrapped = self.segments.seal(&[&self.segment_place(segment, format)], key.bytes(), entropy)?;
        Ok((key, wrapped))
    }

    /// Opens the wrapped key of a segment of this user.
    ///
    /// # Errors
    /// `Forged` if it belongs to another segment, owner, version or format.
    pub(crate) fn open_segment_key(
        &self,
        segment: SegmentId,
        format: u8,
        wrapped: &[u8],
    ) -> Result<SegmentKey, WrapError> {
        Ok(SegmentKey(self.segments.open_key(&[&self.segment_place(segment, format)], wrapped)?))
    }

    fn segment_place(&self, segment: SegmentId, format: u8) -> Vec<u8> {
        let mut place = place("segment-key", &[segment.uuid().as_bytes(), self.owner.uuid().as_bytes()]);
        place.extend_from_slice(&self.version.to_be_bytes());
        place.push(format);
        place
    }
}

fn user_place(user: UserId, version: u32) -> Vec<u8> {
    let mut place = place("user-key", &[user.uuid().as_bytes()]);
    place.extend_from_slice(&version.to_be_bytes());
    place
}

fn checksum_place(blob: BlobId, owner: UserId) -> Vec<u8> {
    place("checksum", &[blob.uuid().as_bytes(), owner.uuid().as_bytes()])
}

/// What a sealed secret is, and of which rows.
fn place(label: &str, ids: &[&[u8; 16]]) -> Vec<u8> {
    let mut place = label.as_bytes().to_vec();
    ids.iter().for_each(|id| place.extend_from_slice(id.as_slice()));
    place
}

fn sign(key: &hmac::Key, message: &[u8]) -> [u8; 32] {
    let mut tag = [0u8; 32];
    tag.copy_from_slice(hmac::sign(key, message).as_ref());
    tag
}

/// What the manifest's HMAC covers. Wrapped keys are left out: they authenticate themselves.
fn manifest_input(blob: BlobId, segments: &[Segment]) -> Vec<u8> {
    let mut input = Vec::with_capacity(24 + segments.len() * 33);
    input.extend_from_slice(blob.uuid().as_bytes());
    input.extend_from_slice(&(segments.len() as u64).to_be_bytes());
    for segment in segments {
        input.extend_from_slice(segment.id.uuid().as_bytes());
        input.push(segment.format);
        input.extend_from_slice(&segment.plain_len.to_be_bytes());
        input.extend_from_slice(&segment.sealed_len.to_be_bytes());
    }
    input
}

/// The `context` that binds a segment's bytes to its row: segment id, owner, format; 33 bytes.
pub(crate) fn segment_context(segment: SegmentId, owner: UserId, format: u8) -> [u8; 33] {
    let mut context = [format; 33];
    let (ids, _) = context.split_at_mut(32);
    let (first, second) = ids.split_at_mut(16);
    first.copy_from_slice(segment.uuid().as_bytes());
    second.copy_from_slice(owner.uuid().as_bytes());
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::entropy::SystemEntropy;
    use uuid::Uuid;

    fn user(n: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(n))
    }

    #[test]
    fn a_root_key_is_told_by_fingerprint_and_check_value() {
        let (one, other) = (RootKey::from_bytes([1; 32]), RootKey::from_bytes([2; 32]));
        assert!(one.matches(&one.check_value()) && !one.matches(&other.check_value()) && !one.matches(&[]));
        assert_eq!(one.fingerprint().len(), 16);
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_ne!(one.subkey("cursors").bytes(), one.subkey("links").bytes());
        assert_ne!(one.subkey("cursors").bytes(), &one.check_value());
    }

    #[test]
    fn the_labels_stay_as_they_are() {
        // A change here would make every stored byte unreadable. The values are those of an independent HKDF
        // (Python, hmac and hashlib alone) over the root key 00 01 ... 1f.
        let root = RootKey::from_bytes(std::array::from_fn(|at| at as u8));
        assert_eq!(root.fingerprint(), "12318b3ae01c6f79");
        let user_key = UserKey::new(user(5), 1, Zeroizing::new(*root.bytes()));
        let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(user_key.dedupe_tag(&[9; 32])),
            "c7fbd12c6b5e2614aa523f5fd06f9ea46d7f71cd12f6a99f2ca102bd87a3fd33"
        );
        let segment = Segment {
            id: SegmentId::from_uuid(Uuid::from_u128(7)),
            plain_len: 5,
            sealed_len: 77,
            wrapped_key: vec![],
            key_version: 1,
            format: 1,
        };
        assert_eq!(
            hex(user_key.manifest_mac(BlobId::from_uuid(Uuid::from_u128(6)), &[segment])),
            "9d6accdd48f91dc6ca635e8f261c6ee6a2b728d9bc1d9cf54252db70f1adbf4a"
        );
    }

    #[test]
    fn wrapped_keys_open_only_for_their_owner_and_place() {
        let root = RootKey::from_bytes([1; 32]);
        let key = root.new_user_key(user(1), &SystemEntropy);
        let wrapped = root.wrap_user_key(&key, &SystemEntropy).unwrap();
        assert_eq!(wrapped.len(), 61);
        let again = root.unwrap_user_key(user(1), 1, &wrapped).unwrap();
        assert_eq!(again.dedupe_tag(&[3; 32]), key.dedupe_tag(&[3; 32]));
        assert!(root.unwrap_user_key(user(2), 1, &wrapped).is_err());
        assert!(root.unwrap_user_key(user(1), 2, &wrapped).is_err());
        assert!(RootKey::from_bytes([2; 32]).unwrap_user_key(user(1), 1, &wrapped).is_err());

        let segment = SegmentId::from_uuid(Uuid::from_u128(7));
        let (plain, wrapped) = key.new_segment_key(segment, 1, &SystemEntropy).unwrap();
        assert_eq!(again.open_segment_key(segment, 1, &wrapped).unwrap().bytes(), plain.bytes());
        assert!(key.open_segment_key(segment, 2, &wrapped).is_err());
        assert!(key.open_segment_key(SegmentId::from_uuid(Uuid::from_u128(8)), 1, &wrapped).is_err());
        assert!(root.new_user_key(user(1), &SystemEntropy).open_segment_key(segment, 1, &wrapped).is_err());
    }

    #[test]
    fn checksums_and_tags_are_bound_to_owner_and_blob() {
        let root = RootKey::from_bytes([1; 32]);
        let key = root.new_user_key(user(1), &SystemEntropy);
        let other = root.new_user_key(user(2), &SystemEntropy);
        let (blob, else_blob) = (BlobId::from_uuid(Uuid::from_u128(6)), BlobId::from_uuid(Uuid::from_u128(7)));
        let sealed = key.seal_checksum(blob, &[9; 32], &SystemEntropy).unwrap();
        assert_eq!(key.open_checksum(blob, &sealed), Ok([9; 32]));
        assert_eq!(key.open_checksum(else_blob, &sealed), Err(WrapError::Forged));
        assert_eq!(other.open_checksum(blob, &sealed), Err(WrapError::Forged));
        assert_ne!(key.dedupe_tag(&[9; 32]), other.dedupe_tag(&[9; 32]));
    }
}
