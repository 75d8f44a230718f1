//! `Content-Digest` and `Repr-Digest` of an upload (RFC 9530). Of a raw body they are the file's; of a form they cover
//! the whole body, so a second hash runs beside the file's own, and only then.

use axum::http::HeaderMap;
use mv_core::{Checksum, Code, Error};
use sha2::{Digest, Sha256, Sha512};

use crate::digest_fields::{self, SentDigests};
use crate::error::ApiError;

/// What the client says that the bytes hash to.
pub(super) struct Digests {
    sent: [(&'static str, SentDigests); 2],
}

impl Digests {
    /// Reads both headers.
    pub(super) fn sent(headers: &HeaderMap) -> Result<Self, ApiError> {
        let read = |name: &'static str| {
            let parsed = digest_fields::parse(headers.get_all(name).iter());
            parsed.map(|digests| (name, digests)).map_err(|error| Error::invalid(name, error.to_string()))
        };
        Ok(Self { sent: [read("Content-Digest")?, read("Repr-Digest")?] })
    }

    /// The one SHA-256 that the file must have, of a raw body: the checksum and both digests must be the same.
    pub(super) fn agree(&self, checksum: Option<Checksum>) -> Result<Option<Checksum>, Error> {
        let mut agreed = checksum;
        for (name, digests) in &self.sent {
            match (agreed, digests.sha256.map(Checksum)) {
                (Some(held), Some(sent)) if held != sent => return Err(differs(name)),
                (None, sent) => agreed = sent,
                _ => {}
            }
        }
        Ok(agreed)
    }

    /// The header that gave the file's SHA-256, if one did.
    pub(super) fn name_of_sha256(&self) -> Option<&'static str> {
        self.sent.iter().find(|(_, digests)| digests.sha256.is_some()).map(|(name, _)| *name)
    }

    /// Hashes all that was asked for.
    pub(super) fn hashing(&self) -> Hashing {
        let wanted = |pick: fn(&SentDigests) -> bool| self.sent.iter().any(|(_, digests)| pick(digests));
        Hashing {
            sent: self.sent,
            sha256: wanted(|digests| digests.sha256.is_some()).then(Sha256::new),
            sha512: wanted(|digests| digests.sha512.is_some()).then(Sha512::new),
        }
    }

    /// Hashes what the store does not hash itself.
    pub(super) fn hashing_beside_sha256(&self) -> Hashing {
        Hashing { sha256: None, ..self.hashing() }
    }
}

/// Digests in the making.
pub(super) struct Hashing {
    sent: [(&'static str, SentDigests); 2],
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
}

impl Hashing {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some(hash) = &mut self.sha256 {
            hash.update(bytes);
        }
        if let Some(hash) = &mut self.sha512 {
            hash.update(bytes);
        }
    }

    /// Compares what came with what was said.
    pub(super) fn finish(self) -> Result<(), Error> {
        let sha256 = self.sha256.map(|hash| <[u8; 32]>::from(hash.finalize()));
        let sha512 = self.sha512.map(|hash| <[u8; 64]>::from(hash.finalize()));
        for (name, digests) in &self.sent {
            let wrong_256 = sha256.is_some() && digests.sha256.is_some() && digests.sha256 != sha256;
            let wrong_512 = sha512.is_some() && digests.sha512.is_some() && digests.sha512 != sha512;
            if wrong_256 || wrong_512 {
                return Err(differs(name));
            }
        }
        Ok(())
    }
}

/// The bytes are not what this header says.
pub(super) fn differs(name: &'static str) -> Error {
    Error::new(Code::ChecksumMismatch, "The bytes do not match the digest")
        .with(name, "Is not the digest of the bytes that came")
}
