//! Secrets of programs and of their tickets: a prefix that says of what kind and lets leaked ones be found, 256 random bits, and a checksum, so
//! that a mistyped or made-up one costs no look into the database. That has their SHA-256 alone.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mv_core::entropy::{Entropy, random};
use mv_store::account_links::SecretHash;

/// What stands before the secret of an API key.
pub(super) const API_KEY: &str = "mvk_";
/// What stands before the secret of an upload token.
pub(super) const UPLOAD_TOKEN: &str = "mvu_";

/// What stands before a ticket for a stream of events.
pub(super) const TICKET: &str = "mvt_";

const RANDOM: usize = 32;
const CHECKSUM: usize = 4;

/// A new secret and its hash.
pub(super) fn make(prefix: &str, entropy: &dyn Entropy) -> (String, SecretHash) {
    let secret = random::<RANDOM>(entropy);
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode([&secret[..], &checksum(prefix, &secret)].concat()));
    let hash = hash(text.as_bytes());
    (text, hash)
}

/// The hash of a secret with this prefix, if its checksum holds.
pub(super) fn read(prefix: &str, text: &str) -> Option<SecretHash> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
    let (secret, sum) = bytes.split_at_checked(RANDOM)?;
    (sum == checksum(prefix, secret)).then(|| hash(text.as_bytes()))
}

fn hash(text: &[u8]) -> SecretHash {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest(&SHA256, text).as_ref());
    hash
}

/// No secret of its own: it finds mistakes, not forgeries.
fn checksum(prefix: &str, secret: &[u8]) -> [u8; CHECKSUM] {
    let whole = hash(&[prefix.as_bytes(), secret].concat());
    let mut sum = [0u8; CHECKSUM];
    sum.copy_from_slice(&whole[..CHECKSUM]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::entropy::SystemEntropy;

    #[test]
    fn a_secret_reads_back_and_every_single_slip_is_seen() {
        let (text, hash) = make(API_KEY, &SystemEntropy);
        assert_eq!(text.len(), 4 + 48);
        assert_eq!(read(API_KEY, &text), Some(hash));
        assert_ne!(make(API_KEY, &SystemEntropy).0, text);
        for place in 0..text.len() {
            for letter in ["A", "b", "0", "-", "_"] {
                let mut slip = text.clone();
                slip.replace_range(place..=place, letter);
                assert_eq!(read(API_KEY, &slip).is_some(), slip == text, "{place} {letter}");
            }
        }
        for bad in ["", "mvk_", &text[4..], &text[..51], &format!("{text}A"), &format!("{text}="), &format!(" {text}")]
        {
            assert_eq!(read(API_KEY, bad), None, "{bad}");
        }
        assert_eq!(read(UPLOAD_TOKEN, &text.replace(API_KEY, UPLOAD_TOKEN)), None, "the kind is part of the checksum");
    }
}
