//! Small secrets under a key: AES-256-GCM with a random nonce and associated data.
//! Promise: what was sealed for one purpose, owner or row opens for no other. Layout of every sealed secret:
//! one byte format (1), 12 bytes nonce, the ciphertext, 16 bytes tag; the format byte is authenticated too.
//! Not here: which keys there are (`keys`), blobs' bytes (`format`).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use mv_core::entropy::{Entropy, random};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const TAG: usize = 16;
const FRONT: usize = 1 + NONCE_LEN;

/// A sealed secret did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// Too short, too long, or of a format that this version does not know.
    #[error("the sealed secret has an unknown form")]
    Form,
    /// Wrong key, wrong purpose or changed bytes.
    #[error("the sealed secret does not belong to this key and place")]
    Forged,
}

/// Seals small secrets with one key. Good for 2^32 secrets, the limit of random 96-bit nonces
/// (NIST SP 800-38D section 8.3).
pub struct Sealer {
    key: LessSafeKey,
}

impl Sealer {
    /// A sealer over this key.
    #[expect(clippy::expect_used, reason = "AES-256-GCM takes every key of 32 bytes, and the type says 32")]
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes are a key")) }
    }

    /// Seals `secret`; `place` says what it is and whose, and is needed again to open it. The answer is 29 bytes
    /// longer than the secret.
    ///
    /// # Errors
    /// `Form` for secrets of 64 GiB and more (the limit of AES-GCM).
    pub fn seal(&self, place: &[&[u8]], secret: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, WrapError> {
        let nonce: [u8; NONCE_LEN] = random(entropy);
        let mut sealed = Vec::with_capacity(FRONT + secret.len() + TAG);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(secret);
        let body = sealed.get_mut(FRONT..).ok_or(WrapError::Form)?;
        let aad = Aad::from(bind(place));
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, body)
            .map_err(|_| WrapError::Form)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what `seal` made for the same place.
    ///
    /// # Errors
    /// `Form` or `Forged`; nothing of the secret is returned then.
    pub fn open(&self, place: &[&[u8]], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        let (front, body) = sealed.split_at_checked(FRONT).ok_or(WrapError::Form)?;
        let (format, nonce) = front.split_first().ok_or(WrapError::Form)?;
        let secret_len = body.len().checked_sub(TAG).ok_or(WrapError::Form)?;
        if *format != FORMAT {
            return Err(WrapError::Form);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| WrapError::Form)?;
        let mut secret = Zeroizing::new(body.to_vec());
        self.key.open_in_place(nonce, Aad::from(bind(place)), &mut secret).map_err(|_| WrapError::Forged)?;
        secret.truncate(secret_len);
        Ok(secret)
    }

    /// Opens a secret of exactly 32 bytes.
    ///
    /// # Errors
    /// As `open`; `Form` too if it has another length.
    pub(crate) fn open_key(&self, place: &[&[u8]], sealed: &[u8]) -> Result<Zeroizing<[u8; 32]>, WrapError> {
        let secret = self.open(place, sealed)?;
        let mut key = Zeroizing::new([0u8; 32]);
        if secret.len() != key.len() {
            return Err(WrapError::Form);
        }
        key.copy_from_slice(&secret);
        Ok(key)
    }
}

/// The associated data: the format, then each part behind its length (4 bytes, big-endian), so that no two lists of
/// parts give the same bytes.
fn bind(place: &[&[u8]]) -> Vec<u8> {
    let mut bound = vec![FORMAT];
    for part in place {
        bound.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bound.extend_from_slice(part);
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::entropy::SystemEntropy;

    #[test]
    fn opens_only_in_its_place_and_unchanged() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal(&[b"webhook", b"one"], b"secret", &SystemEntropy).unwrap();
        assert_eq!(sealed.len(), 6 + 29);
        assert_eq!(sealer.open(&[b"webhook", b"one"], &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(sealer.open(&[b"webhoo", b"kone"], &sealed), Err(WrapError::Forged));
        assert_eq!(Sealer::new(&[8; 32]).open(&[b"webhook", b"one"], &sealed), Err(WrapError::Forged));
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 0x40;
            assert!(sealer.open(&[b"webhook", b"one"], &bad).is_err(), "byte {at}");
            assert!(sealer.open(&[b"webhook", b"one"], &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_secret_of_another_length_is_no_key() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal(&[], &[1; 31], &SystemEntropy).unwrap();
        assert_eq!(sealer.open_key(&[], &sealed), Err(WrapError::Form));
    }
}
