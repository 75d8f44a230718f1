//! One file's way to disk: steps U1 to U6 of the durability protocol.
//! Promise: when `commit` returns, a power cut cannot take the file away; before that, nothing is visible in `blobs/`
//! under load and a crash leaves only what the sweeps remove. A failed sync is final: since Linux may report an I/O
//! error once and then forget the dirty pages, the file is unlinked and never synced again.
//! Not here: steps U0 and U7 on (quota and rows), which belong to the floors above.

use std::num::NonZeroU64;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use mv_core::SegmentId;
use rustix::fd::OwnedFd;
use rustix::fs::{
    Advice, AtFlags, FallocateFlags, Mode, OFlags, RenameFlags, fadvise, fallocate, fdatasync, fsync, linkat, openat,
    renameat_with, unlinkat,
};
use rustix::io::{Errno, pwrite, retry_on_intr};

use super::Place;
use super::layout::{file_name, object_path, shard_of};
use crate::error::Error;
use crate::failpoint;
use crate::store::ObjectWriter;

/// Written bytes after which the kernel is told to begin writing them back, so that the last sync is short.
const WRITE_BEHIND: u64 = 8 * 1024 * 1024;

/// Where the name of an unfinished file stands now.
enum Stands {
    InTmp,
    InBlobs,
    /// Committed, or already unlinked: nothing to clean up.
    Settled,
}

/// A file that is being written.
pub(super) struct Draft {
    place: Arc<Place>,
    segment: SegmentId,
    file: OwnedFd,
    written: u64,
    behind: u64,
    /// The space for all of it is taken already.
    reserved: bool,
    stands: Stands,
}

impl Draft {
    /// U1: a new file in `tmp/`, with space reserved if its length is known.
    pub(super) fn create(place: Arc<Place>, segment: SegmentId, expected: Option<u64>) -> Result<Self, Error> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = match openat(&place.folders.tmp, file_name(segment), flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => file,
            Err(Errno::EXIST) => return Err(Error::Exists(segment)),
            Err(source) => return Err(Error::system("create a file", source)),
        };
        let mut draft = Self { place, segment, file, written: 0, behind: 0, reserved: false, stands: Stands::InTmp };
        failpoint::hit("C1");
        if let Some(len) = expected.filter(|len| *len > 0) {
            draft.place.check_room(len)?;
            match retry_on_intr(|| fallocate(&draft.file, FallocateFlags::KEEP_SIZE, 0, len)) {
                Ok(()) => draft.reserved = true,
                // Reserving is a favour; file systems without it take the bytes as they come.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
                Err(source) => return Err(Error::system("reserve space", source)),
            }
        }
        Ok(draft)
    }

    /// Begins writing back what was written lately, and gives the pages of what was written before that back.
    /// posix_fadvise(DONTNEED) starts writeback of dirty pages without waiting and drops clean ones (Linux
    /// mm/fadvise.c). The pages given back can be written to next: taking new ones for all of a large file cost several
    /// times the copy where it was measured, in a virtual machine, and pushes out what others read.
    fn write_behind(&mut self) {
        let fresh = self.written - self.behind;
        if fresh >= WRITE_BEHIND {
            // From further back than the last call, for pages that were still on their way to the disk then.
            let from = self.behind.saturating_sub(2 * WRITE_BEHIND);
            // Advice only: if it fails, the last sync takes longer.
            let _advised = fadvise(&self.file, from, NonZeroU64::new(self.written - from), Advice::DontNeed);
            self.behind = self.written;
        }
    }

    fn place_in_blobs(&mut self) -> Result<(), Error> {
        let (from, to) = (file_name(self.segment), object_path(self.segment));
        let folders = &self.place.folders;
        let renamed = renameat_with(&folders.tmp, &from, &folders.blobs, &to, RenameFlags::NOREPLACE);
        match renamed {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS) => self.link_into_blobs(&from, &to)?,
            Err(Errno::EXIST) => return Err(Error::Exists(self.segment)),
            Err(source) => return Err(Error::system("rename a file", source)),
        }
        self.stands = Stands::InBlobs;
        Ok(())
    }

    /// The same for file systems without RENAME_NOREPLACE (ZFS before 2.2): a link never replaces.
    fn link_into_blobs(&self, from: &str, to: &str) -> Result<(), Error> {
        let folders = &self.place.folders;
        match linkat(&folders.tmp, from, &folders.blobs, to, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(Error::Exists(self.segment)),
            Err(source) => return Err(Error::system("link a file", source)),
        }
        // A name that stays in tmp/ is removed by the sweep at the next start.
        let _gone = unlinkat(&folders.tmp, from, AtFlags::empty());
        Ok(())
    }
}

impl ObjectWriter for Draft {
    /// U2.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if !self.reserved {
            self.place.check_room(bytes.len() as u64)?;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = retry_on_intr(|| pwrite(&self.file, rest, self.written))
                .map_err(|source| Error::system("write", source))?;
            if count == 0 {
                return Err(Error::Full);
            }
            self.written += count as u64;
            rest = rest.get(count..).unwrap_or_default();
        }
        failpoint::hit("C2");
        self.write_behind();
        Ok(())
    }

    /// U4 to U6.
    fn commit(mut self: Box<Self>) -> Result<(), Error> {
        // Not repeated on EINTR or anything else: see the header.
        fdatasync(&self.file).map_err(|source| Error::system("sync a file", source))?;
        failpoint::hit("C4");
        self.place_in_blobs()?;
        failpoint::hit("C5");
        self.place.sync_shard(shard_of(self.segment)).map_err(|source| Error::system("sync a folder", source))?;
        failpoint::hit("C6");
        self.stands = Stands::Settled;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let folders = &self.place.folders;
        let gone = match self.stands {
            Stands::Settled => return,
            Stands::InTmp => unlinkat(&folders.tmp, file_name(self.segment), AtFlags::empty()),
            Stands::InBlobs => unlinkat(&folders.blobs, object_path(self.segment), AtFlags::empty()),
        };
        if let Err(source) = gone {
            tracing::warn!(segment.id = %self.segment, error = %source, "an unfinished file could not be removed");
        }
    }
}

/// One folder's syncs. A sync covers every name that was placed before it began, so whoever comes while one runs waits
/// for the next, and all who wait for the same one share it.
#[derive(Default)]
pub(super) struct ShardSync {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    next: Arc<OnceLock<Result<(), Errno>>>,
}

impl ShardSync {
    /// Returns after a sync that began after this call was made.
    pub(super) fn sync(&self, run: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let round = Arc::clone(&state.next);
        while state.running {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
            if let Some(outcome) = round.get() {
                return *outcome;
            }
        }
        // Nothing runs and this round has not run: it is the next one, and this thread leads it.
        state.running = true;
        state.next = Arc::default();
        drop(state);
        let outcome = run();
        let stored = *round.get_or_init(|| outcome);
        self.state.lock().unwrap_or_else(PoisonError::into_inner).running = false;
        self.ended.notify_all();
        stored
    }
}

impl Place {
    /// U6: makes the names in a shard durable.
    pub(super) fn sync_shard(&self, shard: u16) -> Result<(), Errno> {
        let Some(syncs) = self.syncs.get(usize::from(shard)) else { return Err(Errno::INVAL) };
        syncs.sync(|| fsync(self.folders.open_shard(shard)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// Waits until `count` threads besides this one hold the round that comes next.
    fn until_waiting(sync: &ShardSync, count: usize) {
        for _ in 0..2000 {
            if Arc::strong_count(&sync.state.lock().unwrap().next) == count + 1 {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the threads never came to wait");
    }

    #[test]
    fn those_who_come_during_a_sync_share_the_next_one() {
        let sync = ShardSync::default();
        let runs = AtomicU32::new(0);
        let (open, gate) = channel::<()>();
        std::thread::scope(|scope| {
            let (sync, runs) = (&sync, &runs);
            let (begun, first_runs) = channel();
            let leader = scope.spawn(move || {
                sync.sync(|| {
                    begun.send(()).unwrap();
                    gate.recv().unwrap();
                    runs.fetch_add(1, Ordering::SeqCst);
                    Err(Errno::IO)
                })
            });
            first_runs.recv().unwrap();
            let late: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(move || {
                        sync.sync(|| {
                            runs.fetch_add(1, Ordering::SeqCst);
                            Ok(())
                        })
                    })
                })
                .collect();
            until_waiting(sync, 8);
            open.send(()).unwrap();
            // The first one's failure is its own; the later ones had a sync that began after they came.
            assert_eq!(leader.join().unwrap(), Err(Errno::IO));
            for waiter in late {
                assert_eq!(waiter.join().unwrap(), Ok(()));
            }
        });
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_failed_round_fails_all_who_share_it() {
        let sync = ShardSync::default();
        let (open, gate) = channel::<()>();
        std::thread::scope(|scope| {
            let sync = &sync;
            let (begun, first_runs) = channel();
            scope.spawn(move || {
                sync.sync(|| {
                    begun.send(()).unwrap();
                    gate.recv().unwrap();
                    Ok(())
                })
            });
            first_runs.recv().unwrap();
            let late: Vec<_> = (0..4).map(|_| scope.spawn(move || sync.sync(|| Err(Errno::IO)))).collect();
            until_waiting(sync, 4);
            open.send(()).unwrap();
            for waiter in late {
                assert_eq!(waiter.join().unwrap(), Err(Errno::IO));
            }
        });
        assert_eq!(sync.sync(|| Ok(())), Ok(()));
    }

    #[test]
    fn linking_does_what_renaming_does() {
        use crate::store::BlobStore;
        let folder = tempfile::tempdir().unwrap();
        let store = crate::local::LocalStore::open(folder.path(), uuid::Uuid::from_u128(1), true).unwrap();
        let segment = SegmentId::from_uuid(uuid::Uuid::from_u128(0xab));
        let (from, to) = (file_name(segment), object_path(segment));
        let draft = Draft::create(Arc::clone(&store.place), segment, None).unwrap();
        draft.link_into_blobs(&from, &to).unwrap();
        assert!(store.open(segment).is_ok());
        assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
        // And it never replaces.
        let second = Draft::create(Arc::clone(&store.place), segment, None).unwrap();
        assert!(matches!(second.link_into_blobs(&from, &to), Err(Error::Exists(_))));
    }
}
