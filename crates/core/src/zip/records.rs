//! The records of a zip, byte for byte: a file's local header, its header in the central directory, the end of all.
//! Promise: a number that does not fit stands in a zip64 record and leaves the mark of all ones in its place (4.4.1.4).
//! Not here: in which order they come.

use crate::time::{Timestamp, civil_from_days};

/// A file and where its local header begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) crc32: u32,
    pub(super) modified: Timestamp,
    pub(super) at: u64,
}

/// The central directory as the end tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) entries: u64,
    pub(super) at: u64,
    pub(super) len: u64,
}

/// Version of the format that a reader needs: stored files need no more than any (4.4.3.2).
const PLAIN: u16 = 20;
/// The same for what has zip64 records.
const ZIP64: u16 = 45;
/// Made by a Unix, so that the attributes are a file mode (4.4.2).
const UNIX: u16 = 3 << 8;
/// The name is in UTF-8 (4.4.4 bit 11).
const UTF_8: u16 = 1 << 11;
/// A plain file that its owner may write and all may read.
const MODE: u32 = 0o100_644 << 16;

impl Member {
    /// What stands before the file's bytes (4.3.7).
    pub(super) fn local_header(&self) -> Vec<u8> {
        let mut extra = Record::default();
        if is_marked_32(self.size) {
            // Here both sizes must be told (4.5.3).
            extra = extra.u16(0x0001).u16(16).u64(self.size).u64(self.size);
        }
        let extra = self.with_time(extra);
        let version = if is_marked_32(self.size) { ZIP64 } else { PLAIN };
        let record = self.shared(Record::default().u32(0x0403_4b50).u16(version), &extra);
        record.bytes(self.name.as_bytes()).bytes(&extra.0).0
    }

    /// What the central directory says of the file (4.3.12).
    pub(super) fn directory_header(&self) -> Vec<u8> {
        let mut large = Record::default();
        if is_marked_32(self.size) {
            large = large.u64(self.size).u64(self.size);
        }
        if is_marked_32(self.at) {
            large = large.u64(self.at);
        }
        let zip64 = !large.0.is_empty();
        let extra = if zip64 { Record::default().u16(0x0001).u16(length(&large.0)).bytes(&large.0) } else { large };
        let extra = self.with_time(extra);
        let version = if zip64 { ZIP64 } else { PLAIN };
        let record = self.shared(Record::default().u32(0x0201_4b50).u16(UNIX | version).u16(version), &extra);
        // No comment, on the first disk, not known to be text.
        let record = record.u16(0).u16(0).u16(0).u32(MODE).u32(marked_32(self.at));
        record.bytes(self.name.as_bytes()).bytes(&extra.0).0
    }

    /// What both headers have in common, from the flags to the lengths.
    fn shared(&self, record: Record, extra: &Record) -> Record {
        let (date, time) = dos_date_time(self.modified);
        let record = record.u16(UTF_8).u16(0).u16(time).u16(date).u32(self.crc32);
        let record = record.u32(marked_32(self.size)).u32(marked_32(self.size));
        record.u16(length(self.name.as_bytes())).u16(length(&extra.0))
    }

    /// Adds the time in UTC to the second, which 32 bits hold until 2038: the extended timestamp of Info-ZIP (its
    /// `extrafld.txt`, 0x5455). DOS times know neither zone nor odd seconds.
    fn with_time(&self, extra: Record) -> Record {
        match i32::try_from(self.modified.seconds()) {
            Ok(seconds) => extra.u16(0x5455).u16(5).bytes(&[1]).bytes(&seconds.to_le_bytes()),
            Err(_) => extra,
        }
    }
}

impl Directory {
    /// What ends the zip (4.3.14 to 4.3.16).
    pub(super) fn end(&self) -> Vec<u8> {
        let entries = u16::try_from(self.entries).unwrap_or(u16::MAX);
        let mut record = Record::default();
        if entries == u16::MAX || is_marked_32(self.len) || is_marked_32(self.at) {
            record = record.u32(0x0606_4b50).u64(44).u16(UNIX | ZIP64).u16(ZIP64).u32(0).u32(0);
            record = record.u64(self.entries).u64(self.entries).u64(self.len).u64(self.at);
            record = record.u32(0x0706_4b50).u32(0).u64(self.at.saturating_add(self.len)).u32(1);
        }
        let record = record.u32(0x0605_4b50).u16(0).u16(0).u16(entries).u16(entries);
        record.u32(marked_32(self.len)).u32(marked_32(self.at)).u16(0).0
    }
}

/// A number in 32 bits, all ones where it stands in a zip64 record.
fn marked_32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn is_marked_32(number: u64) -> bool {
    marked_32(number) == u32::MAX
}

/// Names have at most 200 bytes and extra fields at most 37, so this always fits.
fn length(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

/// Date and time as MS-DOS has them (4.4.6), in UTC: 1980 to 2107, even seconds.
fn dos_date_time(at: Timestamp) -> (u16, u16) {
    const FIRST: i64 = 315_532_800;
    const LAST: i64 = 4_354_819_198;
    let seconds = at.seconds().clamp(FIRST, LAST);
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let date = ((year - 1980) << 9) | (month << 5) | day;
    let time = ((of_day / 3600) << 11) | ((of_day / 60 % 60) << 5) | (of_day % 60 / 2);
    (u16::try_from(date).unwrap_or(0), u16::try_from(time).unwrap_or(0))
}

/// Bytes under way; numbers are little-endian (4.4.1.1).
#[derive(Default)]
struct Record(Vec<u8>);

impl Record {
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(self, number: u16) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u32(self, number: u32) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn u64(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }
}
