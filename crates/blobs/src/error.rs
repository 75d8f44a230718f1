//! Why bytes could not be stored or fetched, in words that the floors above can act on.
//! Promise: `Full`, `Unavailable` and the rest stay apart, since they become different answers to users.
//! Not here: HTTP statuses.

use mv_core::{BlobId, SegmentId};
use rustix::io::Errno;

use crate::format::Broken;
use crate::wrap::WrapError;

/// An error that a caller's own function returned to this crate.
pub type CallerError = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No space, no inodes, a quota, or the process's limit on file sizes.
    #[error("the storage is full")]
    Full,
    /// The storage does not work now: an I/O error, read-only, unmounted, out of descriptors.
    #[error("the storage cannot {action}")]
    Unavailable {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: Errno,
    },
    /// The blob folder is not the one that was opened at the start.
    #[error("the blob folder is not mounted")]
    NotMounted,
    /// There is no such object. If a row names it, its bytes are lost.
    #[error("the bytes of {0} are missing")]
    Missing(SegmentId),
    /// An object of this name exists already; names are random, so this is a mistake of the caller.
    #[error("there is an object {0} already")]
    Exists(SegmentId),
    /// Stored bytes do not pass their check.
    #[error("the bytes of {segment} are damaged")]
    Damaged {
        /// Which segment.
        segment: SegmentId,
        /// How it was noticed.
        #[source]
        source: Broken,
    },
    /// The list of a blob's segments is not the one that was stored for it.
    #[error("the segments of {0} are not authentic")]
    Manifest(BlobId),
    /// A wrapped key does not open.
    #[error("the key of {segment} does not open")]
    Key {
        /// Which segment.
        segment: SegmentId,
        /// Why.
        #[source]
        source: WrapError,
    },
    /// More bytes than the caller allows.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The most that is allowed.
        limit: u64,
    },
    /// The bytes that came are not the bytes that were announced; nothing was kept.
    #[error("the bytes that came are not those announced")]
    Mismatch(#[source] Mismatch),
    /// An upload was used again after an error or a cancelled call.
    #[error("this upload was broken off")]
    BrokenOff,
    /// A sweep saw so many unknown objects that the database must be the wrong one.
    #[error("{unknown} of {total} objects look unknown: nothing was swept")]
    SweepRefused {
        /// Old objects without a row.
        unknown: u64,
        /// All objects.
        total: u64,
    },
    /// The caller's function failed.
    #[error("what the storage asked for could not be told")]
    Caller(#[source] CallerError),
    /// The worker threads have ended, or a job panicked.
    #[error("the storage workers have stopped")]
    Stopped,
}

/// How an upload differs from what was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another number of bytes.
    #[error("{announced} bytes were announced, {received} came")]
    Length {
        /// What was announced.
        announced: u64,
        /// What came.
        received: u64,
    },
    /// Another SHA-256.
    #[error("the SHA-256 differs")]
    Sha256,
}

impl Error {
    /// What a failed system call means to users.
    pub(crate) fn system(action: &'static str, source: Errno) -> Self {
        match source {
            // FBIG is RLIMIT_FSIZE when SIGXFSZ is ignored.
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Self::Full,
            _ => Self::Unavailable { action, source },
        }
    }
}
