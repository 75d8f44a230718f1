//! Database and blobs against each other: every row has its file, every byte decrypts and hashes right, every kept
//! number is what counting gives. Reads only; what is wrong is reported, never repaired here.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use mv_core::{BlobId, Checksum, SegmentId};
use mv_store::blobs::BlobRow;
use mv_store::{Conn, blobs, collection_media, erasure, usage};

use crate::{App, Result};

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Rows, files and their lengths.
    Quick,
    /// Every byte too.
    Full,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Blobs looked at.
    pub blobs: u64,
    /// Plaintext bytes of them.
    pub bytes: u64,
    /// Files without a row; the sweep puts them aside.
    pub orphans: u64,
    /// What is wrong, one sentence each.
    pub problems: Vec<String>,
}

/// Blobs looked at between two questions to the database.
const BATCH: u32 = 500;

impl App {
    /// Checks the vault.
    ///
    /// # Errors
    /// Where the check itself cannot go on; what it finds is in the report.
    pub async fn check(&self, depth: Depth) -> Result<Report> {
        let mut report = Report::default();
        let mut files = self.files().await?;
        let mut after: Option<BlobId> = None;
        loop {
            let batch = self.store.read(move |db| blobs::walk_any(db, after, BATCH)).await?;
            let Some((last, _)) = batch.last() else { break };
            after = Some(last.id);
            for (row, refs) in batch {
                self.check_blob(&row, refs, depth, &mut files, &mut report).await?;
            }
        }
        report.orphans = files.len() as u64;
        self.check_numbers(&mut report).await?;
        Ok(report)
    }

    /// Every stored file and its length.
    async fn files(&self) -> Result<HashMap<SegmentId, u64>> {
        let found = Arc::new(Mutex::new(HashMap::new()));
        let collected = found.clone();
        self.blobs
            .list(Box::new(move |objects| {
                let mut found = collected.lock().unwrap_or_else(PoisonError::into_inner);
                found.extend(objects.iter().map(|object| (object.segment, object.sealed_len)));
                Ok(())
            }))
            .await?;
        let files = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(files)
    }

    async fn check_blob(
        &self,
        row: &BlobRow,
        refs: u64,
        depth: Depth,
        files: &mut HashMap<SegmentId, u64>,
        report: &mut Report,
    ) -> Result<()> {
        let id = row.id;
        report.blobs += 1;
        report.bytes += row.size;
        let (segments, counted) = self
            .store
            .read(move |db: &Conn| -> Result<_> { Ok((blobs::segments(db, id)?, blobs::counted_refs_any(db, id)?)) })
            .await?;
        if counted != refs {
            report.problems.push(format!("{id} counts {refs} items, {counted} stand on it"));
        }
        let before = report.problems.len();
        for segment in &segments {
            match files.remove(&segment.id) {
                None => report.problems.push(format!("the file of {id} ({}) is missing", segment.id)),
                Some(length) if length != segment.sealed_len => {
                    report.problems.push(format!(
                        "the file of {id} ({}) has {length} bytes instead of {}",
                        segment.id, segment.sealed_len
                    ));
                }
                Some(_) => {}
            }
        }
        if segments.iter().map(|segment| segment.plain_len).sum::<u64>() != row.size {
            report.problems.push(format!("the segments of {id} do not make up its {} bytes", row.size));
        }
        if depth == Depth::Full && report.problems.len() == before {
            self.check_bytes(row, segments, report).await?;
        }
        Ok(())
    }

    async fn check_bytes(&self, row: &BlobRow, segments: Vec<blobs::SegmentRow>, report: &mut Report) -> Result<()> {
        let (id, owner) = (row.id, row.owner_id);
        // What a deleted account left over cannot be read by anybody; its rows and files are still to go.
        if self.store.read(move |db| erasure::is_closed(db, owner)).await? {
            return Ok(());
        }
        let key = self.keyring.of(&self.store, row.owner_id).await?;
        let digests = match self.blobs.verify(crate::ingest::manifest(row, segments)?, &key).await {
            Ok(digests) => digests,
            Err(error) => {
                report.problems.push(format!("{id} cannot be read: {}", crate::chain(&error)));
                return Ok(());
            }
        };
        match key.open_checksum(id, &row.checksum_sealed) {
            Ok(sha256) if sha256 == digests.sha256 && row.crc32 == digests.crc32 => {}
            Ok(sha256) => report.problems.push(format!("{id} does not have its checksum {}", Checksum(sha256))),
            Err(error) => report.problems.push(format!("the checksum of {id} cannot be opened: {error}")),
        }
        Ok(())
    }

    async fn check_numbers(&self, report: &mut Report) -> Result<()> {
        let owners: HashSet<_> = self.store.read(usage::owners_any).await?.into_iter().collect();
        for owner in owners {
            for (name, kept, counted) in self.store.read_slow(move |db| usage::audit_any(db, owner)).await? {
                if kept != counted {
                    report.problems.push(format!("{owner}: {name} is kept as {kept}, counting gives {counted}"));
                }
            }
        }
        for (id, kept, counted) in self.store.read_slow(collection_media::miscounted_any).await? {
            report.problems.push(format!("{id} counts {kept} items, {counted} are in it"));
        }
        for (id, misplaced) in self.store.read_slow(collection_media::misplaced_any).await? {
            report.problems.push(format!("{id} hides items of the library or shows items in the trash: {misplaced}"));
        }
        Ok(())
    }
}
