//! One download: any range of a blob, verified before it is returned.
//! Promise: no byte leaves that was not authenticated; a range that reaches the end proves the length too; a segment's
//! commitment is checked once, when it is opened. Not here: HTTP ranges, pacing.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use rustix::io::Errno;

use crate::blobs::Shared;
use crate::error::Error;
use crate::format::{Broken, span};
use crate::handles::{Handle, Patience};
use crate::hash::{Digests, Hasher};
use crate::keys::UserKey;
use crate::manifest::{Layout, Manifest, Piece, Segment};

/// The most bytes that one `read` returns.
pub const MAX_READ: usize = 256 * 1024;

/// A blob that is open for reading. Cheap to clone; reads may run at the same time.
#[derive(Clone)]
pub struct Reader {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    key: Arc<UserKey>,
    layout: Layout,
    /// The handle of the segment read last, which stays open even if the cache lets go of it.
    last: Mutex<Option<(usize, Arc<Handle>)>>,
}

impl Reader {
    /// Checks the manifest and opens the first segment, so that missing bytes are noticed before an answer begins.
    pub(crate) async fn open(shared: Arc<Shared>, manifest: Manifest, key: &Arc<UserKey>) -> Result<Self, Error> {
        let layout = Layout::check(manifest, key)?;
        let inner =
            Arc::new(Inner { shared: Arc::clone(&shared), key: Arc::clone(key), layout, last: Mutex::new(None) });
        let first_is_open = inner.layout.segment(0).is_none_or(|_| inner.cached(0).is_some());
        if !first_is_open {
            let opening = Arc::clone(&inner);
            shared.pool.run(move || opening.handle(0).map(drop)).await?;
        }
        Ok(Self { inner })
    }

    /// Plaintext bytes of the blob.
    pub fn size(&self) -> u64 {
        self.inner.layout.size()
    }

    /// Up to `len` bytes at `at`, at most `MAX_READ`, fewer only at the blob's end.
    ///
    /// # Errors
    /// `Damaged` if any chunk of the range is not authentic, `Missing`, `Key`, `Unavailable`.
    pub async fn read(&self, at: u64, len: usize) -> Result<Bytes, Error> {
        if let Some(read) = self.read_cached(at, len) {
            return read;
        }
        let inner = Arc::clone(&self.inner);
        self.inner.shared.pool.run(move || inner.read(at, len, Patience::Wait).unwrap_or(Err(Error::Stopped))).await
    }

    /// As `read`, but on this thread and only if nothing has to wait for the disk; otherwise `None`.
    pub fn read_cached(&self, at: u64, len: usize) -> Option<Result<Bytes, Error>> {
        self.inner.read(at, len, Patience::Now)
    }
}

impl Inner {
    /// The open handle of a segment, if there is one.
    fn cached(&self, number: usize) -> Option<Arc<Handle>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, handle)) = last.as_ref().filter(|(open, _)| *open == number) {
            return Some(Arc::clone(handle));
        }
        let handle = self.shared.handles.get(self.layout.segment(number)?.id)?;
        *last = Some((number, Arc::clone(&handle)));
        Some(handle)
    }

    /// The handle of a segment, opened if need be. Blocks.
    fn handle(&self, number: usize) -> Result<Arc<Handle>, Error> {
        if let Some(handle) = self.cached(number) {
            return Ok(handle);
        }
        let segment = self.layout.segment(number).ok_or(Error::Stopped)?;
        let handle = match open_segment(&self.shared, segment, &self.key) {
            // Out of descriptors: the handles kept for later are the ones to give back.
            Err(Error::Unavailable { source: Errno::MFILE | Errno::NFILE, .. }) => {
                self.shared.handles.clear();
                open_segment(&self.shared, segment, &self.key)?
            }
            outcome => outcome?,
        };
        let handle = Arc::new(handle);
        self.shared.handles.keep(&handle);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, Arc::clone(&handle)));
        Ok(handle)
    }

    fn read(&self, at: u64, len: usize, patience: Patience) -> Option<Result<Bytes, Error>> {
        let pieces = self.layout.pieces(at, len.min(MAX_READ) as u64);
        if let [piece] = pieces.as_slice() {
            return self.read_piece(piece, patience);
        }
        let mut whole = BytesMut::with_capacity(len.min(MAX_READ));
        for piece in &pieces {
            match self.read_piece(piece, patience)? {
                Ok(part) => whole.extend_from_slice(&part),
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(whole.freeze()))
    }

    fn read_piece(&self, piece: &Piece, patience: Patience) -> Option<Result<Bytes, Error>> {
        let handle = match patience {
            Patience::Now => self.cached(piece.segment)?,
            Patience::Wait => match self.handle(piece.segment) {
                Ok(handle) => handle,
                Err(error) => return Some(Err(error)),
            },
        };
        let segment = self.layout.segment(piece.segment)?;
        let span = match span(segment.plain_len, piece.at, piece.len) {
            Ok(span) => span,
            Err(source) => return Some(Err(Error::Damaged { segment: segment.id, source })),
        };
        let plain = match handle.read(&span, patience)? {
            Ok(plain) => Bytes::from(plain),
            Err(error) => return Some(Err(error)),
        };
        let end = usize::try_from(piece.len).ok().and_then(|len| span.skip.checked_add(len));
        Some(match end.filter(|end| *end <= plain.len()) {
            Some(end) => Ok(plain.slice(span.skip..end)),
            None => Err(Error::Damaged { segment: segment.id, source: Broken::Shape }),
        })
    }
}

/// Unwraps a segment's key and opens it. Blocks.
fn open_segment(shared: &Shared, segment: &Segment, key: &UserKey) -> Result<Handle, Error> {
    let failed = |source| Error::Key { segment: segment.id, source };
    let segment_key = key.open_segment_key(segment.id, segment.format, &segment.wrapped_key).map_err(failed)?;
    Handle::open(shared.store.as_ref(), segment, key.owner(), &segment_key)
}

/// Reads all of a blob, each byte authenticated, past the cache of open files. Blocks; used by `check` and the scrub.
pub(crate) fn verify(shared: &Shared, manifest: Manifest, key: &UserKey) -> Result<Digests, Error> {
    let layout = Layout::check(manifest, key)?;
    let mut hasher = Hasher::default();
    for segment in layout.segments() {
        let handle = open_segment(shared, segment, key)?;
        let damaged = |source| Error::Damaged { segment: segment.id, source };
        let step = MAX_READ as u64;
        let mut at = 0;
        loop {
            let len = step.min(segment.plain_len - at);
            let span = span(segment.plain_len, at, len).map_err(damaged)?;
            hasher.update(&handle.read(&span, Patience::Wait).unwrap_or(Err(Error::Stopped))?);
            at += len;
            if at == segment.plain_len {
                break;
            }
        }
    }
    Ok(hasher.finish())
}
