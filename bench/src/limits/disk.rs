//! How many durable appends the disk takes: the floor under every journal.
//! Promise: each thread has a file of its own, so only the disk and the file system's journal are shared.
//! Not here: whole files (`files`, `large`).

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Doing, Error, Result};

const APPEND: usize = 4096;

/// `threads` threads each append 4 KiB and fdatasync, over and over; the time of every append and sync.
pub(crate) fn append_and_sync(folder: &Path, threads: usize, span: Duration) -> Result<Vec<Duration>> {
    let workers: Vec<_> = (0..threads)
        .map(|number| {
            let path = folder.join(format!("append-{number}"));
            std::thread::spawn(move || one_thread(&path, span))
        })
        .collect();
    let mut took = Vec::new();
    for worker in workers {
        let part = worker.join().map_err(|_| Error::Wrong("a syncing thread stopped".to_owned()))?;
        took.extend(part.doing(|| "appending and syncing".to_owned())?);
    }
    Ok(took)
}

fn one_thread(path: &Path, span: Duration) -> std::io::Result<Vec<Duration>> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let block = [0x3c_u8; APPEND];
    let mut took = Vec::new();
    let began = Instant::now();
    while began.elapsed() < span {
        let one = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        took.push(one.elapsed());
    }
    Ok(took)
}
