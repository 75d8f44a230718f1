//! Programs of the machine that show what this one cannot: looked for on the path once, at the start.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mv_app::processing::Tools;

/// Those that are there.
pub fn find() -> Tools {
    #[expect(clippy::disallowed_methods, reason = "where programs lie is no setting of ours")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    Tools {
        ffmpeg: on_path(&path, "ffmpeg"),
        ffprobe: on_path(&path, "ffprobe"),
        heif: on_path(&path, "heif-thumbnailer"),
    }
}

fn on_path(path: &OsStr, name: &str) -> Option<PathBuf> {
    let runs =
        |file: &Path| file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0);
    // Only under these can a closed-in program read its own libraries.
    let readable = |file: &Path| ["/usr", "/bin"].iter().any(|folder| file.starts_with(folder));
    let found = std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| runs(file));
    found.and_then(|file| file.canonicalize().ok()).filter(|file| readable(file))
}
