//! Secrets of webhooks and what they sign (Standard Webhooks, `spec/standard-webhooks.md`): `whsec_` and 32 random bytes in
//! Base64; `v1,` and the Base64 of the HMAC-SHA256 of `id.timestamp.body`. They are kept sealed: signing needs them in clear.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mv_blobs::{RootKey, Sealer};
use mv_core::entropy::{Entropy, random};
use mv_core::{EventId, Timestamp, UserId, WebhookId};
use mv_store::webhooks::Sealed;
use zeroize::Zeroizing;

use crate::Result;

const PREFIX: &str = "whsec_";
const BYTES: usize = 32;

/// A secret in clear.
type Secret = Zeroizing<[u8; BYTES]>;

/// Seals and opens secrets of webhooks.
pub(crate) struct Secrets(Sealer);

impl Secrets {
    /// With a key derived from the root key.
    pub(crate) fn new(root: &RootKey) -> Self {
        Self(root.subkey("webhook-secrets").sealer())
    }

    /// A new secret: as its owner sees it this once, and sealed for the database.
    pub(crate) fn make(&self, id: WebhookId, owner: UserId, entropy: &dyn Entropy) -> Result<(String, Vec<u8>)> {
        let secret: Secret = Zeroizing::new(random(entropy));
        let sealed = self.seal(id, owner, &secret, entropy)?;
        Ok((format!("{PREFIX}{}", STANDARD.encode(secret.as_slice())), sealed))
    }

    fn seal(&self, id: WebhookId, owner: UserId, secret: &Secret, entropy: &dyn Entropy) -> Result<Vec<u8>> {
        Ok(self.0.seal(&[id.uuid().as_bytes(), owner.uuid().as_bytes()], secret.as_slice(), entropy)?)
    }

    fn open(&self, id: WebhookId, owner: UserId, sealed: &[u8]) -> Result<Secret> {
        let opened = self.0.open(&[id.uuid().as_bytes(), owner.uuid().as_bytes()], sealed)?;
        let bytes = opened.as_slice().try_into().map_err(|_| crate::Error::internal("a secret of the wrong length"))?;
        Ok(Zeroizing::new(bytes))
    }

    /// What signs for a webhook now: the present secret, and the one before as long as it holds.
    pub(crate) fn signer(&self, sealed: &Sealed) -> Result<Signer> {
        let key = |bytes: &[u8]| -> Result<Key> {
            Ok(Key::new(HMAC_SHA256, self.open(sealed.id, sealed.owner_id, bytes)?.as_slice()))
        };
        let old = match (&sealed.old, sealed.old_until) {
            (Some(old), Some(until)) => Some((key(old)?, until)),
            _ => None,
        };
        Ok(Signer { current: key(&sealed.current)?, old })
    }

    /// The same secrets, sealed under another root key. One that has had its time is left behind.
    pub(crate) fn reseal(&self, sealed: &Sealed, next: &Self, now: Timestamp, entropy: &dyn Entropy) -> Result<Sealed> {
        let again = |bytes: &[u8]| -> Result<Vec<u8>> {
            let secret = self.open(sealed.id, sealed.owner_id, bytes)?;
            next.seal(sealed.id, sealed.owner_id, &secret, entropy)
        };
        let old_until = sealed.old_until.filter(|until| *until > now);
        let old = match (&sealed.old, old_until) {
            (Some(old), Some(_)) => Some(again(old)?),
            _ => None,
        };
        Ok(Sealed { id: sealed.id, owner_id: sealed.owner_id, current: again(&sealed.current)?, old, old_until })
    }
}

/// Signs for one webhook.
#[derive(Clone)]
pub(crate) struct Signer {
    current: Key,
    old: Option<(Key, Timestamp)>,
}

impl Signer {
    /// The header `webhook-signature` of a try: one signature, or two while secrets overlap.
    pub(crate) fn header(&self, id: EventId, now: Timestamp, body: &str) -> String {
        let text = format!("{id}.{}.{body}", now.seconds());
        let part = |key: &Key| format!("v1,{}", STANDARD.encode(sign(key, text.as_bytes())));
        match self.old.as_ref().filter(|(_, until)| *until > now) {
            Some((old, _)) => format!("{} {}", part(&self.current), part(old)),
            None => part(&self.current),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mv_core::entropy::SystemEntropy;
    use mv_core::{Clock, SystemClock};
    use standardwebhooks::Webhook;
    use uuid::Uuid;

    use super::*;

    fn good(secret: &str, id: EventId, now: Timestamp, signature: &str, body: &str) -> bool {
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", id.to_string().parse().unwrap());
        headers.insert("webhook-timestamp", now.seconds().to_string().parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        Webhook::new(secret).unwrap().verify(body.as_bytes(), &headers).is_ok()
    }

    #[test]
    fn both_secrets_sign_while_they_overlap_and_survive_a_new_root_key() {
        let (id, owner) = (WebhookId::from_uuid(Uuid::from_u128(1)), UserId::from_uuid(Uuid::from_u128(2)));
        let event = EventId::from_uuid(Uuid::from_u128(3));
        let (first, second) =
            (Secrets::new(&RootKey::from_bytes([1; 32])), Secrets::new(&RootKey::from_bytes([2; 32])));
        // The library looks at the time itself and allows for five minutes.
        let now = SystemClock::default().now();
        let (new, current) = first.make(id, owner, &SystemEntropy).unwrap();
        let (before, old) = first.make(id, owner, &SystemEntropy).unwrap();
        let until = now.plus(Duration::from_secs(60));
        let sealed = Sealed { id, owner_id: owner, current, old: Some(old), old_until: Some(until) };
        let moved = first.reseal(&sealed, &second, now, &SystemEntropy).unwrap();
        assert!(first.signer(&moved).is_err() && second.signer(&sealed).is_err(), "each by its own root key");
        for signer in [first.signer(&sealed).unwrap(), second.signer(&moved).unwrap()] {
            let header = signer.header(event, now, r#"{"a":1}"#);
            assert!(good(&new, event, now, &header, r#"{"a":1}"#) && good(&before, event, now, &header, r#"{"a":1}"#));
            assert!(!good(&new, event, now, &header, r#"{"a":2}"#));
            let later = signer.header(event, until, "{}");
            assert!(good(&new, event, until, &later, "{}") && !good(&before, event, until, &later, "{}"));
        }
        assert_eq!(first.reseal(&sealed, &second, until, &SystemEntropy).unwrap().old, None);
        let other = Sealed { id: WebhookId::from_uuid(Uuid::from_u128(9)), ..sealed };
        assert!(first.signer(&other).is_err(), "a secret works in its own row only");
    }
}
