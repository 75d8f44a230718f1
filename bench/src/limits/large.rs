//! One large file written and synced, through the page cache and past it: the wall-clock bound of large uploads.
//! Promise: the time ends when the bytes are durable. Not here: hashing or sealing on the way.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use rustix::fs::OFlags;

use crate::content::Pool;
use crate::error::{Doing, Result};

const BLOCK: usize = 1024 * 1024;
/// What direct I/O wants lengths, offsets and addresses to be a multiple of (open(2): the logical block size, at most
/// a page on the file systems in use).
const ALIGNMENT: usize = 4096;

/// Written in blocks of 1 MiB through the page cache, then fdatasync: MB/s.
pub(crate) fn buffered(folder: &Path, length: usize, pool: &Pool) -> Result<f64> {
    let block = pool.draw(BLOCK).parts().concat();
    let began = Instant::now();
    File::create(folder.join("buffered"))
        .and_then(|file| write_all(file, &block, length))
        .doing(|| "writing a large file".to_owned())?;
    Ok(length as f64 / 1e6 / began.elapsed().as_secs_f64())
}

/// The same with O_DIRECT: MB/s.
pub(crate) fn direct(folder: &Path, length: usize, pool: &Pool) -> Result<f64> {
    let mut memory = vec![0_u8; BLOCK + ALIGNMENT];
    let offset = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    let block = memory.get_mut(offset..offset + BLOCK).unwrap_or_default();
    pool.draw(BLOCK).parts().concat().as_slice().read_exact(block).doing(|| "filling a block".to_owned())?;
    let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
    let began = Instant::now();
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(flags)
        .open(folder.join("direct"))
        .and_then(|file| write_all(file, block, length))
        .doing(|| "writing a large file with direct I/O".to_owned())?;
    Ok(length as f64 / 1e6 / began.elapsed().as_secs_f64())
}

fn write_all(mut file: File, block: &[u8], length: usize) -> std::io::Result<()> {
    for _ in 0..length / block.len().max(1) {
        file.write_all(block)?;
    }
    file.sync_data()
}
