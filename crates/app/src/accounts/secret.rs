//! Secrets of links and invites: 256 random bits, known to whoever was given them; the database has their SHA-256 alone.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mv_core::entropy::{Entropy, random};
use mv_core::{Code, Error};
use mv_store::account_links::SecretHash;

/// A new secret and its hash.
pub(super) fn make(entropy: &dyn Entropy) -> (String, SecretHash) {
    let secret = URL_SAFE_NO_PAD.encode(random::<32>(entropy));
    let hash = hash(&secret);
    (secret, hash)
}

/// The hash of what somebody says is a secret.
pub(super) fn hash(secret: &str) -> SecretHash {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

/// What is said of a link or invite that was used, has ended, was taken back or never was: the same of all.
pub(super) fn gone() -> Error {
    Error::new(Code::Gone, "This link has ended or was used already")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::entropy::SystemEntropy;

    #[test]
    fn secrets_have_256_bits_and_are_found_by_their_hash() {
        let (one, two) = (make(&SystemEntropy), make(&SystemEntropy));
        assert_eq!(one.0.len(), 43);
        assert_ne!(one.0, two.0);
        assert_eq!(hash(&one.0), one.1);
        assert_ne!(hash(&one.0[1..]), one.1);
    }
}
