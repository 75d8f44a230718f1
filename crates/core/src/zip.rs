//! A zip of files whose sizes and CRC-32 are known beforehand, laid out before its first byte is sent (APPNOTE.TXT 6.3.10
//! by PKWARE; sections below are its).
//! Promise: the length is exact, every header is complete, nothing is compressed and no data descriptor follows a file;
//! zip64 stands only where a number needs it, for some readers know none. The same entries give the same bytes.
//! Not here: the files' bytes, reading zips, which items belong into one.

mod names;
mod records;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use crate::time::Timestamp;
use names::Names;
pub use names::member_name;
use records::{Directory, Member};

/// A file that is to be in a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What its owner calls it; the zip has [`member_name`] of it, with a number where that is taken.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// CRC-32 of the bytes (ISO 3309, as zlib has it).
    pub crc32: u32,
    /// When it was last changed, for the one who unpacks it.
    pub modified: Timestamp,
}

/// The layout of a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    members: Vec<Member>,
    directory: Directory,
    length: u64,
}

/// What comes next in a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Bytes of a file.
    Content {
        /// Which of the entries, counted from 0.
        entry: usize,
        /// Which of its bytes; never none.
        range: Range<u64>,
    },
}

/// How many files one piece of the central directory tells of, so that none grows with the zip.
const DIRECTORY_BATCH: usize = 256;

impl Archive {
    /// Lays out a zip of these files in this order. Their sizes must come to less than 2^63 bytes.
    pub fn plan(entries: Vec<Entry>) -> Self {
        let mut names = Names::default();
        let mut at = 0_u64;
        let place = |entry: Entry| {
            let name = names.give(&entry.name);
            let member = Member { name, size: entry.size, crc32: entry.crc32, modified: entry.modified, at };
            at = at.saturating_add(member.local_header().len() as u64).saturating_add(entry.size);
            member
        };
        let members: Vec<Member> = entries.into_iter().map(place).collect();
        let len = members.iter().map(|member| member.directory_header().len() as u64).sum();
        let directory = Directory { entries: members.len() as u64, at, len };
        let length = at.saturating_add(len).saturating_add(directory.end().len() as u64);
        Self { members, directory, length }
    }

    /// Bytes of the whole zip.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The bytes of the zip in this range, piece by piece; what lies behind the end is left out.
    pub fn pieces(self: Arc<Self>, range: Range<u64>) -> Pieces {
        Pieces { archive: self, part: 0, at: 0, range }
    }

    /// Part `number` of the whole: each file's header and then its bytes, the central directory, the end.
    fn part(&self, number: usize) -> Option<Piece> {
        let files = self.members.len() * 2;
        if number < files {
            let entry = number / 2;
            let member = self.members.get(entry)?;
            let content = Piece::Content { entry, range: 0..member.size };
            return Some(if number.is_multiple_of(2) { Piece::Bytes(member.local_header()) } else { content });
        }
        let mut batches = self.members.chunks(DIRECTORY_BATCH);
        let (batch, end) = (number - files, batches.len());
        match batches.nth(batch) {
            Some(members) => Some(Piece::Bytes(members.iter().flat_map(Member::directory_header).collect())),
            None => (batch == end).then(|| Piece::Bytes(self.directory.end())),
        }
    }
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Content { range, .. } => range.end - range.start,
        }
    }

    /// Of a piece that begins at `at`, what is in `range`; `None` where that is nothing.
    fn within(self, at: u64, range: &Range<u64>) -> Option<Self> {
        let from = range.start.saturating_sub(at);
        let to = range.end.saturating_sub(at).min(self.len());
        if from >= to {
            return None;
        }
        Some(match self {
            Self::Bytes(mut bytes) => {
                bytes.truncate(usize::try_from(to).unwrap_or(usize::MAX));
                Self::Bytes(bytes.split_off(usize::try_from(from).unwrap_or(usize::MAX)))
            }
            Self::Content { entry, range } => Self::Content { entry, range: range.start + from..range.start + to },
        })
    }
}

/// The pieces of a range of a zip, made one after the other.
#[derive(Debug, Clone)]
pub struct Pieces {
    archive: Arc<Archive>,
    part: usize,
    at: u64,
    range: Range<u64>,
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        while self.at < self.range.end {
            let piece = self.archive.part(self.part)?;
            let at = self.at;
            self.at = at.saturating_add(piece.len());
            self.part += 1;
            if let Some(piece) = piece.within(at, &self.range) {
                return Some(piece);
            }
        }
        None
    }
}
