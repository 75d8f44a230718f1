//! Secrets that are given out once: 256 random bits, of which the database has the SHA-256 alone.
//! Those of programs have a prefix, which says of what kind they are and lets leaked ones be found, and a checksum, so that a
//! mistyped or made-up one costs no look into the database. Those of links and invites are bare.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mv_core::entropy::{Entropy, random};
use mv_core::{Code, Error};
use mv_store::account_links::SecretHash;

/// What stands before the secret of an API key.
pub(crate) const API_KEY: &str = "mvk_";
/// What stands before the secret of an upload token.
pub(crate) const UPLOAD_TOKEN: &str = "mvu_";

/// What stands before a ticket for a stream of events.
pub(crate) const TICKET: &str = "mvt_";

const RANDOM: usize = 32;
const CHECKSUM: usize = 4;

/// A new secret of a link or invite, and its hash.
pub(crate) fn bare(entropy: &dyn Entropy) -> (String, SecretHash) {
    let text = URL_SAFE_NO_PAD.encode(random::<RANDOM>(entropy));
    let hash = hash(&text);
    (text, hash)
}

/// What is said of a link or invite that was used, has ended, was taken back or never was: the same of all.
pub(crate) fn gone() -> Error {
    Error::new(Code::Gone, "This link has ended or was used already")
}

/// A new secret of a program's, and its hash.
pub(crate) fn make(prefix: &str, entropy: &dyn Entropy) -> (String, SecretHash) {
    let secret = random::<RANDOM>(entropy);
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode([&secret[..], &checksum(prefix, &secret)].concat()));
    let hash = hash(&text);
    (text, hash)
}

/// The hash of a secret with this prefix, if its checksum holds.
pub(crate) fn read(prefix: &str, text: &str) -> Option<SecretHash> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
    let (secret, sum) = bytes.split_at_checked(RANDOM)?;
    (sum == checksum(prefix, secret)).then(|| hash(text))
}

/// The hash of what somebody says is a secret.
pub(crate) fn hash(text: &str) -> SecretHash {
    sha256(text.as_bytes())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// No secret of its own: it finds mistakes, not forgeries.
fn checksum(prefix: &str, secret: &[u8]) -> [u8; CHECKSUM] {
    let whole = sha256(&[prefix.as_bytes(), secret].concat());
    let mut sum = [0u8; CHECKSUM];
    sum.copy_from_slice(&whole[..CHECKSUM]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::entropy::SystemEntropy;

    #[test]
    fn bare_secrets_have_256_bits_and_are_found_by_their_hash() {
        let (one, two) = (bare(&SystemEntropy), bare(&SystemEntropy));
        assert_eq!(one.0.len(), 43);
        assert_ne!(one.0, two.0);
        assert_eq!(hash(&one.0), one.1);
        assert_ne!(hash(&one.0[1..]), one.1);
    }

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
