//! Uploads: what is kept, and that nothing else stays.

use bytes::Bytes;
use mv_blobs::hash::Hasher;
use mv_blobs::{Error, Expect, Mismatch};

use crate::world::{World, manifest, text};

const BATCH: usize = 256 * 1024;

#[tokio::test]
async fn every_length_comes_back() {
    let world = World::new();
    for (seed, len) in
        [0, 1, 4095, 4096, 4097, 16_383, 16_384, 16_385, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 3 * BATCH + 77]
            .into_iter()
            .enumerate()
    {
        let bytes = text(len, seed as u64);
        for step in [len.max(1), 60_000, 1009] {
            let stored = world.put(&bytes, step).await.unwrap();
            let mut hasher = Hasher::default();
            hasher.update(&bytes);
            let digests = hasher.finish();
            assert_eq!((stored.size, stored.sha256, stored.crc32), (len as u64, digests.sha256, digests.crc32));
            assert_eq!(stored.head, bytes[..len.min(4096)]);
            assert_eq!(std::fs::metadata(world.object_path(&stored)).unwrap().len(), stored.segment.sealed_len);
            assert!(world.get(manifest(&stored), 100_000).await.unwrap() == bytes, "{len} bytes");
            assert_eq!(world.blobs.verify(manifest(&stored), &world.key).await.unwrap(), digests);
            world.blobs.delete(stored.segment.id).await.unwrap();
        }
    }
    assert!(world.files().is_empty());
}

#[tokio::test]
async fn nothing_of_the_plaintext_is_on_disk() {
    let world = World::new();
    let bytes = vec![b'a'; 2 * BATCH];
    let stored = world.put(&bytes, 50_000).await.unwrap();
    let sealed = std::fs::read(world.object_path(&stored)).unwrap();
    assert!(!sealed.windows(8).any(|window| window == b"aaaaaaaa"));
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_nothing() {
    let world = World::new();
    for len in [0, 1000, BATCH, 5 * BATCH + 9] {
        let mut incoming = world.begin();
        incoming.write(Bytes::from(text(len, 1))).await.unwrap();
        assert_eq!(incoming.received(), len as u64);
        drop(incoming);
        world.until_empty().await;
    }
}

#[tokio::test]
async fn a_mismatch_leaves_nothing() {
    let world = World::new();
    for len in [1000, 3 * BATCH] {
        let bytes = text(len, 1);
        let wrong_hash = Expect { sha256: Some([0; 32]), length: None };
        let wrong_length = Expect { sha256: None, length: Some(len as u64 + 1) };
        for expect in [wrong_hash, wrong_length] {
            let mut incoming = world.begin();
            incoming.write(Bytes::from(bytes.clone())).await.unwrap();
            assert!(matches!(incoming.finish(expect).await, Err(Error::Mismatch(_))));
            world.until_empty().await;
        }
        let mut new = world.new_blob();
        new.declared = Some(len as u64 + 1);
        let mut incoming = world.blobs.begin(new).unwrap();
        incoming.write(Bytes::from(bytes)).await.unwrap();
        let refused = incoming.finish(Expect::default()).await;
        let expected = Mismatch::Length { announced: len as u64 + 1, received: len as u64 };
        assert!(matches!(refused, Err(Error::Mismatch(found)) if found == expected));
        world.until_empty().await;
    }
}

#[tokio::test]
async fn what_was_announced_is_accepted() {
    let world = World::new();
    for len in [0, 1000, 3 * BATCH] {
        let bytes = text(len, 1);
        let mut hasher = Hasher::default();
        hasher.update(&bytes);
        let mut new = world.new_blob();
        new.declared = Some(len as u64);
        let mut incoming = world.blobs.begin(new).unwrap();
        incoming.write(Bytes::from(bytes)).await.unwrap();
        let expect = Expect { sha256: Some(hasher.finish().sha256), length: Some(len as u64) };
        let stored = incoming.finish(expect).await.unwrap();
        // Reserved space beyond the end must not show in the length.
        assert_eq!(std::fs::metadata(world.object_path(&stored)).unwrap().len(), stored.segment.sealed_len);
    }
}

#[tokio::test]
async fn more_than_the_limit_is_refused_and_ends_the_upload() {
    let world = World::new();
    let mut new = world.new_blob();
    new.limit = 2 * BATCH as u64;
    let mut incoming = world.blobs.begin(new).unwrap();
    incoming.write(Bytes::from(text(2 * BATCH, 1))).await.unwrap();
    let refused = incoming.write(Bytes::from_static(b"x")).await;
    assert!(matches!(refused, Err(Error::TooLarge { limit }) if limit == 2 * BATCH as u64));
    assert!(matches!(incoming.write(Bytes::from_static(b"x")).await, Err(Error::BrokenOff)));
    assert!(matches!(incoming.finish(Expect::default()).await, Err(Error::BrokenOff)));
    world.until_empty().await;

    let mut announced = world.new_blob();
    (announced.limit, announced.declared) = (10, Some(11));
    assert!(matches!(world.blobs.begin(announced), Err(Error::TooLarge { limit: 10 })));
}

#[tokio::test]
async fn a_finish_that_nobody_waits_for_leaves_nothing() {
    let world = World::over(|local| std::sync::Arc::new(local), 1);
    let mut abandoned = 0;
    for len in [1000, 3 * BATCH] {
        for _ in 0..20 {
            let mut incoming = world.begin();
            incoming.write(Bytes::from(text(len, 1))).await.unwrap();
            // Polled once, so that the job is on the pool, then dropped.
            let finish = incoming.finish(Expect::default());
            match tokio::time::timeout(std::time::Duration::ZERO, finish).await {
                Err(_) => abandoned += 1,
                // The pool was faster than the first look.
                Ok(stored) => world.blobs.delete(stored.unwrap().segment.id).await.unwrap(),
            }
        }
    }
    assert!(abandoned > 0);
    // There is one thread and the queue is in order: when this is answered, those jobs have run.
    world.blobs.space().await.unwrap();
    world.until_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_at_once() {
    let world = std::sync::Arc::new(World::new());
    let tasks: Vec<_> = (0..64u64)
        .map(|number| {
            let world = std::sync::Arc::clone(&world);
            tokio::spawn(async move {
                let bytes = text((number as usize * 9173) % (2 * BATCH), number);
                let stored = world.put(&bytes, 7001).await.unwrap();
                assert!(world.get(manifest(&stored), 33_333).await.unwrap() == bytes);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.files().len(), 64);
}

#[tokio::test]
async fn a_name_is_never_used_twice() {
    let world = World::new();
    let stored = world.put(b"first", 9).await.unwrap();
    let mut new = world.new_blob();
    new.segment = stored.segment.id;
    let mut incoming = world.blobs.begin(new).unwrap();
    incoming.write(Bytes::from_static(b"second")).await.unwrap();
    assert!(matches!(incoming.finish(Expect::default()).await, Err(Error::Exists(_))));
    assert_eq!(world.get(manifest(&stored), 9).await.unwrap(), b"first");
    assert_eq!(world.files().len(), 1);
}
