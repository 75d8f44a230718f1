//! The sweeps' rules, on a real folder and with times of our choosing.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use mv_core::{Clock, SystemClock};
use uuid::Uuid;

use super::*;
use crate::local::LocalStore;
use crate::store::BlobStore;

const HOUR: Duration = Duration::from_secs(3600);

fn segment(number: u128) -> SegmentId {
    SegmentId::from_uuid(Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0000 + number))
}

fn store(folder: &Path) -> LocalStore {
    LocalStore::open(folder, Uuid::from_u128(1), true).unwrap()
}

fn put(store: &LocalStore, number: u128) -> SegmentId {
    let mut writer = store.create(segment(number), None).unwrap();
    writer.append(b"sealed").unwrap();
    writer.commit().unwrap();
    segment(number)
}

fn later(hours: u32) -> Timestamp {
    SystemClock::default().now().plus(HOUR * hours)
}

fn rows(known: &[SegmentId]) -> impl FnMut(&[SegmentId]) -> Result<HashSet<SegmentId>, crate::CallerError> + Send {
    let known: HashSet<SegmentId> = known.iter().copied().collect();
    move |asked| Ok(asked.iter().copied().filter(|segment| known.contains(segment)).collect())
}

fn files(folder: &Path, name: &str) -> usize {
    std::fs::read_dir(folder.join(name)).unwrap().count()
}

#[test]
fn the_start_removes_unfinished_files_but_not_open_uploads() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(folder.path());
    let kept = put(&first, 1);
    for number in [2, 3, 4] {
        let mut writer = first.create(segment(number), None).unwrap();
        writer.append(b"half").unwrap();
        // As a crash would, leave the file where it is.
        std::mem::forget(writer);
    }
    assert_eq!(files(folder.path(), "tmp"), 3);
    let again = store(folder.path());
    assert_eq!(again.sweep_unfinished(&mut rows(&[segment(3)])).unwrap(), 2);
    assert_eq!(files(folder.path(), "tmp"), 1);
    assert!(again.open(kept).is_ok());
}

#[test]
fn an_old_file_without_a_row_goes_aside_for_a_week() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (kept, orphan) = (put(&store, 1), put(&store, 2));
    // Not before a day has passed, and never when the clock stands back.
    for hours in [0, 23] {
        assert_eq!(store.sweep(later(hours), &mut rows(&[kept])).unwrap().quarantined, 0);
    }
    assert_eq!(store.sweep(Timestamp::from_seconds(0), &mut rows(&[kept])).unwrap().quarantined, 0);

    let swept = store.sweep(later(25), &mut rows(&[kept])).unwrap();
    assert_eq!((swept.total, swept.quarantined, swept.removed), (2, 1, 0));
    assert!(store.open(kept).is_ok() && store.open(orphan).is_err());
    assert_eq!(files(folder.path(), "quarantine"), 1);

    assert_eq!(store.sweep(later(25 + 167), &mut rows(&[kept])).unwrap().removed, 0);
    assert_eq!(store.sweep(later(25 + 169), &mut rows(&[kept])).unwrap().removed, 1);
    assert_eq!(files(folder.path(), "quarantine"), 0);
    assert!(store.open(kept).is_ok());
}

#[test]
fn a_row_that_comes_back_brings_its_file_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let orphan = put(&store, 1);
    store.sweep(later(25), &mut rows(&[])).unwrap();
    assert!(store.open(orphan).is_err());
    // Even when the week is over, the row decides.
    let swept = store.sweep(later(25 + 200), &mut rows(&[orphan])).unwrap();
    assert_eq!((swept.restored, swept.removed, swept.quarantined), (1, 0, 0));
    assert!(store.open(orphan).is_ok());
}

#[test]
fn a_wrong_database_empties_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let all: Vec<SegmentId> = (0..120).map(|number| put(&store, number)).collect();
    let refused = store.sweep(later(25), &mut rows(&[])).unwrap_err();
    assert!(matches!(refused, Error::SweepRefused { unknown: 120, total: 120 }));
    assert!(all.iter().all(|segment| store.open(*segment).is_ok()));
    // 100 unknown ones are always swept, however few there are in all.
    assert_eq!(store.sweep(later(25), &mut rows(&all[..20])).unwrap().quarantined, 100);
}

#[test]
fn a_row_that_comes_during_the_walk_saves_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let late = put(&store, 1);
    let asked = AtomicBool::new(false);
    let mut known = |segments: &[SegmentId]| {
        let again = asked.swap(true, Ordering::SeqCst);
        Ok(segments.iter().copied().filter(|_| again).collect())
    };
    assert_eq!(store.sweep(later(25), &mut known).unwrap().quarantined, 0);
    assert!(store.open(late).is_ok());
}

#[test]
fn a_failing_database_stops_the_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let orphan = put(&store, 1);
    let mut known = |_: &[SegmentId]| Err("no connection".into());
    assert!(matches!(store.sweep(later(25), &mut known), Err(Error::Caller(_))));
    assert!(store.open(orphan).is_ok());
}

#[test]
fn strange_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for path in ["blobs/00/notes.txt", "tmp/notes.txt", "quarantine/notes.txt"] {
        std::fs::write(folder.path().join(path), b"mine").unwrap();
    }
    assert_eq!(store.sweep_unfinished(&mut rows(&[])).unwrap(), 0);
    assert_eq!(store.sweep(later(1000), &mut rows(&[])).unwrap(), Swept::default());
    for path in ["blobs/00/notes.txt", "tmp/notes.txt", "quarantine/notes.txt"] {
        assert!(folder.path().join(path).exists(), "{path}");
    }
}
