//! Crash points: a child process kills itself at a step of an upload; what it leaves is what the protocol says.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mv_blobs::{BlobStore, Blobs, Expect, LocalStore, NewBlob, RootKey, failpoint};
use mv_core::entropy::SystemEntropy;
use mv_core::id::{BlobKind, SegmentKind, UserKind};
use mv_core::{Clock, Mint, SystemClock};

use crate::world::{VAULT, text};

const FOLDER: &str = "MEDIAVAULT_CRASH_FOLDER";
const POINT: &str = "MEDIAVAULT_CRASH_POINT";
const LEN: usize = 600_000;

#[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The child: uploads and deletes, and does not survive. Does nothing when run as a test of its own.
#[tokio::test]
async fn child() {
    let (Some(folder), Some(point)) = (told(FOLDER), told(POINT)) else { return };
    let store = LocalStore::open(Path::new(&folder), VAULT, true).unwrap();
    let blobs = Blobs::new(Arc::new(store), Arc::new(SystemEntropy), 2).unwrap();
    let mint = Mint::new(Arc::new(SystemClock::default()), Arc::new(SystemEntropy));
    let key = Arc::new(RootKey::from_bytes([1; 32]).new_user_key(mint.id::<UserKind>(), &SystemEntropy));
    failpoint::arm(&point, 1);
    let new = NewBlob {
        blob: mint.id::<BlobKind>(),
        segment: mint.id::<SegmentKind>(),
        key,
        declared: Some(LEN as u64),
        limit: u64::MAX,
    };
    let mut incoming = blobs.begin(new).unwrap();
    incoming.write(Bytes::from(text(LEN, 1))).await.unwrap();
    let stored = incoming.finish(Expect::default()).await.unwrap();
    blobs.discard(stored.segment.id).await.unwrap();
}

/// Objects in place and unfinished files.
fn left(folder: &Path) -> (Vec<u64>, usize) {
    let store = LocalStore::open(folder, VAULT, false).unwrap();
    let mut lengths = Vec::new();
    store
        .list(&mut |objects| {
            lengths.extend(objects.iter().map(|object| object.sealed_len));
            Ok(())
        })
        .unwrap();
    (lengths, std::fs::read_dir(folder.join("tmp")).unwrap().count())
}

#[test]
fn every_point_leaves_what_the_sweeps_remove() {
    let sealed = mv_blobs::format::sealed_len(LEN as u64).unwrap();
    for point in ["C1", "C2", "C3", "C4", "C5", "C6", "C10", "C13"] {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["crash::child", "--exact"])
            .env(FOLDER, folder.path())
            .env(POINT, point)
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(9), "{point}");
        let (objects, unfinished) = left(folder.path());
        match point {
            "C1" | "C2" | "C3" | "C4" => assert_eq!((objects.len(), unfinished), (0, 1), "{point}"),
            // In place under its name, an orphan: whole in any case.
            "C5" | "C6" | "C10" => assert_eq!((objects.as_slice(), unfinished), ([sealed].as_slice(), 0), "{point}"),
            _ => assert_eq!((objects.len(), unfinished), (0, 0), "{point}"),
        }
        let store = LocalStore::open(folder.path(), VAULT, false).unwrap();
        store.sweep_unfinished(&mut |_| Ok(Default::default())).unwrap();
        let now = SystemClock::default().now();
        for days in [2, 10] {
            store.sweep(now.plus(Duration::from_secs(days * 86_400)), &mut |_| Ok(Default::default())).unwrap();
        }
        assert_eq!(left(folder.path()), (Vec::new(), 0), "{point}");
        assert_eq!(std::fs::read_dir(folder.path().join("quarantine")).unwrap().count(), 0, "{point}");
    }
}
