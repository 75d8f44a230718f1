//! A disk that fails when told to: errors reach the caller as what they are, and nothing half done is ever seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use mv_blobs::store::{Known, ObjectReader, ObjectWriter, Visit};
use mv_blobs::{BlobStore, Error, Expect, LocalStore, Space, Swept};
use mv_core::{SegmentId, Timestamp};
use rustix::io::Errno;

use crate::world::{World, manifest, text};

/// The steps of an upload, numbered as they come; the one whose turn it is fails.
#[derive(Clone, Default)]
struct Plan(Arc<AtomicI64>);

impl Plan {
    fn fail_at(&self, step: i64) {
        self.0.store(step, Ordering::SeqCst);
    }

    fn step(&self, failure: Error) -> Result<(), Error> {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 1 { Err(failure) } else { Ok(()) }
    }
}

struct FaultyDisk {
    inner: LocalStore,
    plan: Plan,
}

struct FaultyWriter {
    inner: Box<dyn ObjectWriter>,
    plan: Plan,
}

impl ObjectWriter for FaultyWriter {
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.plan.step(Error::Full)?;
        self.inner.append(bytes)
    }

    fn commit(self: Box<Self>) -> Result<(), Error> {
        self.plan.step(Error::Unavailable { action: "sync a file", source: Errno::IO })?;
        self.inner.commit()
    }
}

impl BlobStore for FaultyDisk {
    fn create(&self, segment: SegmentId, expected: Option<u64>) -> Result<Box<dyn ObjectWriter>, Error> {
        self.plan.step(Error::Unavailable { action: "create a file", source: Errno::ROFS })?;
        let inner = self.inner.create(segment, expected)?;
        Ok(Box::new(FaultyWriter { inner, plan: self.plan.clone() }))
    }

    fn open(&self, segment: SegmentId) -> Result<Arc<dyn ObjectReader>, Error> {
        self.plan.step(Error::Unavailable { action: "open a file", source: Errno::MFILE })?;
        self.inner.open(segment)
    }

    fn delete(&self, segment: SegmentId) -> Result<(), Error> {
        self.inner.delete(segment)
    }

    fn list(&self, visit: &mut Visit<'_>) -> Result<(), Error> {
        self.inner.list(visit)
    }

    fn sweep_unfinished(&self, known: &mut Known<'_>) -> Result<u64, Error> {
        self.inner.sweep_unfinished(known)
    }

    fn sweep(&self, now: Timestamp, known: &mut Known<'_>) -> Result<Swept, Error> {
        self.inner.sweep(now, known)
    }

    fn space(&self) -> Result<Space, Error> {
        self.inner.space()
    }

    fn ready(&self) -> Result<(), Error> {
        self.inner.ready()
    }
}

#[tokio::test]
async fn whichever_step_fails_nothing_stays() {
    let plan = Plan::default();
    let world = World::over(|inner| Arc::new(FaultyDisk { inner, plan: plan.clone() }), 4);
    // Three batches: create, three full appends, the last append, commit.
    let bytes = text(3 * 256 * 1024 + 5, 1);
    for step in 1..=6 {
        plan.fail_at(step);
        let failed = world.put(&bytes, 100_000).await.unwrap_err();
        match step {
            1 => assert!(matches!(failed, Error::Unavailable { source: Errno::ROFS, .. })),
            2..=5 => assert!(matches!(failed, Error::Full)),
            _ => assert!(matches!(failed, Error::Unavailable { source: Errno::IO, .. })),
        }
        world.until_empty().await;
    }
    // Small uploads do it all in one job.
    for step in 1..=3 {
        plan.fail_at(step);
        let mut incoming = world.begin();
        incoming.write(Bytes::from_static(b"small")).await.unwrap();
        assert!(incoming.finish(Expect::default()).await.is_err(), "step {step}");
        world.until_empty().await;
    }
    plan.fail_at(0);
    let stored = world.put(&bytes, 100_000).await.unwrap();
    assert!(world.get(manifest(&stored), 100_000).await.unwrap() == bytes);
}

#[tokio::test]
async fn out_of_descriptors_gives_back_the_handles_that_wait() {
    let plan = Plan::default();
    let world = World::over(|inner| Arc::new(FaultyDisk { inner, plan: plan.clone() }), 4);
    let stored = world.put(b"small", 9).await.unwrap();
    plan.fail_at(1);
    assert_eq!(world.get(manifest(&stored), 9).await.unwrap(), b"small");
}
