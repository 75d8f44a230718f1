//! The file of the keys that sign access tokens: one key a line, 64 hexadecimal digits, the signing one first. To
//! rotate, a new line goes on top, and an hour later, when the last token of the old ones has expired, the others go.
//! Promise: the file is made with mode 0600 and refused where others may read it; a change is on disk whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use std::time::Duration;

use mv_app::auth::tokens::JwtKeys;
use mv_core::Timestamp;
use mv_core::entropy::{Entropy, random};
use mv_core::session::ACCESS_LIFE;
use zeroize::Zeroizing;

use crate::private_file;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwtKeyError {
    /// The system refused.
    #[error("cannot use the key file {path}")]
    System {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others could sign tokens.
    #[error("the key file {0} can be read by others: chmod 600 it")]
    Open(PathBuf),
    /// Not one key a line.
    #[error("the key file {0} must hold one key of 64 hexadecimal digits a line")]
    Form(PathBuf),
    /// Tokens of the old keys are still about.
    #[error("the newest key is {minutes} minutes old: tokens of the older ones are good for an hour, wait until then")]
    Early {
        /// Since the last rotation.
        minutes: u64,
    },
}

/// Reads the keys; at the first start makes one.
///
/// # Errors
/// As `JwtKeyError` says.
pub fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<JwtKeys, JwtKeyError> {
    match load(path) {
        Err(JwtKeyError::System { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            match create(path, entropy) {
                Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                    Err(JwtKeyError::System { path: path.to_owned(), source })
                }
                // Made here, or by another process a moment ago.
                _ => load(path),
            }
        }
        loaded => loaded,
    }
}

/// Reads the keys.
///
/// # Errors
/// As `JwtKeyError` says; a file that is not there is `System`.
pub fn load(path: &Path) -> Result<JwtKeys, JwtKeyError> {
    let keys = lines(path)?.iter().map(|line| key(line)).collect::<Option<Vec<_>>>();
    keys.and_then(JwtKeys::new).ok_or_else(|| JwtKeyError::Form(path.to_owned()))
}

/// Puts a new key on top, which signs from now on; the others go on verifying.
///
/// # Errors
/// As `JwtKeyError` says; a file that cannot be used is not touched.
pub fn rotate(path: &Path, entropy: &dyn Entropy) -> Result<(), JwtKeyError> {
    load(path)?;
    let fresh: Zeroizing<[u8; 32]> = Zeroizing::new(random(entropy));
    let mut text = Zeroizing::new(hex(fresh.as_slice()) + "\n");
    for line in lines(path)?.iter() {
        text.push_str(line);
        text.push('\n');
    }
    replace(path, &text)
}

/// Drops all keys but the signing one; gives how many went.
///
/// # Errors
/// `Early` while tokens of the old keys may be good, which the file's age tells.
pub fn prune(path: &Path, now: Timestamp) -> Result<usize, JwtKeyError> {
    load(path)?;
    let lines = lines(path)?;
    let [signing, old @ ..] = lines.as_slice() else { return Ok(0) };
    if old.is_empty() {
        return Ok(0);
    }
    let changed = fs::metadata(path).and_then(|file| file.modified()).map_err(|source| failed(path, source))?;
    let changed = changed.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let age = u64::try_from(now.seconds()).unwrap_or(0).saturating_sub(changed);
    if Duration::from_secs(age) < ACCESS_LIFE {
        return Err(JwtKeyError::Early { minutes: age / 60 });
    }
    replace(path, &format!("{signing}\n"))?;
    Ok(old.len())
}

fn replace(path: &Path, text: &str) -> Result<(), JwtKeyError> {
    private_file::replace(path, text.as_bytes()).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> JwtKeyError {
    JwtKeyError::System { path: path.to_owned(), source }
}

/// The lines that say something, of a file that only its owner may read.
fn lines(path: &Path) -> Result<Zeroizing<Vec<String>>, JwtKeyError> {
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|source| failed(path, source))?);
    if fs::metadata(path).map_err(|source| failed(path, source))?.permissions().mode() & 0o077 != 0 {
        return Err(JwtKeyError::Open(path.to_owned()));
    }
    Ok(Zeroizing::new(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn create(path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let (key, suffix): ([u8; 32], [u8; 8]) = (random(entropy), random(entropy));
    // A draft of one's own: two processes may start for the first time together.
    let draft = path.with_extension(format!("{}.new", hex(&suffix)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(format!("{}\n", hex(&key)).as_bytes())?;
    file.sync_all()?;
    // A link never replaces a key that another process made meanwhile.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()?;
    linked
}

fn key(line: &str) -> Option<[u8; 32]> {
    let mut key = [0u8; 32];
    if line.len() != 64 || !line.is_ascii() {
        return None;
    }
    for (byte, place) in key.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(line.get(place..place + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::entropy::SystemEntropy;

    #[test]
    fn made_once_read_ever_after_and_refused_where_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwt.key");
        assert!(load_or_create(&path, &SystemEntropy).is_ok());
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!((first.len(), fs::metadata(&path).unwrap().permissions().mode() & 0o777), (65, 0o600));
        assert!(load_or_create(&path, &SystemEntropy).is_ok());
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        rotate(&path, &SystemEntropy).unwrap();
        let second = fs::read_to_string(&path).unwrap();
        assert!(second.ends_with(&first) && second.len() == 2 * first.len() && second[..64] != first[..64]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let made = fs::metadata(&path).unwrap().modified().unwrap();
        let made = made.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let at = |seconds| Timestamp::from_seconds(i64::try_from(made + seconds).unwrap());
        assert!(matches!(prune(&path, at(3599)), Err(JwtKeyError::Early { minutes: 59 })));
        assert_eq!(fs::read_to_string(&path).unwrap(), second);
        assert_eq!(prune(&path, at(3600)).unwrap(), 1);
        assert_eq!(fs::read_to_string(&path).unwrap(), second[..65]);
        assert_eq!(prune(&path, at(0)).unwrap(), 0, "nothing to drop");
        fs::write(&path, "short\n").unwrap();
        assert!(matches!(rotate(&path, &SystemEntropy), Err(JwtKeyError::Form(_))));
        assert!(matches!(load_or_create(&path, &SystemEntropy), Err(JwtKeyError::Form(_))));
        fs::write(&path, &first).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load_or_create(&path, &SystemEntropy), Err(JwtKeyError::Open(_))));
    }
}
