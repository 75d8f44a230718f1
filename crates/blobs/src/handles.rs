//! Open segments with their key schedules, the last used ones kept.
//! Promise: at most `capacity` files stay open here, whatever is read; a deleted segment's handle can be dropped.
//! Not here: who may read: a handle is looked up only after the blob's manifest was checked with the owner's key.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mv_core::{SegmentId, UserId};

use crate::error::Error;
use crate::format::{Broken, ChunkOpener, HEADER, Span};
use crate::keys::{SegmentKey, segment_context};
use crate::manifest::Segment;
use crate::store::{BlobStore, ObjectReader};

/// A segment that is open: its header was checked against its key.
pub(crate) struct Handle {
    segment: SegmentId,
    object: Arc<dyn ObjectReader>,
    opener: ChunkOpener,
}

/// Whether a read may wait for the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    Wait,
    Now,
}

thread_local! {
    /// Sealed bytes on their way to being opened; kept to spare an allocation for each read.
    static SEALED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Handle {
    /// Opens a segment, checks its length and its key commitment. Blocks.
    ///
    /// # Errors
    /// `Missing`, `Damaged`, `Unavailable`.
    pub(crate) fn open(
        store: &dyn BlobStore,
        segment: &Segment,
        owner: UserId,
        key: &SegmentKey,
    ) -> Result<Self, Error> {
        let damaged = |source| Error::Damaged { segment: segment.id, source };
        let object = store.open(segment.id)?;
        if object.sealed_len() != segment.sealed_len {
            return Err(damaged(Broken::Length { expected: segment.sealed_len, found: object.sealed_len() }));
        }
        let mut header = [0u8; HEADER];
        let found = object.read_at(0, &mut header)?;
        if found != HEADER {
            return Err(damaged(Broken::Length { expected: segment.sealed_len, found: found as u64 }));
        }
        let context = segment_context(segment.id, owner, segment.format);
        let opener = ChunkOpener::new(key.bytes(), &context, &header).map_err(damaged)?;
        Ok(Self { segment: segment.id, object, opener })
    }

    /// The plaintext of a span; `None` if that would have to wait and may not.
    ///
    /// # Errors
    /// `Damaged`, `Unavailable`; no byte is returned then.
    pub(crate) fn read(&self, span: &Span, patience: Patience) -> Option<Result<Vec<u8>, Error>> {
        SEALED.with_borrow_mut(|buffer| {
            if buffer.len() < span.sealed_len {
                buffer.resize(span.sealed_len, 0);
            }
            let sealed = buffer.get_mut(..span.sealed_len)?;
            let count = match patience {
                Patience::Wait => self.object.read_at(span.sealed_at, sealed),
                Patience::Now => self.object.read_now(span.sealed_at, sealed)?,
            };
            Some(count.and_then(|count| self.unseal(span, sealed, count)))
        })
    }

    fn unseal(&self, span: &Span, sealed: &[u8], count: usize) -> Result<Vec<u8>, Error> {
        let damaged = |source| Error::Damaged { segment: self.segment, source };
        if count != sealed.len() {
            let (expected, found) = (span.sealed_at + sealed.len() as u64, span.sealed_at + count as u64);
            return Err(damaged(Broken::Length { expected, found }));
        }
        let mut plain = vec![0u8; span.plain_len];
        self.opener.open_span(span, sealed, &mut plain).map_err(damaged)?;
        Ok(plain)
    }
}

struct Entry {
    handle: Arc<Handle>,
    used: u64,
}

#[derive(Default)]
struct Entries {
    by_segment: HashMap<SegmentId, Entry>,
    uses: u64,
}

/// The handles used last.
pub(crate) struct Handles {
    entries: Mutex<Entries>,
    capacity: usize,
}

impl Handles {
    /// Keeps up to `capacity` handles.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: Mutex::default(), capacity: capacity.max(1) }
    }

    /// The handle of a segment, if it is open.
    pub(crate) fn get(&self, segment: SegmentId) -> Option<Arc<Handle>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.uses += 1;
        let uses = entries.uses;
        let entry = entries.by_segment.get_mut(&segment)?;
        entry.used = uses;
        Some(Arc::clone(&entry.handle))
    }

    /// Keeps a handle; the one unused longest goes if there are too many.
    pub(crate) fn keep(&self, handle: &Arc<Handle>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.uses += 1;
        let used = entries.uses;
        let full = entries.by_segment.len() >= self.capacity && !entries.by_segment.contains_key(&handle.segment);
        // A walk over all costs microseconds at this size and only follows an open file.
        let oldest = full.then(|| entries.by_segment.iter().min_by_key(|(_, entry)| entry.used).map(|(id, _)| *id));
        let gone = oldest.flatten().and_then(|oldest| entries.by_segment.remove(&oldest));
        entries.by_segment.insert(handle.segment, Entry { handle: Arc::clone(handle), used });
        drop(entries);
        drop(gone);
    }

    /// Forgets a segment that is deleted, so that its bytes leave the disk.
    pub(crate) fn forget(&self, segment: SegmentId) {
        let gone = self.entries.lock().unwrap_or_else(PoisonError::into_inner).by_segment.remove(&segment);
        drop(gone);
    }

    /// Closes all, when the process runs out of file descriptors.
    pub(crate) fn clear(&self) {
        let gone = std::mem::take(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner).by_segment);
        drop(gone);
    }
}
