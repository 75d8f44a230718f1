//! Where sealed bytes lie: the trait that the local disk, S3 and the fault-injecting test store implement.
//! Promise: an object is either whole and durable or not there; its name is a segment's id and never its contents.
//! Not here: encryption (`format`), threads (`pool`): these calls block and are made from pool threads only.

use std::collections::HashSet;
use std::sync::Arc;

use mv_core::{SegmentId, Timestamp};

use crate::error::{CallerError, Error};

/// A function that tells which of these segments have a row. It runs on a pool thread and may block.
pub type Known<'a> = dyn FnMut(&[SegmentId]) -> Result<HashSet<SegmentId>, CallerError> + Send + 'a;

/// A function that looks at some objects at a time.
pub type Visit<'a> = dyn FnMut(&[Object]) -> Result<(), CallerError> + Send + 'a;

/// A place for sealed segments.
///
/// How other stores fit:
///
/// - *S3, large object.* `create` calls CreateMultipartUpload; `append` collects `max(16 MiB, expected / 9000)` bytes
///   and sends UploadPart with its checksum; `commit` calls CompleteMultipartUpload with `If-None-Match: *` and, when
///   the answer is lost, HEAD; drop calls AbortMultipartUpload. The async client is driven by `Handle::block_on`,
///   which is allowed because no pool thread belongs to the runtime. `read_at` is a ranged GET; `read_now` stays
///   `None`; `sweep` compares ListObjectsV2 with the rows and aborts old multipart uploads.
/// - *S3, small object.* `append` keeps the bytes and `commit` is a single PutObject.
/// - *Resumable uploads (tus).* Each stretch of PATCH requests that one process serves without a break is one segment
///   of the blob's manifest, made by `create` and ended by `commit`. After an unclean stop, or on another node, a
///   resume begins a new segment with a new id, key and salt; a chunk is never sealed twice under one key. The hash
///   goes on from its stored state (`hash::Hasher::resume`), and a `final` upload only joins manifests.
pub trait BlobStore: Send + Sync {
    /// Begins an object. `expected` is its sealed length if that is known, a hint for reserving space.
    ///
    /// # Errors
    /// `Exists`, `Full`, `Unavailable`, `NotMounted`.
    fn create(&self, segment: SegmentId, expected: Option<u64>) -> Result<Box<dyn ObjectWriter>, Error>;

    /// Opens an object for reading.
    ///
    /// # Errors
    /// `Missing` if it is not there, `Unavailable`.
    fn open(&self, segment: SegmentId) -> Result<Arc<dyn ObjectReader>, Error>;

    /// Removes an object; one that is not there is no error, so that a deletion can be repeated.
    ///
    /// # Errors
    /// `Unavailable`.
    fn delete(&self, segment: SegmentId) -> Result<(), Error>;

    /// Shows all whole objects to `visit`, up to 1000 at a time, in no order.
    ///
    /// # Errors
    /// `Caller` with what `visit` returned, `Unavailable`.
    fn list(&self, visit: &mut Visit<'_>) -> Result<(), Error>;

    /// Removes what uploads of an earlier process left unfinished. Only at the start, while no upload runs and no
    /// other process uses the store.
    ///
    /// # Errors
    /// `Caller`, `Unavailable`.
    fn sweep_unfinished(&self, known: &mut Known<'_>) -> Result<u64, Error>;

    /// Takes objects that are older than a day and have no row out of the way, and removes them a week later.
    ///
    /// # Errors
    /// `SweepRefused` if more than 5 % and more than 100 objects look unknown: a wrong database must not empty a good
    /// store. `Caller`, `Unavailable`.
    fn sweep(&self, now: Timestamp, known: &mut Known<'_>) -> Result<Swept, Error>;

    /// How much room there is.
    ///
    /// # Errors
    /// `Unavailable`.
    fn space(&self) -> Result<Space, Error>;

    /// Whether the store can take and give bytes now; cheap enough for a health check each second.
    ///
    /// # Errors
    /// `NotMounted`, `Unavailable`, with the reason.
    fn ready(&self) -> Result<(), Error>;
}

/// An object that is being written. Dropped before `commit` returned, it leaves nothing behind.
pub trait ObjectWriter: Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// `Full`, `Unavailable`; the object must be dropped then.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Makes the object whole and durable: when this returns, a power cut cannot take it away.
    ///
    /// # Errors
    /// `Full`, `Unavailable`, `Exists`; nothing stays, and nobody may try again with this writer.
    fn commit(self: Box<Self>) -> Result<(), Error>;
}

/// An object that is open for reading.
pub trait ObjectReader: Send + Sync {
    /// Sealed bytes of the object.
    fn sealed_len(&self) -> u64;

    /// Fills `buffer` from `at`, and says how many bytes there were: fewer only at the object's end.
    ///
    /// # Errors
    /// `Unavailable`.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, Error>;

    /// As `read_at`, but `None` if that could block.
    fn read_now(&self, _at: u64, _buffer: &mut [u8]) -> Option<Result<usize, Error>> {
        None
    }
}

/// An object as a listing shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// The segment in it.
    pub segment: SegmentId,
    /// When it was last written, by the store's own clock.
    pub modified: Timestamp,
    /// Sealed bytes.
    pub sealed_len: u64,
}

/// Room in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that objects may still take; what is kept for others is not among them.
    pub free_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Files that may still be made; `None` where there is no such limit.
    pub free_files: Option<u64>,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects seen.
    pub total: u64,
    /// Objects without a row that were put aside.
    pub quarantined: u64,
    /// Objects put aside earlier whose row is there again; they are back in place.
    pub restored: u64,
    /// Objects put aside a week ago that are gone now.
    pub removed: u64,
}
