//! Durable small files: bytes synced, name in place, directory synced.
//! Promise: after each counted file a power cut could not lose it. Not here: rows, encryption, deduplication.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::content::{Content, Pool};
use crate::error::{Doing, Error, Result};

/// Files of one batch, and the threads that write and sync them.
const BATCH: usize = 64;
const THREADS: usize = 16;

/// Where files are written, and where they end.
struct Folders {
    temporary: PathBuf,
    final_place: PathBuf,
}

impl Folders {
    fn make(folder: &Path) -> io::Result<Folders> {
        let folders = Folders { temporary: folder.join("tmp"), final_place: folder.join("blobs") };
        fs::create_dir_all(&folders.temporary)?;
        fs::create_dir_all(&folders.final_place)?;
        Ok(folders)
    }

    /// Writes, syncs and renames one file; its name is durable only after [`Folders::sync_names`].
    fn write(&self, number: u64, content: &Content) -> io::Result<()> {
        let from = self.temporary.join(number.to_string());
        let mut file = File::create_new(&from)?;
        for part in content.parts() {
            file.write_all(part)?;
        }
        file.sync_data()?;
        fs::rename(from, self.final_place.join(number.to_string()))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.final_place)?.sync_all()
    }
}

/// The naive way, one file after the other; the time of each.
pub(crate) fn alone(folder: &Path, size: usize, span: Duration, pool: &Pool) -> Result<Vec<Duration>> {
    let folders = Folders::make(folder).doing(|| "making folders".to_owned())?;
    let mut took = Vec::new();
    let began = Instant::now();
    while began.elapsed() < span {
        let content = pool.draw(size);
        let one = Instant::now();
        folders
            .write(took.len() as u64, &content)
            .and_then(|()| folders.sync_names())
            .doing(|| "writing durable files".to_owned())?;
        took.push(one.elapsed());
    }
    Ok(took)
}

/// Batches of 64: written and synced by 16 threads, then one directory fsync for all; durable files a second.
pub(crate) fn grouped(folder: &Path, size: usize, span: Duration, pool: &Pool) -> Result<f64> {
    let folders = Folders::make(folder).doing(|| "making folders".to_owned())?;
    let (barrier, stop, failed) = (Barrier::new(THREADS + 1), AtomicBool::new(false), AtomicBool::new(false));
    let next = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    barrier.wait();
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    for _ in 0..BATCH / THREADS {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if folders.write(number, &pool.draw(size)).is_err() {
                            failed.store(true, Ordering::Release);
                        }
                    }
                    barrier.wait();
                }
            });
        }
        while began.elapsed() < span && !failed.load(Ordering::Acquire) {
            barrier.wait();
            barrier.wait();
            if folders.sync_names().is_err() {
                failed.store(true, Ordering::Release);
            }
        }
        stop.store(true, Ordering::Release);
        barrier.wait();
    });
    if failed.into_inner() {
        return Err(Error::Wrong("a durable file could not be written".to_owned()));
    }
    Ok(next.into_inner() as f64 / began.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_leave_whole_files_under_their_names() {
        let folder = std::env::temp_dir().join(format!("mv-bench-files-{}", std::process::id()));
        let pool = Pool::new(100_000, 5);
        let took = alone(&folder.join("alone"), 1_000, Duration::from_millis(20), &pool).unwrap();
        let rate = grouped(&folder.join("grouped"), 1_000, Duration::from_millis(20), &pool).unwrap();
        assert!(!took.is_empty() && rate > 0.0);
        for (part, at_least) in [("alone", took.len()), ("grouped", BATCH)] {
            let files: Vec<_> = fs::read_dir(folder.join(part).join("blobs")).unwrap().map(|e| e.unwrap()).collect();
            assert!(files.len() >= at_least, "{part}");
            assert!(files.iter().all(|file| file.metadata().unwrap().len() == 1_000), "{part}");
            assert_eq!(fs::read_dir(folder.join(part).join("tmp")).unwrap().count(), 0, "{part}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
