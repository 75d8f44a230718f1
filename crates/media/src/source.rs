//! The bytes of one file, to be read at any place: whole in memory, or asked for piece by piece from the server.
//! Promise: whoever reads through this sees the file's bytes and nothing else.

use std::io::{self, Read, Seek, SeekFrom};

/// A file that readers and decoders work on.
pub trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// Its length in bytes; the place in it stays as it was.
///
/// # Errors
/// Of the source.
pub fn length(source: &mut dyn Source) -> io::Result<u64> {
    let here = source.stream_position()?;
    let end = source.seek(SeekFrom::End(0))?;
    source.seek(SeekFrom::Start(here))?;
    Ok(end)
}

/// Up to `len` bytes at `at`; fewer where the file ends before.
///
/// # Errors
/// Of the source.
pub fn bytes_at(source: &mut dyn Source, at: u64, len: usize) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::with_capacity(len.min(64 * 1024));
    source.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The whole file, if it has at most `limit` bytes; `None` where it has more.
///
/// # Errors
/// Of the source.
pub fn whole(source: &mut dyn Source, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let length = length(source)?;
    if length > limit {
        return Ok(None);
    }
    source.seek(SeekFrom::Start(0))?;
    // Of its length at once: a source that is far away then fills it without a stop between.
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    source.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}
