//! One upload: bytes come in, a sealed and durable segment comes out, or nothing stays.
//! Promise: about half a MiB per upload, whatever its size; each byte is hashed once and encrypted in place; a small
//! upload is one job on the pool, a large one seals batch n there while batch n+1 is filled here.
//! Not here: quota, rows, dedupe.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use mv_core::entropy::random;
use mv_core::{BlobId, SegmentId};
use tokio::sync::oneshot;

use crate::blobs::Shared;
use crate::error::{Error, Mismatch};
use crate::failpoint;
use crate::format::{CHUNK, COBBLESTONE_256, ChunkSealer, HEADER, SEALED_CHUNK, TAG, sealed_len};
use crate::hash::{Digests, Hasher};
use crate::keys::{UserKey, segment_context};
use crate::manifest::Segment;
use crate::store::ObjectWriter;

/// Chunks in a batch: 256 KiB of plaintext.
const BATCH_CHUNKS: usize = 16;
/// Bytes of a batch's buffer at most: the first batch has the header too.
const BATCH: usize = HEADER + BATCH_CHUNKS * SEALED_CHUNK;
/// Plaintext bytes kept for finding out the type.
const HEAD: usize = 4096;

/// What a new upload is.
pub struct NewBlob {
    /// The blob it will be.
    pub blob: BlobId,
    /// The segment that holds its bytes.
    pub segment: SegmentId,
    /// The owner's key.
    pub key: Arc<UserKey>,
    /// How many bytes were announced, if that is known.
    pub declared: Option<u64>,
    /// The most bytes that are allowed.
    pub limit: u64,
}

/// What the whole upload must be, as far as the client said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expect {
    /// Its SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// Its length in bytes.
    pub length: Option<u64>,
}

/// An upload that is whole, durable and not yet in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The blob.
    pub blob: BlobId,
    /// Its one segment, for its row.
    pub segment: Segment,
    /// Authenticates the list of segments, for the blob's row.
    pub manifest_mac: [u8; 32],
    /// Plaintext bytes.
    pub size: u64,
    /// SHA-256 of the plaintext.
    pub sha256: [u8; 32],
    /// CRC-32 of the plaintext.
    pub crc32: u32,
    /// The first 4096 plaintext bytes, or all if there are fewer.
    pub head: Vec<u8>,
}

/// An upload under way. Dropped before `finish` returned, it leaves nothing behind.
pub struct Incoming {
    shared: Arc<Shared>,
    new: NewBlob,
    wrapped_key: Vec<u8>,
    received: u64,
    head: Vec<u8>,
    filling: Batch,
    spare: Vec<u8>,
    stage: Stage,
    /// A call is running or was cancelled; its bytes may be taken in by half.
    mid_call: bool,
}

/// The engine and the emptied buffer of its last batch.
type Returned = (Box<Engine>, Vec<u8>);

enum Stage {
    /// Nothing of this upload runs on the pool.
    Here(Box<Engine>),
    /// A batch is being sealed and written; engine and emptied buffer come back.
    Working(oneshot::Receiver<Result<Returned, Error>>),
    BrokenOff,
}

impl Incoming {
    /// Begins an upload. No I/O yet: the file is made with the first batch, or at the end of a small upload.
    pub(crate) fn begin(shared: Arc<Shared>, new: NewBlob) -> Result<Self, Error> {
        if new.declared.is_some_and(|declared| declared > new.limit) {
            return Err(Error::TooLarge { limit: new.limit });
        }
        let entropy = shared.entropy.as_ref();
        let failed = |source| Error::Key { segment: new.segment, source };
        let (key, wrapped_key) = new.key.new_segment_key(new.segment, COBBLESTONE_256, entropy).map_err(failed)?;
        let context = segment_context(new.segment, new.key.owner(), COBBLESTONE_256);
        let refused = |source| Error::Damaged { segment: new.segment, source };
        let (sealer, header) = ChunkSealer::new(key.bytes(), &context, random(entropy)).map_err(refused)?;
        let expected = new.declared.and_then(sealed_len);
        let engine = Engine {
            shared: Arc::clone(&shared),
            segment: new.segment,
            expected,
            writer: None,
            sealer,
            hasher: Hasher::default(),
        };
        let mut buffer = Vec::with_capacity(first_capacity(expected));
        buffer.extend_from_slice(&header);
        Ok(Self {
            shared,
            new,
            wrapped_key,
            received: 0,
            head: Vec::new(),
            filling: Batch::after(buffer),
            spare: Vec::new(),
            stage: Stage::Here(Box::new(engine)),
            mid_call: false,
        })
    }

    /// Bytes taken in so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Takes in more bytes; waits while the disk is slower than they come. If the call is cancelled, the upload is
    /// broken off.
    ///
    /// # Errors
    /// `TooLarge` over the limit, `Full`, `Unavailable`, `BrokenOff` after any earlier error.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        if std::mem::replace(&mut self.mid_call, true) {
            return Err(Error::BrokenOff);
        }
        self.received = self.received.saturating_add(bytes.len() as u64);
        if self.received > self.new.limit {
            return Err(Error::TooLarge { limit: self.new.limit });
        }
        let wanted = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..wanted).unwrap_or_default());
        while !bytes.is_empty() {
            self.filling.take(&mut bytes);
            if self.filling.is_full() {
                self.dispatch().await?;
            }
        }
        self.mid_call = false;
        Ok(())
    }

    /// Ends the upload: when this returns, its bytes are durable and no power cut can take them away.
    ///
    /// # Errors
    /// `Mismatch` if it is not what was announced (by `expect` or `NewBlob::declared`), `Full`, `Unavailable`,
    /// `BrokenOff`. Nothing is kept then.
    pub async fn finish(mut self, expect: Expect) -> Result<Stored, Error> {
        if self.mid_call {
            return Err(Error::BrokenOff);
        }
        let engine = self.engine().await?;
        self.stage = Stage::Here(engine);
        let turn = self.shared.pool.turn().await?;
        let Stage::Here(engine) = std::mem::replace(&mut self.stage, Stage::BrokenOff) else {
            return Err(Error::BrokenOff);
        };
        let batch = std::mem::replace(&mut self.filling, Batch::after(Vec::new()));
        let wanted = (expect, self.new.declared);
        let job = turn.start(move || engine.finish(batch, wanted));
        let (digests, mut unclaimed) = job.await.unwrap_or(Err(Error::Stopped))?;
        unclaimed.claimed = true;
        Ok(self.stored(digests))
    }

    fn stored(&mut self, digests: Digests) -> Stored {
        let segment = Segment {
            id: self.new.segment,
            plain_len: digests.len,
            // The format has refused longer plaintexts, so the length exists.
            sealed_len: sealed_len(digests.len).unwrap_or(u64::MAX),
            wrapped_key: std::mem::take(&mut self.wrapped_key),
            key_version: self.new.key.version(),
            format: COBBLESTONE_256,
        };
        Stored {
            blob: self.new.blob,
            manifest_mac: self.new.key.manifest_mac(self.new.blob, std::slice::from_ref(&segment)),
            segment,
            size: digests.len,
            sha256: digests.sha256,
            crc32: digests.crc32,
            head: std::mem::take(&mut self.head),
        }
    }

    /// Sends the full batch to the pool, and goes on with the buffer that came back from the one before.
    async fn dispatch(&mut self) -> Result<(), Error> {
        let engine = self.engine().await?;
        self.stage = Stage::Here(engine);
        let turn = self.shared.pool.turn().await?;
        let Stage::Here(engine) = std::mem::replace(&mut self.stage, Stage::BrokenOff) else {
            return Err(Error::BrokenOff);
        };
        let mut next = std::mem::take(&mut self.spare);
        next.reserve_exact(BATCH - HEADER);
        let batch = std::mem::replace(&mut self.filling, Batch::after(next));
        self.stage = Stage::Working(turn.start(move || engine.take(batch)));
        Ok(())
    }

    /// Waits until nothing of this upload runs on the pool, and takes the engine.
    async fn engine(&mut self) -> Result<Box<Engine>, Error> {
        let outcome = match &mut self.stage {
            Stage::Working(answer) => answer.await.unwrap_or(Err(Error::Stopped)),
            Stage::Here(_) | Stage::BrokenOff => match std::mem::replace(&mut self.stage, Stage::BrokenOff) {
                Stage::Here(engine) => return Ok(engine),
                Stage::Working(_) | Stage::BrokenOff => Err(Error::BrokenOff),
            },
        };
        self.stage = Stage::BrokenOff;
        let (engine, buffer) = outcome?;
        self.spare = buffer;
        Ok(engine)
    }
}

impl Drop for Incoming {
    /// Unlinking a large file takes time: that is done on the pool. What runs there cleans up after itself.
    fn drop(&mut self) {
        if let Stage::Here(engine) = std::mem::replace(&mut self.stage, Stage::BrokenOff)
            && engine.writer.is_some()
        {
            self.shared.pool.detach(move || drop(engine));
        }
    }
}

/// What a first buffer needs: all of a small announced upload, a batch of a large one, little of an unknown one.
fn first_capacity(expected: Option<u64>) -> usize {
    match expected.map(usize::try_from) {
        Some(Ok(len)) => len.min(BATCH),
        Some(Err(_)) => BATCH,
        None => HEADER + SEALED_CHUNK,
    }
}

/// Plaintext in the places where it will be sealed: chunks with room for their tags between them.
struct Batch {
    bytes: Vec<u8>,
    /// Where the first chunk begins; before it stands the header, if this is the first batch.
    from: usize,
    /// Bytes in the last chunk, which is not full yet.
    open: usize,
}

impl Batch {
    /// A batch whose chunks come after what stands in `bytes`.
    fn after(bytes: Vec<u8>) -> Self {
        let from = bytes.len();
        Self { bytes, from, open: 0 }
    }

    fn is_full(&self) -> bool {
        self.bytes.len() - self.from == BATCH_CHUNKS * SEALED_CHUNK
    }

    /// Takes bytes up to the next chunk's end.
    fn take(&mut self, from: &mut Bytes) {
        let part = from.split_to((CHUNK - self.open).min(from.remaining()));
        self.bytes.extend_from_slice(&part);
        self.open += part.len();
        if self.open == CHUNK {
            self.bytes.extend_from_slice(&[0; TAG]);
            self.open = 0;
        }
    }
}

/// The part of an upload that works on pool threads. Dropped, it takes the unfinished file with it.
struct Engine {
    shared: Arc<Shared>,
    segment: SegmentId,
    expected: Option<u64>,
    writer: Option<Box<dyn ObjectWriter>>,
    sealer: ChunkSealer,
    hasher: Hasher,
}

impl Engine {
    /// Hashes, seals and writes a full batch; gives the emptied buffer back.
    fn take(mut self: Box<Self>, mut batch: Batch) -> Result<Returned, Error> {
        self.seal_full_chunks(&mut batch)?;
        if self.writer.is_none() {
            self.writer = Some(self.shared.store.create(self.segment, self.expected)?);
        }
        if let Some(writer) = &mut self.writer {
            writer.append(&batch.bytes)?;
        }
        batch.bytes.clear();
        Ok((self, batch.bytes))
    }

    /// The rest of the upload, the check of what was announced (U3), and U4 to U6.
    fn finish(
        mut self: Box<Self>,
        mut batch: Batch,
        wanted: (Expect, Option<u64>),
    ) -> Result<(Digests, Unclaimed), Error> {
        self.seal_full_chunks(&mut batch)?;
        let Self { shared, segment, writer, sealer, mut hasher, .. } = *self;
        let last = batch.bytes.len() - batch.open;
        hasher.update(batch.bytes.get(last..).unwrap_or_default());
        let digests = hasher.finish();
        compare(&digests, wanted).map_err(Error::Mismatch)?;
        sealer.seal_final(&mut batch.bytes, last).map_err(|source| Error::Damaged { segment, source })?;
        let mut writer = match writer {
            Some(writer) => writer,
            // Small: written at once, so there is nothing to reserve.
            None => shared.store.create(segment, None)?,
        };
        writer.append(&batch.bytes)?;
        failpoint::hit("C3");
        writer.commit()?;
        Ok((digests, Unclaimed { shared, segment, claimed: false }))
    }

    /// Each chunk is hashed and sealed while it is in the processor's cache.
    fn seal_full_chunks(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let chunks = batch.bytes.get_mut(batch.from..).unwrap_or_default();
        for slot in chunks.chunks_exact_mut(SEALED_CHUNK) {
            self.hasher.update(slot.get(..CHUNK).unwrap_or_default());
            self.sealer.seal_full(slot).map_err(|source| Error::Damaged { segment: self.segment, source })?;
        }
        Ok(())
    }
}

/// A whole object that nobody has heard of yet: if the caller went away while it was made, it goes too.
struct Unclaimed {
    shared: Arc<Shared>,
    segment: SegmentId,
    claimed: bool,
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if self.claimed {
            return;
        }
        let (shared, segment) = (Arc::clone(&self.shared), self.segment);
        self.shared.pool.detach(move || {
            if let Err(error) = shared.store.delete(segment) {
                tracing::warn!(segment.id = %segment, %error, "an unclaimed segment stays until the sweep");
            }
        });
    }
}

/// U3: whether the bytes are the announced ones.
fn compare(digests: &Digests, (expect, declared): (Expect, Option<u64>)) -> Result<(), Mismatch> {
    for announced in [expect.length, declared].into_iter().flatten() {
        if announced != digests.len {
            return Err(Mismatch::Length { announced, received: digests.len });
        }
    }
    match expect.sha256 {
        Some(sha256) if sha256 != digests.sha256 => Err(Mismatch::Sha256),
        _ => Ok(()),
    }
}
