//! The project's own text files, read once: what git tracks, and what it does not know but does not ignore either.
//! Promise: deleted and binary files are left out; order is by path.
//! Not here: what is checked in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::outline::Outline;

/// Why the project could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// No folder upwards of the working directory holds `layers.toml`.
    #[error("run this inside the project: no layers.toml here or above")]
    NoRoot,
    /// A folder or file that is there cannot be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
}

/// A Rust file with its outline.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path below the root.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
    /// The text taken apart.
    pub(crate) outline: Outline,
}

impl Source {
    /// Whether the whole file is test code by its place: an integration test, a bench, an example, the test kit,
    /// or the file of a `mod tests;`.
    pub(crate) fn is_test_file(&self) -> bool {
        const FOLDERS: [&str; 4] = ["tests", "benches", "examples", "testkit"];
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == "tests.rs" || self.path.split('/').any(|part| FOLDERS.contains(&part))
    }

    /// Whether the line is test code, by its place or by `#[cfg(test)]`.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.is_test_file() || self.outline.is_test(line)
    }
}

/// The project's text files.
#[derive(Debug)]
pub(crate) struct Project {
    /// Its root folder.
    pub(crate) root: PathBuf,
    /// Every file that is not Rust: path below the root, text.
    pub(crate) others: Vec<(String, String)>,
    /// Every Rust file.
    pub(crate) sources: Vec<Source>,
}

impl Project {
    /// Reads the project around the working directory.
    pub(crate) fn read(start: &Path) -> Result<Self, ReadError> {
        let root = start.ancestors().find(|folder| folder.join("layers.toml").is_file()).ok_or(ReadError::NoRoot)?;
        let mut paths = match listed_by_git(root) {
            Some(paths) => paths,
            None => walked(root)?,
        };
        paths.sort();
        paths.dedup();
        let mut files = Vec::new();
        for path in paths {
            let full = root.join(&path);
            // A file may be tracked and deleted, or a link to a folder.
            if full.is_file() {
                let bytes = std::fs::read(&full).map_err(|cause| ReadError::Unreadable(full, cause))?;
                files.extend(String::from_utf8(bytes).ok().map(|text| (path, text)));
            }
        }
        Ok(Self::of(root.to_owned(), files))
    }

    /// A project of these files.
    pub(crate) fn of(root: PathBuf, files: Vec<(String, String)>) -> Self {
        let (rust, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| path.ends_with(".rs"));
        let sources = rust.into_iter().map(|(path, text)| Source { outline: Outline::of(&text), path, text }).collect();
        Self { root, others, sources }
    }

    /// A project made up for a test.
    #[cfg(test)]
    pub(crate) fn sample(files: &[(&str, &str)]) -> Self {
        let owned = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self::of(PathBuf::from("sample"), owned)
    }

    /// Every text file, Rust or not.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let rust = self.sources.iter().map(|source| (source.path.as_str(), source.text.as_str()));
        rust.chain(self.others.iter().map(|(path, text)| (path.as_str(), text.as_str())))
    }

    /// The text of one file, where it is there.
    pub(crate) fn text(&self, wanted: &str) -> Option<&str> {
        self.texts().find(|(path, _)| *path == wanted).map(|(_, text)| text)
    }
}

/// What git knows or could add; nothing where git is missing or does not trust the folder.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    let listed = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
    Some(listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// The same without git (an unpacked archive): everything but what is built or downloaded.
fn walked(root: &Path) -> Result<Vec<String>, ReadError> {
    const SKIPPED: [&str; 5] = [".git", ".cache", "target", "node_modules", "mediavault-data"];
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |cause| ReadError::Unreadable(folder.clone(), cause);
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let kind = entry.file_type().map_err(unreadable)?;
            let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
            if kind.is_dir() && !skipped {
                folders.push(entry.path());
            } else if kind.is_file()
                && let Ok(below) = entry.path().strip_prefix(root)
                && let Some(path) = below.to_str()
            {
                found.push(path.replace('\\', "/"));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_with_and_without_git_alike() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (path, text) in [
            ("layers.toml", ""),
            ("a/src/lib.rs", "//! x\n"),
            ("target/b.rs", ""),
            (".gitignore", "/target\n"),
            ("c.bin", "\u{0}"),
        ] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        }
        std::fs::write(root.join("d.bin"), [0xff, 0xfe]).unwrap();
        let names = |project: &Project| project.texts().map(|(path, _)| path.to_owned()).collect::<Vec<_>>();
        let walked = Project::read(&root.join("a")).unwrap();
        assert_eq!(names(&walked), ["a/src/lib.rs", ".gitignore", "c.bin", "layers.toml"]);
        let made = Command::new("git").arg("-C").arg(root).args(["init", "-q"]).status().unwrap();
        assert!(made.success());
        assert!(listed_by_git(root).is_some());
        assert_eq!(names(&Project::read(root).unwrap()), names(&walked));
    }

    #[test]
    fn test_files_are_known_by_their_place() {
        let project = Project::sample(&[
            ("crates/a/src/b.rs", "#[cfg(test)]\nmod tests;\n"),
            ("crates/a/src/b/tests.rs", ""),
            ("crates/a/tests/it/main.rs", ""),
            ("crates/testkit/src/lib.rs", ""),
        ]);
        let known: Vec<_> = project.sources.iter().map(|s| (s.is_test_file(), s.is_test(2))).collect();
        assert_eq!(known, [(false, true), (true, true), (true, true), (true, true)]);
    }
}
