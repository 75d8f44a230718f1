//! A store on a temporary folder, a user with a key, and shorthand for putting and reading.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mv_blobs::{BlobStore, Blobs, Error, Expect, Incoming, LocalStore, Manifest, NewBlob, RootKey, Stored, UserKey};
use mv_core::entropy::SystemEntropy;
use mv_core::id::{BlobKind, SegmentKind, UserKind};
use mv_core::{Mint, SystemClock};
use uuid::Uuid;

pub(crate) const VAULT: Uuid = Uuid::from_u128(0x5eed);

/// The root key of every world.
pub(crate) const ROOT: [u8; 32] = [9; 32];

pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) blobs: Blobs,
    pub(crate) key: Arc<UserKey>,
    pub(crate) mint: Mint,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::over(|local| Arc::new(local), 4)
    }

    /// A world whose disk is wrapped into something else, with this many threads.
    pub(crate) fn over(wrap: impl FnOnce(LocalStore) -> Arc<dyn BlobStore>, threads: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = wrap(LocalStore::open(folder.path(), VAULT, true).unwrap());
        let blobs = Blobs::new(store, Arc::new(SystemEntropy), threads).unwrap();
        let mint = Mint::new(Arc::new(SystemClock::default()), Arc::new(SystemEntropy));
        let key = RootKey::from_bytes(ROOT).new_user_key(mint.id::<UserKind>(), &SystemEntropy);
        Self { folder, blobs, key: Arc::new(key), mint }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn new_blob(&self) -> NewBlob {
        NewBlob {
            blob: self.mint.id::<BlobKind>(),
            segment: self.mint.id::<SegmentKind>(),
            key: Arc::clone(&self.key),
            declared: None,
            limit: u64::MAX,
        }
    }

    pub(crate) fn begin(&self) -> Incoming {
        self.blobs.begin(self.new_blob()).unwrap()
    }

    /// Stores bytes that come in pieces of `step`.
    pub(crate) async fn put(&self, bytes: &[u8], step: usize) -> Result<Stored, Error> {
        let mut incoming = self.begin();
        for piece in bytes.chunks(step) {
            incoming.write(Bytes::copy_from_slice(piece)).await?;
        }
        incoming.finish(Expect::default()).await
    }

    /// Reads all of a blob through fresh handles, in pieces of `step`.
    pub(crate) async fn get(&self, manifest: Manifest, step: usize) -> Result<Vec<u8>, Error> {
        let reader = self.blobs.open(manifest, &self.key).await?;
        let mut bytes = Vec::new();
        loop {
            let part = reader.read(bytes.len() as u64, step).await?;
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 == reader.size() {
                return Ok(bytes);
            }
            assert!(!part.is_empty(), "a read before the end gave nothing");
        }
    }

    /// The same disk after a restart: nothing is cached.
    pub(crate) fn restarted(&self) -> Blobs {
        let store = LocalStore::open(self.path(), VAULT, false).unwrap();
        Blobs::new(Arc::new(store), Arc::new(SystemEntropy), 2).unwrap()
    }

    /// All files of objects, whole or not.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = files_in(&self.path().join("tmp"));
        for shard in 0..=255 {
            found.extend(files_in(&self.path().join(format!("blobs/{shard:02x}"))));
        }
        found
    }

    /// Waits until no file is left: cleaning up runs on the pool.
    pub(crate) async fn until_empty(&self) {
        for _ in 0..500 {
            if self.files().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("left behind: {:?}", self.files());
    }

    pub(crate) fn object_path(&self, stored: &Stored) -> PathBuf {
        let name = stored.segment.id.uuid().simple().to_string();
        self.path().join("blobs").join(&name[30..]).join(name)
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

pub(crate) fn manifest(stored: &Stored) -> Manifest {
    Manifest { blob: stored.blob, segments: vec![stored.segment.clone()], mac: stored.manifest_mac }
}

/// Bytes that differ from chunk to chunk and from seed to seed.
pub(crate) fn text(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
