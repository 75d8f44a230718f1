//! Names and folders of the local store: `tmp/`, `blobs/00` to `blobs/ff`, `quarantine/`, `blobs/.vault_id`, `LOCK`.
//! Promise: the folders are made once and are durable before the first object; the marker is written last, so that
//! where it stands all folders stand. Not here: what is done with files (`durable`, `sweep`).

use std::path::Path;

use mv_core::{SegmentId, Timestamp};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    CWD, Dir, FlockOperation, Mode, OFlags, RenameFlags, Stat, flock, fstat, fsync, mkdirat, openat, renameat_with,
};
use rustix::io::{Errno, read, retry_on_intr, write};
use uuid::Uuid;

use super::OpenError;

/// How many folders the objects are spread over.
pub(super) const SHARDS: u16 = 256;
const MARKER: &str = ".vault_id";
const MARKER_DRAFT: &str = ".vault_id.new";

/// The lock that lets one process use a data folder. Held as long as this lives.
pub struct VaultLock {
    _file: OwnedFd,
}

impl VaultLock {
    /// Takes the lock of a data folder without waiting. `serve` and `check` hold it while they work.
    ///
    /// # Errors
    /// `Locked` if another process has it.
    pub fn acquire(data_dir: &Path) -> Result<Self, OpenError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let file = openat(CWD, data_dir.join("LOCK"), flags, Mode::RUSR | Mode::WUSR)
            .map_err(|source| OpenError::System { action: "open LOCK in", source })?;
        match retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(OpenError::Locked),
            Err(source) => Err(OpenError::System { action: "lock", source }),
        }
    }
}

/// The open folders of a store.
pub(super) struct Folders {
    pub(super) tmp: OwnedFd,
    pub(super) blobs: OwnedFd,
    pub(super) quarantine: OwnedFd,
}

impl Folders {
    /// Opens the folders under `data_dir` and compares the marker with `vault`. `may_create`: the database knows no
    /// blob yet, so a missing marker means a first start and not a lost mount.
    pub(super) fn open(data_dir: &Path, vault: Uuid, may_create: bool) -> Result<Self, OpenError> {
        let failed = |action| move |source| OpenError::System { action, source };
        let root = open_dir(CWD, data_dir).map_err(failed("open"))?;
        let marker = match open_dir(&root, "blobs") {
            Ok(blobs) => read_marker(&blobs).map_err(failed("read the marker of"))?,
            Err(Errno::NOENT) => None,
            Err(source) => return Err(OpenError::System { action: "open blobs in", source }),
        };
        match marker.as_deref() {
            Some(found) if found != marker_text(vault) => {
                return Err(OpenError::OtherVault { expected: vault, found: found.trim().to_owned() });
            }
            None if !may_create => return Err(OpenError::NotMounted),
            _ => {}
        }
        let mut made = false;
        for name in ["tmp", "blobs", "quarantine"] {
            made |= make_dir(&root, name).map_err(failed("make folders in"))?;
        }
        if made {
            fsync(&root).map_err(failed("sync"))?;
        }
        let folders = Self {
            tmp: open_dir(&root, "tmp").map_err(failed("open tmp in"))?,
            blobs: open_dir(&root, "blobs").map_err(failed("open blobs in"))?,
            quarantine: open_dir(&root, "quarantine").map_err(failed("open quarantine in"))?,
        };
        folders.same_device()?;
        folders.make_shards(marker.is_none().then_some(vault)).map_err(failed("prepare blobs in"))?;
        Ok(folders)
    }

    /// A file can be renamed only within one file system.
    fn same_device(&self) -> Result<(), OpenError> {
        let device = |folder: &OwnedFd| {
            fstat(folder).map(|stat| stat.st_dev).map_err(|source| OpenError::System { action: "look at", source })
        };
        let blobs = device(&self.blobs)?;
        if device(&self.tmp)? != blobs || device(&self.quarantine)? != blobs {
            return Err(OpenError::TwoDevices);
        }
        Ok(())
    }

    fn make_shards(&self, new_vault: Option<Uuid>) -> Result<(), Errno> {
        let mut made = false;
        for shard in 0..SHARDS {
            made |= make_dir(&self.blobs, &shard_name(shard))?;
        }
        if made {
            fsync(&self.blobs)?;
        }
        let Some(vault) = new_vault else { return Ok(()) };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let draft = openat(&self.blobs, MARKER_DRAFT, flags, Mode::RUSR | Mode::WUSR)?;
        let text = marker_text(vault);
        if retry_on_intr(|| write(&draft, text.as_bytes()))? != text.len() {
            return Err(Errno::NOSPC);
        }
        fsync(&draft)?;
        renameat_with(&self.blobs, MARKER_DRAFT, &self.blobs, MARKER, RenameFlags::empty())?;
        fsync(&self.blobs)
    }

    /// Opens one of the folders that objects are spread over.
    pub(super) fn open_shard(&self, shard: u16) -> Result<OwnedFd, Errno> {
        open_dir(&self.blobs, shard_name(shard))
    }
}

/// What the marker of a vault holds.
pub(super) fn marker_text(vault: Uuid) -> String {
    format!("{vault}\n")
}

/// The text of the marker, if there is one.
pub(super) fn read_marker(blobs: &OwnedFd) -> Result<Option<String>, Errno> {
    let file = match openat(blobs, MARKER, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(source) => return Err(source),
    };
    let mut text = [0u8; 64];
    let len = retry_on_intr(|| read(&file, &mut text))?;
    Ok(Some(String::from_utf8_lossy(text.get(..len).unwrap_or_default()).into_owned()))
}

/// Opens a folder.
pub(super) fn open_dir<P: rustix::path::Arg>(at: impl AsFd, name: P) -> Result<OwnedFd, Errno> {
    openat(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Makes a folder for the owner alone; `false` if it was there.
fn make_dir(at: &OwnedFd, name: &str) -> Result<bool, Errno> {
    match mkdirat(at, name, Mode::RWXU) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(source) => Err(source),
    }
}

/// The name of a segment's file: its UUID as 32 hexadecimal digits.
pub(super) fn file_name(segment: SegmentId) -> String {
    segment.uuid().simple().to_string()
}

/// The segment whose file has this name.
pub(super) fn parse_name(name: &[u8]) -> Option<SegmentId> {
    let text = std::str::from_utf8(name).ok()?;
    let segment = SegmentId::from_uuid(Uuid::try_parse(text).ok()?);
    // Only the one spelling that `file_name` writes.
    (file_name(segment) == text).then_some(segment)
}

/// The shard of a segment: the last byte of its UUID. The first ones are the clock's and would fill one folder.
pub(super) fn shard_of(segment: SegmentId) -> u16 {
    let [.., last] = *segment.uuid().as_bytes();
    u16::from(last)
}

fn shard_name(shard: u16) -> String {
    format!("{shard:02x}")
}

/// The path of a segment's file below `blobs/`.
pub(super) fn object_path(segment: SegmentId) -> String {
    format!("{}/{}", shard_name(shard_of(segment)), file_name(segment))
}

/// The name of a file in quarantine: whose it is, and since when (seconds since 1970).
pub(super) fn quarantine_name(segment: SegmentId, since: Timestamp) -> String {
    format!("{}.{}", file_name(segment), since.seconds())
}

/// What `quarantine_name` wrote.
pub(super) fn parse_quarantine_name(name: &[u8]) -> Option<(SegmentId, Timestamp)> {
    let dot = name.iter().position(|byte| *byte == b'.')?;
    let (segment, since) = name.split_at_checked(dot)?;
    let seconds = std::str::from_utf8(since.get(1..)?).ok()?.parse().ok()?;
    Some((parse_name(segment)?, Timestamp::from_seconds(seconds)))
}

/// The names in a folder. The folder is opened anew, so that concurrent readers do not share a position.
pub(super) fn names_in(folder: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::new(open_dir(folder, ".")?)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// When a file was last written.
pub(super) fn modified(stat: &Stat) -> Timestamp {
    Timestamp::from_seconds(stat.st_mtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn names_come_back(bits: u128, seconds in 0i64..4_000_000_000) {
            let segment = SegmentId::from_uuid(Uuid::from_u128(bits));
            let name = file_name(segment);
            proptest::prop_assert_eq!(parse_name(name.as_bytes()), Some(segment));
            proptest::prop_assert_eq!(object_path(segment), format!("{}/{name}", &name[30..]));
            let since = Timestamp::from_seconds(seconds);
            let aside = quarantine_name(segment, since);
            proptest::prop_assert_eq!(parse_quarantine_name(aside.as_bytes()), Some((segment, since)));
            proptest::prop_assert_eq!(parse_name(aside.as_bytes()), None);
        }
    }

    #[test]
    fn other_names_are_nobodys() {
        for name in
            ["", ".vault_id", "lost+found", "01890a5d-ac96-774b-bcce-b302099a8057", "01890A5DAC96774BBCCEB302099A8057"]
        {
            assert_eq!(parse_name(name.as_bytes()), None, "{name}");
            assert_eq!(parse_quarantine_name(name.as_bytes()), None, "{name}");
        }
    }
}
