//! The file of the keys that sign access tokens: one key a line, 64 hexadecimal digits, the signing one first. Put a new
//! line on top and restart to rotate; remove the old one an hour later.
//! Promise: the file is made with mode 0600 and refused where others may read it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mv_app::auth::tokens::JwtKeys;
use mv_core::entropy::{Entropy, random};

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
}

/// Reads the keys; at the first start makes one.
///
/// # Errors
/// As `JwtKeyError` says.
pub fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<JwtKeys, JwtKeyError> {
    let failed = |source| JwtKeyError::System { path: path.to_owned(), source };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match create(path, entropy) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            // Made here, or by another process a moment ago.
            _ => fs::read_to_string(path).map_err(failed)?,
        },
        Err(error) => return Err(failed(error)),
    };
    if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(JwtKeyError::Open(path.to_owned()));
    }
    let keys: Option<Vec<[u8; 32]>> =
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| key(line.trim())).collect();
    keys.and_then(JwtKeys::new).ok_or_else(|| JwtKeyError::Form(path.to_owned()))
}

fn create(path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
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
        fs::write(&path, "short\n").unwrap();
        assert!(matches!(load_or_create(&path, &SystemEntropy), Err(JwtKeyError::Form(_))));
        fs::write(&path, &first).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load_or_create(&path, &SystemEntropy), Err(JwtKeyError::Open(_))));
    }
}
