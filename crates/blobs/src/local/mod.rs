//! The store on a local disk, below one data folder.
//! Promise: opens only the blob folder that belongs to the database, notices when it is unmounted, and keeps what it
//! committed. Not here: the steps of a write (`durable`), clean-up (`sweep`), names (`layout`).

mod durable;
mod layout;
mod sweep;

use std::io::IoSliceMut;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mv_core::{SegmentId, Timestamp};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatVfsMountFlags, fstat, fstatfs, fstatvfs, openat, statat, unlinkat};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2, retry_on_intr};
use uuid::Uuid;

use crate::error::Error;
use crate::failpoint;
use crate::store::{BlobStore, Known, ObjectReader, ObjectWriter, Space, Swept, Visit};

use durable::{Draft, ShardSync};
use layout::{Folders, SHARDS, object_path};

pub use layout::VaultLock;

/// Why a data folder could not be opened. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses the folder.
    #[error("another process uses this data folder")]
    Locked,
    /// The database knows blobs, but their folder has no marker.
    #[error("the blob folder is not mounted: blobs/.vault_id is missing")]
    NotMounted,
    /// The marker is another vault's.
    #[error("the blob folder belongs to the vault {found}, the database to {expected}")]
    OtherVault {
        /// The database's vault.
        expected: Uuid,
        /// What the marker says.
        found: String,
    },
    /// `tmp/`, `blobs/` and `quarantine/` are not on one file system.
    #[error("tmp, blobs and quarantine must be on one file system")]
    TwoDevices,
    /// The system refused.
    #[error("cannot {action} the data folder")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: Errno,
    },
}

/// What writers and sweeps share.
struct Place {
    folders: Folders,
    syncs: Vec<ShardSync>,
    /// `blobs/` by its path, to notice that something else lies there now.
    blobs_path: PathBuf,
    vault: Uuid,
}

/// The store on a local disk.
pub struct LocalStore {
    place: Arc<Place>,
}

impl LocalStore {
    /// Opens the store below `data_dir`, which must exist; the caller holds its `VaultLock`. `vault` is the id that
    /// the database keeps. `may_create` is true as long as the database knows no blob: only then may the marker be
    /// missing, and it is made.
    ///
    /// # Errors
    /// `NotMounted`, `OtherVault`, `TwoDevices`, `System`.
    pub fn open(data_dir: &Path, vault: Uuid, may_create: bool) -> Result<Self, OpenError> {
        let folders = Folders::open(data_dir, vault, may_create)?;
        if fstatfs(&folders.blobs).is_ok_and(|fs| fs.f_type == NFS_MAGIC) {
            tracing::warn!("the data folder is on NFS: durability then depends on the server and is not promised");
        }
        let syncs = (0..SHARDS).map(|_| ShardSync::default()).collect();
        let blobs_path = data_dir.join("blobs");
        Ok(Self { place: Arc::new(Place { folders, syncs, blobs_path, vault }) })
    }
}

/// What objects leave free (reliability: U0), or an eighth of a small disk.
const RESERVE: u64 = 64 * 1024 * 1024;

/// `NFS_SUPER_MAGIC` of statfs(2).
const NFS_MAGIC: rustix::fs::FsWord = 0x6969;

impl Place {
    /// Whether `blobs/` at its path is still the folder that is open here.
    fn still_mounted(&self) -> Result<(), Error> {
        let ours = fstat(&self.folders.blobs).map_err(|source| Error::system("look at blobs", source))?;
        match statat(CWD, &self.blobs_path, AtFlags::empty()) {
            Ok(there) if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino) => Ok(()),
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => Err(Error::NotMounted),
            Err(source) => Err(Error::system("look at blobs", source)),
        }
    }

    /// How much room there is for objects. The last part of a disk is for the records beside them: on a disk that
    /// uploads can fill to the brim nobody could log in or delete anything any more.
    fn room(&self) -> Result<Space, Error> {
        let room = fstatvfs(&self.folders.blobs).map_err(|source| Error::system("measure the disk", source))?;
        let bytes = |blocks: u64| blocks.saturating_mul(room.f_frsize);
        let reserve = RESERVE.min(bytes(room.f_blocks) / 8);
        Ok(Space {
            free_bytes: bytes(room.f_bavail).saturating_sub(reserve),
            total_bytes: bytes(room.f_blocks),
            // File systems that make inodes as they go report none at all.
            free_files: (room.f_files > 0).then_some(room.f_favail),
        })
    }

    /// Refuses to write so much where there is no room for it.
    fn check_room(&self, wanted: u64) -> Result<(), Error> {
        if self.room()?.free_bytes < wanted { Err(Error::Full) } else { Ok(()) }
    }
}

impl BlobStore for LocalStore {
    fn create(&self, segment: SegmentId, expected: Option<u64>) -> Result<Box<dyn ObjectWriter>, Error> {
        // Our open folders outlive a lazy unmount; bytes written then would be lost to the path.
        self.place.still_mounted()?;
        Ok(Box::new(Draft::create(Arc::clone(&self.place), segment, expected)?))
    }

    fn open(&self, segment: SegmentId) -> Result<Arc<dyn ObjectReader>, Error> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = match openat(&self.place.folders.blobs, object_path(segment), flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(Error::Missing(segment)),
            Err(source) => return Err(Error::system("open a file", source)),
        };
        let stat = fstat(&file).map_err(|source| Error::system("look at a file", source))?;
        Ok(Arc::new(LocalObject { file, len: u64::try_from(stat.st_size).unwrap_or(0) }))
    }

    /// D3. Not synced: a name that a power cut brings back is an orphan for the sweep.
    fn delete(&self, segment: SegmentId) -> Result<(), Error> {
        match unlinkat(&self.place.folders.blobs, object_path(segment), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(source) => return Err(Error::system("delete a file", source)),
        }
        failpoint::hit("C13");
        Ok(())
    }

    fn list(&self, visit: &mut Visit<'_>) -> Result<(), Error> {
        self.place.walk(visit)
    }

    fn sweep_unfinished(&self, known: &mut Known<'_>) -> Result<u64, Error> {
        self.place.sweep_tmp(known)
    }

    fn sweep(&self, now: Timestamp, known: &mut Known<'_>) -> Result<Swept, Error> {
        self.place.still_mounted()?;
        self.place.sweep(now, known)
    }

    fn space(&self) -> Result<Space, Error> {
        self.place.room()
    }

    fn ready(&self) -> Result<(), Error> {
        self.place.still_mounted()?;
        let failed = |source| Error::system("read the marker", source);
        let marker = layout::read_marker(&self.place.folders.blobs).map_err(failed)?;
        if marker != Some(layout::marker_text(self.place.vault)) {
            return Err(Error::NotMounted);
        }
        let room = fstatvfs(&self.place.folders.tmp).map_err(|source| Error::system("look at tmp", source))?;
        if room.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(Error::system("write", Errno::ROFS));
        }
        Ok(())
    }
}

/// An open file.
struct LocalObject {
    file: OwnedFd,
    len: u64,
}

impl ObjectReader for LocalObject {
    fn sealed_len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match retry_on_intr(|| pread(&self.file, &mut *rest, at + filled as u64)) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(source) => return Err(Error::system("read a file", source)),
            }
        }
        Ok(filled)
    }

    /// RWF_NOWAIT answers from the page cache or not at all.
    fn read_now(&self, at: u64, buffer: &mut [u8]) -> Option<Result<usize, Error>> {
        let wanted = buffer.len();
        match preadv2(&self.file, &mut [IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT) {
            Ok(count) if count == wanted => Some(Ok(count)),
            // Less, EAGAIN or a file system without NOWAIT: the blocking way knows what to say.
            _ => None,
        }
    }
}
