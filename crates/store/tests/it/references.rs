//! Blobs by the items that stand on them: counted, dead when nobody does, alive again when somebody comes back in time.

use mv_core::user::User;
use mv_core::{BlobId, Role, SegmentId, Timestamp, UserId};
use mv_store::blobs::{self, NewBlob, SegmentRow};
use mv_store::{MIGRATIONS, Store, Target, sql, users};
use uuid::Uuid;

use crate::scratch::{on_both, options};

const OWNER: UserId = UserId::from_uuid(Uuid::from_u128(1));

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

fn owner() -> User {
    User {
        id: OWNER,
        email: "owner@example.com".to_owned(),
        username: None,
        display_name: None,
        role: Role::User,
        time_zone: "UTC".to_owned(),
        quota_bytes: None,
        link_epoch: 0,
        disabled: false,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// Refers to the same content each time, as another blob.
async fn refer(store: &Store, number: u128) -> BlobId {
    let id = BlobId::from_uuid(Uuid::from_u128(number));
    let write = move |tx: &mv_store::Tx| {
        let blob = NewBlob {
            id,
            owner_id: OWNER,
            dedupe_tag: [7; 32],
            size: 5,
            crc32: 1,
            checksum_sealed: vec![1],
            manifest_mac: vec![2],
            created_at: at(0),
        };
        let segment = |number: u128| SegmentRow {
            id: SegmentId::from_uuid(Uuid::from_u128(number)),
            plain_len: 5,
            sealed_len: 50,
            wrapped_key: vec![3],
            key_version: 1,
            format: 1,
        };
        blobs::refer(tx, &blob, &[segment(number * 10 + 2), segment(number * 10 + 1)])
    };
    store.write(write).await.unwrap().0
}

async fn release(store: &Store, id: BlobId, now: Timestamp) -> Option<[u8; 32]> {
    store.write(move |tx| blobs::release(tx, id, now)).await.unwrap()
}

async fn dead(store: &Store, cutoff: Timestamp) -> Vec<BlobId> {
    store.read(move |db| blobs::dead_any(db, cutoff, 10)).await.unwrap()
}

async fn delete(store: &Store, id: BlobId, cutoff: Timestamp) -> Vec<SegmentId> {
    store.write(move |tx| blobs::delete_dead_any(tx, id, cutoff)).await.unwrap()
}

on_both!(a_blob_goes_only_when_nobody_stands_on_it, |target: Target| async move {
    let mut options = options();
    options.migrations = MIGRATIONS;
    let store = Store::open(target, options).await.unwrap();
    store.write(|tx| users::insert(tx, &owner(), "hash")).await.unwrap();
    assert!(!store.read(blobs::exist).await.unwrap());
    let id = refer(&store, 1).await;
    assert_eq!(refer(&store, 2).await, id, "the same content is the same blob");
    assert!(store.read(blobs::exist).await.unwrap());
    assert_eq!(release(&store, id, at(10)).await, None, "one still stands on it");
    assert_eq!(dead(&store, at(1000)).await, []);
    assert_eq!(delete(&store, id, at(1000)).await, [], "one still stands on it");
    assert_eq!(release(&store, id, at(20)).await, Some([7; 32]), "the last one");
    assert_eq!((dead(&store, at(19)).await, dead(&store, at(20)).await), (vec![], vec![id]));
    assert_eq!(delete(&store, id, at(19)).await, [], "not dead for long enough");

    // Found dead, then referred to again before it is deleted.
    assert_eq!(refer(&store, 3).await, id);
    assert_eq!(delete(&store, id, at(1000)).await, [], "alive again");
    let (row, segments) = store.read(move |db| blobs::manifest(db, id)).await.unwrap().unwrap();
    assert_eq!((row.id, row.size, segments.len()), (id, 5, 2));
    assert_eq!(release(&store, id, at(30)).await, Some([7; 32]));
    assert_eq!(delete(&store, id, at(29)).await, [], "its time began anew");
    let files = delete(&store, id, at(30)).await;
    assert_eq!(files, segments.iter().map(|segment| segment.id).collect::<Vec<_>>(), "the files in order");
    assert_eq!(delete(&store, id, at(30)).await, [], "twice does no harm");
    assert_eq!(
        store.read(|db| db.one::<i64>(sql("SELECT count(*) FROM segments"))).await.unwrap(),
        0,
        "the keys are gone"
    );
    assert_ne!(refer(&store, 4).await, id, "the same content later is another blob");
    let refused = store.write(move |tx| blobs::release(tx, id, at(40))).await;
    assert!(refused.is_err(), "there is no such blob");
    store.close().await;
});
