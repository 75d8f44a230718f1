//! Bytes at rest as the floors above use them: store, fetch, delete, sweep, verify; all of it async.
//! Promise: no call blocks the runtime's threads. Not here: which blobs there are and whose (rows are the database's).

use std::sync::Arc;

use mv_core::entropy::Entropy;
use mv_core::{SegmentId, Timestamp};
use rustix::process::{Resource, getrlimit};

use crate::error::Error;
use crate::failpoint;
use crate::handles::Handles;
use crate::hash::Digests;
use crate::incoming::{Incoming, NewBlob};
use crate::keys::UserKey;
use crate::manifest::Manifest;
use crate::pool::Pool;
use crate::reader::{self, Reader};
use crate::store::{BlobStore, Known, Space, Swept, Visit};

/// Pool threads that most machines are well served with: enough for many syncs at once, few enough to be cheap.
pub const DEFAULT_THREADS: usize = 16;
/// Open segments kept for later reads, where the limit on file descriptors allows so many.
const HANDLES: usize = 512;

/// What uploads and downloads share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn BlobStore>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) pool: Pool,
    pub(crate) handles: Handles,
}

/// The blobs of a server. Clones share everything.
#[derive(Clone)]
pub struct Blobs {
    shared: Arc<Shared>,
}

impl Blobs {
    /// Blobs in this store, with `threads` threads for the blocking work. `entropy` makes the segments' keys.
    ///
    /// # Errors
    /// `Stopped` if the system gives no threads.
    pub fn new(store: Arc<dyn BlobStore>, entropy: Arc<dyn Entropy>, threads: usize) -> Result<Self, Error> {
        let pool = Pool::new(threads)?;
        // An eighth of the descriptors, so that connections keep most of a small limit.
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit / 8).ok());
        let handles = Handles::new(limit.unwrap_or(HANDLES).min(HANDLES));
        Ok(Self { shared: Arc::new(Shared { store, entropy, pool, handles }) })
    }

    /// Begins an upload. Nothing is on disk yet.
    ///
    /// # Errors
    /// `TooLarge` if more was announced than is allowed.
    pub fn begin(&self, new: NewBlob) -> Result<Incoming, Error> {
        Incoming::begin(Arc::clone(&self.shared), new)
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// `Manifest` if its rows are not authentic, `Missing` or `Damaged` if its first segment is not there or not the
    /// right one, `Key`, `Unavailable`.
    pub async fn open(&self, manifest: Manifest, key: &Arc<UserKey>) -> Result<Reader, Error> {
        Reader::open(Arc::clone(&self.shared), manifest, key).await
    }

    /// Reads all of a blob and authenticates each byte; the answer is for comparing with the stored checksum.
    ///
    /// # Errors
    /// As `open` and `Reader::read`.
    pub async fn verify(&self, manifest: Manifest, key: &Arc<UserKey>) -> Result<Digests, Error> {
        let (shared, key) = (Arc::clone(&self.shared), Arc::clone(key));
        self.shared.pool.run(move || reader::verify(&shared, manifest, &key)).await
    }

    /// D3: removes a segment whose row is gone. One that is not there is no error.
    ///
    /// # Errors
    /// `Unavailable`; the sweep finds it later.
    pub async fn delete(&self, segment: SegmentId) -> Result<(), Error> {
        self.shared.handles.forget(segment);
        let shared = Arc::clone(&self.shared);
        self.shared.pool.run(move || shared.store.delete(segment)).await
    }

    /// U10: removes a segment that was stored in vain, because its owner has the same bytes already.
    ///
    /// # Errors
    /// `Unavailable`; the sweep finds it later.
    pub async fn discard(&self, segment: SegmentId) -> Result<(), Error> {
        failpoint::hit("C10");
        self.delete(segment).await
    }

    /// Removes what an earlier process left unfinished; returns how many. At the start only, with the vault's lock.
    ///
    /// # Errors
    /// `Caller`, `Unavailable`.
    pub async fn sweep_unfinished(&self, mut known: Box<Known<'static>>) -> Result<u64, Error> {
        let shared = Arc::clone(&self.shared);
        self.shared.pool.run(move || shared.store.sweep_unfinished(&mut *known)).await
    }

    /// Puts objects without a row aside and removes those put aside a week ago. `known` runs on a pool thread; an
    /// async database is asked there through `Handle::block_on`.
    ///
    /// # Errors
    /// `SweepRefused` if too much looks unknown, `Caller`, `NotMounted`, `Unavailable`.
    pub async fn sweep(&self, now: Timestamp, mut known: Box<Known<'static>>) -> Result<Swept, Error> {
        let shared = Arc::clone(&self.shared);
        self.shared.pool.run(move || shared.store.sweep(now, &mut *known)).await
    }

    /// Shows all stored objects, up to 1000 at a time, on a pool thread.
    ///
    /// # Errors
    /// `Caller` with what `visit` returned, `Unavailable`.
    pub async fn list(&self, mut visit: Box<Visit<'static>>) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        self.shared.pool.run(move || shared.store.list(&mut *visit)).await
    }

    /// Room in the store.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn space(&self) -> Result<Space, Error> {
        let shared = Arc::clone(&self.shared);
        self.shared.pool.run(move || shared.store.space()).await
    }

    /// Whether the store works now.
    ///
    /// # Errors
    /// `NotMounted`, `Unavailable`, with the reason.
    pub async fn ready(&self) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        self.shared.pool.run(move || shared.store.ready()).await
    }
}
