//! Opening a data folder: only the right one, only once, and noticing when it goes away.

use mv_blobs::{BlobStore, Error, LocalStore, OpenError, VaultLock};
use uuid::Uuid;

use crate::world::{VAULT, World, text};

#[test]
fn a_folder_without_its_marker_is_not_mounted() {
    let folder = tempfile::tempdir().unwrap();
    // An empty folder is refused if the database knows blobs, and nothing is made in it.
    assert!(matches!(LocalStore::open(folder.path(), VAULT, false), Err(OpenError::NotMounted)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    drop(LocalStore::open(folder.path(), VAULT, true).unwrap());
    drop(LocalStore::open(folder.path(), VAULT, false).unwrap());
    std::fs::remove_file(folder.path().join("blobs/.vault_id")).unwrap();
    let refused = LocalStore::open(folder.path(), VAULT, false).err().unwrap();
    assert_eq!(refused.to_string(), "the blob folder is not mounted: blobs/.vault_id is missing");
}

#[test]
fn another_vaults_folder_is_refused_even_at_a_first_start() {
    let folder = tempfile::tempdir().unwrap();
    drop(LocalStore::open(folder.path(), VAULT, true).unwrap());
    for may_create in [true, false] {
        let refused = LocalStore::open(folder.path(), Uuid::from_u128(2), may_create);
        assert!(matches!(refused, Err(OpenError::OtherVault { .. })));
    }
}

#[test]
fn a_start_that_was_cut_off_is_made_good() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("blobs")).unwrap();
    std::fs::create_dir(folder.path().join("blobs/00")).unwrap();
    drop(LocalStore::open(folder.path(), VAULT, true).unwrap());
    assert!(folder.path().join("blobs/ff").is_dir());
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let lock = VaultLock::acquire(folder.path()).unwrap();
    assert!(matches!(VaultLock::acquire(folder.path()), Err(OpenError::Locked)));
    drop(lock);
    assert!(VaultLock::acquire(folder.path()).is_ok());
}

#[tokio::test]
async fn a_folder_that_went_away_takes_no_bytes() {
    let world = World::new();
    world.blobs.ready().await.unwrap();
    assert!(world.blobs.space().await.unwrap().free_bytes > 0);
    let (here, away) = (world.path().join("blobs"), world.path().join("away"));
    // As when a mount goes away: another folder lies at the path, ours is still open.
    std::fs::rename(&here, &away).unwrap();
    for make_other in [false, true] {
        if make_other {
            std::fs::create_dir(&here).unwrap();
        }
        assert!(matches!(world.blobs.ready().await, Err(Error::NotMounted)));
        assert!(matches!(world.put(&text(10, 1), 10).await, Err(Error::NotMounted)));
    }
    std::fs::remove_dir(&here).unwrap();
    std::fs::rename(&away, &here).unwrap();
    world.blobs.ready().await.unwrap();
    world.put(&text(10, 1), 10).await.unwrap();
    std::fs::remove_file(here.join(".vault_id")).unwrap();
    assert!(matches!(world.blobs.ready().await, Err(Error::NotMounted)));
}

#[tokio::test]
async fn a_listing_shows_whole_objects_only() {
    let world = World::new();
    let stored = world.put(&text(20_000, 1), 999).await.unwrap();
    let mut half = world.begin();
    half.write(bytes::Bytes::from(text(300_000, 1))).await.unwrap();
    let store = LocalStore::open(world.path(), VAULT, false).unwrap();
    let mut seen = Vec::new();
    store
        .list(&mut |objects| {
            seen.extend(objects.iter().map(|object| (object.segment, object.sealed_len)));
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [(stored.segment.id, stored.segment.sealed_len)]);
}
