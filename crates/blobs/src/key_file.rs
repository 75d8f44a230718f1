//! The root key's file: 32 bytes that only their owner may read.
//! Promise: a key that was created is on disk before anything is encrypted with it; a file that others may read, or
//! of another size, is refused with one clear line. Not here: whether a missing key may be created: the caller knows
//! whether the database already depends on one.

use std::path::{Path, PathBuf};

use mv_core::entropy::{Entropy, random};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawMode, fstat, fsync, linkat, openat, renameat, unlinkat};
use rustix::io::{Errno, read, retry_on_intr, write};
use zeroize::Zeroizing;

use crate::keys::RootKey;

/// Why a root key file could not be used. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error("there is no key file {}", .0.display())]
    Missing(PathBuf),
    /// Others than its owner may read or write it.
    #[error("the key file {} has mode {mode:03o}: others may use it; run `chmod 600` on it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not 32 bytes, or not a file.
    #[error("the key file {} must be a file of exactly 32 bytes, it has {len}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: u64,
    },
    /// The system refused.
    #[error("cannot use the key file {}", path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Errno,
    },
}

impl RootKey {
    /// Reads the root key from its file.
    ///
    /// # Errors
    /// `Missing` if there is none, `Open` if group or others have any right to it, `Size` if it is not 32 bytes.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let system = |source| KeyFileError::System { path: path.to_owned(), source };
        let file = match openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(KeyFileError::Missing(path.to_owned())),
            Err(source) => return Err(system(source)),
        };
        let stat = fstat(&file).map_err(system)?;
        let mode = Mode::from_raw_mode(stat.st_mode as RawMode);
        if mode.intersects(Mode::RWXG | Mode::RWXO) {
            return Err(KeyFileError::Open { path: path.to_owned(), mode: mode.as_raw_mode() });
        }
        let len = u64::try_from(stat.st_size).unwrap_or(0);
        if FileType::from_raw_mode(stat.st_mode as RawMode) != FileType::RegularFile || len != 32 {
            return Err(KeyFileError::Size { path: path.to_owned(), len });
        }
        let mut bytes = Zeroizing::new([0u8; 32]);
        let got = retry_on_intr(|| read(&file, &mut *bytes)).map_err(system)?;
        if got != bytes.len() {
            return Err(KeyFileError::Size { path: path.to_owned(), len: got as u64 });
        }
        Ok(Self::from_bytes(*bytes))
    }

    /// Makes a new root key and its file, mode 0600, durable when this returns. If another process was faster, its
    /// key is the answer.
    ///
    /// # Errors
    /// `System` if the folder does not take the file.
    pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<Self, KeyFileError> {
        let system = |source| KeyFileError::System { path: path.to_owned(), source };
        let key = Self::from_bytes(random(entropy));
        let suffix: [u8; 8] = random(entropy);
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{:016x}.new", u64::from_be_bytes(suffix)));
        let draft = PathBuf::from(draft);
        // A link never replaces a key that another process made meanwhile.
        let placed = write_draft(&draft, key.bytes()).and_then(|()| linkat(CWD, &draft, CWD, path, AtFlags::empty()));
        let removed = unlinkat(CWD, &draft, AtFlags::empty());
        match placed {
            // A second name of the key file must not stay unnoticed.
            Ok(()) => removed.map_err(system)?,
            Err(Errno::EXIST) => return Self::load(path),
            Err(source) => return Err(system(source)),
        }
        sync_folder_of(path).map_err(system)?;
        Ok(key)
    }

    /// Where the key that follows the one in `path` waits while a rotation is under way.
    pub fn next_path(path: &Path) -> PathBuf {
        beside(path, "next")
    }

    /// The last step of a rotation: the file of `old` is kept beside under its fingerprint, since backups made before
    /// need it, and the next key takes its place. May be run again after a crash at any point. Durable when this returns.
    ///
    /// # Errors
    /// `System` if the folder does not take the names.
    pub fn put_in_place(path: &Path, old: &Self) -> Result<(), KeyFileError> {
        let system = |source| KeyFileError::System { path: path.to_owned(), source };
        // A second name first, then the exchange: at no moment is there no key in `path`.
        match linkat(CWD, path, CWD, beside(path, &old.fingerprint()), AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(source) => return Err(system(source)),
        }
        renameat(CWD, Self::next_path(path), CWD, path).map_err(system)?;
        sync_folder_of(path).map_err(system)
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn sync_folder_of(path: &Path) -> Result<(), Errno> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    openat(CWD, folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).and_then(fsync)
}

fn write_draft(path: &Path, bytes: &[u8; 32]) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::RUSR | Mode::WUSR)?;
    // 32 bytes are written whole or not at all; less is treated as no space.
    match retry_on_intr(|| write(&file, bytes))? {
        32 => fsync(&file),
        _ => Err(Errno::NOSPC),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::entropy::SystemEntropy;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn creates_once_and_loads_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        assert!(matches!(RootKey::load(&path), Err(KeyFileError::Missing(_))));
        let made = RootKey::create(&path, &SystemEntropy).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(RootKey::load(&path).unwrap().fingerprint(), made.fingerprint());
        // A second creation finds the first one's key and leaves no draft behind.
        assert_eq!(RootKey::create(&path, &SystemEntropy).unwrap().fingerprint(), made.fingerprint());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn refuses_wrong_modes_and_sizes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        for len in [0usize, 31, 33, 64] {
            std::fs::write(&path, vec![1; len]).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(RootKey::load(&path), Err(KeyFileError::Size { len: found, .. }) if found == len as u64));
        }
        std::fs::write(&path, [1; 32]).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o644, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = RootKey::load(&path).err().unwrap();
            assert!(matches!(&refused, KeyFileError::Open { .. }), "{mode:o}");
            assert!(refused.to_string().contains(&format!("mode {mode:03o}")), "{refused}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert!(RootKey::load(&path).is_ok());
    }
}
