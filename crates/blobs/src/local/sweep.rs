//! Cleaning up after crashes: unfinished files at the start, files without a row once they are a day old.
//! Promise: nothing with a row is touched; nothing is deleted at once, but lies in `quarantine/` for a week, from which
//! it comes back if its row does; a wrong database is noticed before anything moves. Times are the caller's.
//! Not here: when to sweep; holding off after the clock jumped is the caller's duty.

use std::collections::HashSet;
use std::time::Duration;

use mv_core::{SegmentId, Timestamp};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, RenameFlags, renameat_with, statat, unlinkat};
use rustix::io::Errno;

use super::Place;
use super::layout::{
    SHARDS, file_name, modified, names_in, object_path, parse_name, parse_quarantine_name, quarantine_name, shard_of,
};
use crate::error::Error;
use crate::store::{Known, Object, Swept, Visit};

/// A file without a row may belong to an upload whose row comes soon; after this long it does not.
const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3600);
/// How long a file lies in quarantine.
const QUARANTINE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Objects shown or asked about at a time.
const BATCH: usize = 1000;
/// A sweep is refused if more than this many objects look unknown,
const ALWAYS_ALLOWED: u64 = 100;
/// and if they are more than one in this many.
const ALLOWED_FRACTION: u64 = 20;

impl Place {
    /// Shows all whole objects, a batch at a time.
    pub(super) fn walk(&self, visit: &mut Visit<'_>) -> Result<(), Error> {
        let failed = |source| Error::system("list files", source);
        let mut batch = Vec::with_capacity(BATCH);
        for shard in 0..SHARDS {
            let folder = self.folders.open_shard(shard).map_err(failed)?;
            for name in names_in(folder.as_fd()).map_err(failed)? {
                let Some(segment) = parse_name(&name).filter(|segment| shard_of(*segment) == shard) else { continue };
                batch.extend(look_at(&folder, segment).map_err(failed)?);
                if batch.len() >= BATCH {
                    visit(&batch).map_err(Error::Caller)?;
                    batch.clear();
                }
            }
        }
        if batch.is_empty() { Ok(()) } else { visit(&batch).map_err(Error::Caller) }
    }

    /// Removes what is left in `tmp/`, but for segments that a row still names (open resumable uploads).
    pub(super) fn sweep_tmp(&self, known: &mut Known<'_>) -> Result<u64, Error> {
        let failed = |source| Error::system("sweep tmp", source);
        let names = names_in(self.folders.tmp.as_fd()).map_err(failed)?;
        let segments: Vec<SegmentId> = names.iter().filter_map(|name| parse_name(name)).collect();
        let mut removed = 0;
        for batch in segments.chunks(BATCH) {
            let kept = known(batch).map_err(Error::Caller)?;
            for segment in batch.iter().filter(|segment| !kept.contains(segment)) {
                unlinkat(&self.folders.tmp, file_name(*segment), AtFlags::empty()).map_err(failed)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The daily sweep: quarantine first, so that a row that came back has its file before anybody asks.
    pub(super) fn sweep(&self, now: Timestamp, known: &mut Known<'_>) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        self.revisit_quarantine(now, known, &mut swept)?;
        let orphans = self.find_orphans(now, known, &mut swept)?;
        let unknown = orphans.len() as u64;
        if unknown > ALWAYS_ALLOWED && unknown.saturating_mul(ALLOWED_FRACTION) > swept.total {
            tracing::error!(unknown, total = swept.total, "nothing is swept: the database does not fit the blobs");
            return Err(Error::SweepRefused { unknown, total: swept.total });
        }
        for batch in orphans.chunks(BATCH) {
            // Asked again, since the walk may have taken minutes.
            let kept = known(batch).map_err(Error::Caller)?;
            for segment in batch.iter().filter(|segment| !kept.contains(segment)) {
                swept.quarantined += u64::from(self.quarantine(*segment, now)?);
            }
        }
        Ok(swept)
    }

    fn find_orphans(&self, now: Timestamp, known: &mut Known<'_>, swept: &mut Swept) -> Result<Vec<SegmentId>, Error> {
        let mut orphans = Vec::new();
        self.walk(&mut |objects| {
            swept.total += objects.len() as u64;
            let old = objects.iter().filter(|object| now.since(object.modified) > ORPHAN_AGE);
            let old: Vec<SegmentId> = old.map(|object| object.segment).collect();
            if !old.is_empty() {
                let kept = known(&old)?;
                orphans.extend(old.into_iter().filter(|segment| !kept.contains(segment)));
            }
            Ok(())
        })?;
        Ok(orphans)
    }

    /// Puts a file aside; `false` if it went away meanwhile.
    fn quarantine(&self, segment: SegmentId, now: Timestamp) -> Result<bool, Error> {
        let (blobs, aside) = (&self.folders.blobs, &self.folders.quarantine);
        match move_file(blobs, &object_path(segment), aside, &quarantine_name(segment, now)) {
            Ok(()) => {
                tracing::info!(segment.id = %segment, "{segment} has no row and is in quarantine for 7 days");
                Ok(true)
            }
            Err(Errno::NOENT) => Ok(false),
            Err(source) => Err(Error::system("put a file aside", source)),
        }
    }

    fn revisit_quarantine(&self, now: Timestamp, known: &mut Known<'_>, swept: &mut Swept) -> Result<(), Error> {
        let failed = |source| Error::system("sweep quarantine", source);
        let names = names_in(self.folders.quarantine.as_fd()).map_err(failed)?;
        let entries: Vec<_> = names.iter().filter_map(|name| parse_quarantine_name(name)).collect();
        for batch in entries.chunks(BATCH) {
            let ids: Vec<SegmentId> = batch.iter().map(|(segment, _)| *segment).collect();
            let kept: HashSet<SegmentId> = known(&ids).map_err(Error::Caller)?;
            for (segment, since) in batch {
                let name = quarantine_name(*segment, *since);
                if kept.contains(segment) {
                    self.restore(*segment, &name)?;
                    swept.restored += 1;
                } else if now.since(*since) > QUARANTINE {
                    unlinkat(&self.folders.quarantine, &name, AtFlags::empty()).map_err(failed)?;
                    swept.removed += 1;
                }
            }
        }
        Ok(())
    }

    fn restore(&self, segment: SegmentId, name: &str) -> Result<(), Error> {
        let (aside, blobs) = (&self.folders.quarantine, &self.folders.blobs);
        move_file(aside, name, blobs, &object_path(segment))
            .and_then(|()| self.sync_shard(shard_of(segment)))
            .map_err(|source| Error::system("restore a file", source))?;
        tracing::warn!(segment.id = %segment, "{segment} has a row again and is back from quarantine");
        Ok(())
    }
}

/// A rename that replaces nothing where the file system can promise that. Names are unique by themselves.
fn move_file(from: &OwnedFd, name: &str, to: &OwnedFd, new_name: &str) -> Result<(), Errno> {
    match renameat_with(from, name, to, new_name, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => renameat_with(from, name, to, new_name, RenameFlags::empty()),
        outcome => outcome,
    }
}

/// The object behind a name; none if it went away since it was listed.
fn look_at(folder: &OwnedFd, segment: SegmentId) -> Result<Option<Object>, Errno> {
    match statat(folder, file_name(segment), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Object {
            segment,
            modified: modified(&stat),
            sealed_len: u64::try_from(stat.st_size).unwrap_or(0),
        })),
        Err(Errno::NOENT) => Ok(None),
        Err(source) => Err(source),
    }
}

#[cfg(test)]
mod tests;
