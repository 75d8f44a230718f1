//! Bytes at rest: encryption, segments, the local disk.
//! Promise: a blob that was acknowledged survives a power cut; no wrong byte is ever returned; nothing stored is
//! readable without the root key. Not here: rows, users' rights, HTTP. The door is `Blobs`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "tests may stop at once"
    )
)]

mod blobs;
mod cache;
mod error;
pub mod failpoint;
pub mod format;
mod handles;
pub mod hash;
mod incoming;
mod key_file;
mod keys;
mod local;
mod manifest;
mod pool;
mod reader;
pub mod store;
mod wrap;

pub use blobs::{Blobs, DEFAULT_THREADS};
pub use cache::{Cache, FILM};
pub use error::{CallerError, Error, Mismatch};
pub use hash::Digests;
pub use incoming::{Expect, Incoming, NewBlob, Stored};
pub use key_file::KeyFileError;
pub use keys::{RootKey, Subkey, UserKey};
pub use local::{LocalStore, OpenError, VaultLock};
pub use manifest::{Manifest, Segment};
pub use reader::{MAX_READ, Reader};
pub use store::{BlobStore, Space, Swept};
pub use wrap::{Sealer, WrapError};
