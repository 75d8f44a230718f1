//! Downloads: any range is right or refused; no wrong byte is ever returned.

use std::os::unix::fs::FileExt;

use mv_blobs::format::Broken;
use mv_blobs::{Error, MAX_READ, Manifest, RootKey, Stored};
use mv_core::entropy::SystemEntropy;
use mv_core::id::BlobKind;

use crate::world::{World, manifest, text};

/// Numbers that look random and repeat themselves.
fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed | 1;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    }
}

#[tokio::test]
async fn any_range_of_any_number_of_segments() {
    let world = World::new();
    let mut next = numbers(1);
    for lengths in [vec![0], vec![100_000], vec![16_384, 0, 1, 32_768], vec![5, 70_000, 16_383, 0, 300_000, 0]] {
        let mut whole = Vec::new();
        let mut segments = Vec::new();
        for len in lengths {
            let bytes = text(len, next(1000) as u64);
            segments.push(world.put(&bytes, 50_000).await.unwrap().segment);
            whole.extend(bytes);
        }
        let blob = world.mint.id::<BlobKind>();
        let joined = Manifest { blob, mac: world.key.manifest_mac(blob, &segments), segments };
        let reader = world.blobs.open(joined.clone(), &world.key).await.unwrap();
        assert_eq!(reader.size(), whole.len() as u64);
        for _ in 0..300 {
            let at = next(whole.len() + 10);
            let len = next(MAX_READ * 2);
            let from = at.min(whole.len());
            let to = (from + len.min(MAX_READ)).min(whole.len());
            let got = reader.read(at as u64, len).await.unwrap();
            assert!(got == whole[from..to], "{len} at {at} of {}", whole.len());
        }
        assert_eq!(reader.read(u64::MAX, 1).await.unwrap().len(), 0);
        assert_eq!(world.blobs.verify(joined, &world.key).await.unwrap().len, whole.len() as u64);
    }
}

#[tokio::test]
async fn hot_bytes_need_no_thread() {
    let world = World::new();
    let bytes = text(100_000, 1);
    let stored = world.put(&bytes, 50_000).await.unwrap();
    let reader = world.blobs.open(manifest(&stored), &world.key).await.unwrap();
    match reader.read_cached(10, 50_000) {
        Some(read) => assert!(read.unwrap() == bytes[10..50_010]),
        // A file system without RWF_NOWAIT: then the pool must do it.
        None => assert!(reader.read(10, 50_000).await.unwrap() == bytes[10..50_010]),
    }
}

/// Stores a blob and changes its file, as `change` likes.
async fn damaged(world: &World, bytes: &[u8], change: impl FnOnce(&std::fs::File, u64)) -> Stored {
    let stored = world.put(bytes, 50_000).await.unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(world.object_path(&stored)).unwrap();
    change(&file, stored.segment.sealed_len);
    stored
}

#[tokio::test]
async fn a_flipped_bit_never_gives_a_wrong_byte() {
    let world = World::new();
    let bytes = text(100_000, 3);
    let mut next = numbers(3);
    let mut refused = 0;
    for round in 0..100 {
        let mut place = 0;
        let stored = damaged(&world, &bytes, |file, len| {
            place = if round < 56 { round } else { next(len as usize) as u64 };
            let mut byte = [0];
            file.read_exact_at(&mut byte, place).unwrap();
            file.write_all_at(&[byte[0] ^ (1 << next(8))], place).unwrap();
        })
        .await;
        assert!(world.blobs.verify(manifest(&stored), &world.key).await.is_err(), "byte {place}");
        assert!(world.get(manifest(&stored), 30_000).await.is_err(), "byte {place}");
        let Ok(reader) = world.blobs.open(manifest(&stored), &world.key).await else {
            refused += 1;
            continue;
        };
        let chunk = ((place - 56) / 16_400) as usize;
        for _ in 0..20 {
            let (at, len) = (next(bytes.len()), next(40_000) + 1);
            let end = (at + len).min(bytes.len());
            let touched = at / 16_384 <= chunk && chunk <= (end - 1) / 16_384;
            match reader.read(at as u64, len).await {
                Ok(got) => assert!(!touched && got == bytes[at..end], "byte {place}"),
                Err(Error::Damaged { segment, source: Broken::Chunk(number) }) => {
                    assert!(touched && segment == stored.segment.id && number == chunk as u64);
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert_eq!(refused, 56);
}

#[tokio::test]
async fn cut_lengthened_swapped_and_lost_files_are_noticed_at_once() {
    let world = World::new();
    let bytes = text(50_000, 4);
    for by in [-50_000i64, -16_400, -16, -1, 1, 16, 16_400] {
        let stored = damaged(&world, &bytes, |file, len| file.set_len((len as i64 + by) as u64).unwrap()).await;
        let opened = world.blobs.open(manifest(&stored), &world.key).await;
        let seen = matches!(opened, Err(Error::Damaged { source: Broken::Length { .. }, .. }));
        assert!(seen, "{by} bytes");
    }
    let (one, other) = (world.put(&bytes, 999).await.unwrap(), world.put(&bytes, 999).await.unwrap());
    let aside = world.path().join("aside");
    std::fs::rename(world.object_path(&one), &aside).unwrap();
    std::fs::rename(world.object_path(&other), world.object_path(&one)).unwrap();
    for stored in [&one, &other] {
        let opened = world.blobs.open(manifest(stored), &world.key).await.err().unwrap();
        match opened {
            Error::Damaged { segment, source: Broken::Commitment } => assert_eq!(segment, one.segment.id),
            Error::Missing(segment) => assert_eq!(segment, other.segment.id),
            unexpected => panic!("{unexpected}"),
        }
    }
}

#[tokio::test]
async fn a_manifest_opens_only_as_it_was_stored() {
    let world = World::new();
    let stored = world.put(b"mine", 9).await.unwrap();
    let other = world.put(b"else", 9).await.unwrap();
    let mut swapped = manifest(&stored);
    swapped.segments = vec![other.segment.clone()];
    assert!(matches!(world.blobs.open(swapped, &world.key).await, Err(Error::Manifest(_))));

    let stranger = RootKey::from_bytes([1; 32]).new_user_key(world.key.owner(), &SystemEntropy);
    let refused = world.blobs.open(manifest(&stored), &std::sync::Arc::new(stranger)).await;
    assert!(matches!(refused, Err(Error::Manifest(_))));

    // A wrapped key of another segment is not covered by the HMAC, but opens nowhere else.
    let mut wrapped = manifest(&stored);
    wrapped.segments[0].wrapped_key = other.segment.wrapped_key.clone();
    assert!(matches!(world.restarted().open(wrapped, &world.key).await, Err(Error::Key { .. })));
}

#[tokio::test]
async fn a_deleted_segment_is_gone_for_new_readers() {
    let world = World::new();
    let stored = world.put(b"mine", 9).await.unwrap();
    let reader = world.blobs.open(manifest(&stored), &world.key).await.unwrap();
    world.blobs.delete(stored.segment.id).await.unwrap();
    // Deleting can be repeated; whoever was reading may end.
    world.blobs.discard(stored.segment.id).await.unwrap();
    assert_eq!(reader.read(0, 9).await.unwrap(), "mine");
    let opened = world.blobs.open(manifest(&stored), &world.key).await;
    assert!(matches!(opened, Err(Error::Missing(segment)) if segment == stored.segment.id));
}

#[tokio::test]
async fn blobs_outlive_a_restart() {
    let world = World::new();
    let bytes = text(300_000, 5);
    let stored = world.put(&bytes, 50_000).await.unwrap();
    let again = world.restarted();
    let reader = again.open(manifest(&stored), &world.key).await.unwrap();
    assert!(reader.read(200_000, 100_000).await.unwrap() == bytes[200_000..]);
}
