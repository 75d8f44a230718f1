//! Blob rows: which bytes an owner has, how many items stand on them, and the segments they lie in.
//! Reference counts change only together with the item that refers (reliability: U7, D1).

use mv_core::{BlobId, SegmentId, Timestamp, UserId};

use crate::{Conn, Result, Tx, row, sql};

/// A blob that was just written to the blob store, about to get its row.
#[derive(Debug, Clone)]
pub struct NewBlob {
    /// Its id.
    pub id: BlobId,
    /// Whose bytes.
    pub owner_id: UserId,
    /// Keyed hash of the content, equal for equal bytes of one owner.
    pub dedupe_tag: [u8; 32],
    /// Plaintext bytes.
    pub size: u64,
    /// CRC-32 of the plaintext, for archives.
    pub crc32: u32,
    /// SHA-256 of the plaintext, sealed.
    pub checksum_sealed: Vec<u8>,
    /// Binds the list of segments.
    pub manifest_mac: Vec<u8>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// One encrypted message of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// Its id, also the name of its file.
    pub id: SegmentId,
    /// Plaintext bytes.
    pub plain_len: u64,
    /// Bytes on disk.
    pub sealed_len: u64,
    /// Its key, wrapped by the owner's.
    pub wrapped_key: Vec<u8>,
    /// Which version of the owner's key wraps it.
    pub key_version: u32,
    /// Which format it is in.
    pub format: u32,
}
row!(SegmentRow { id, plain_len, sealed_len, wrapped_key, key_version, format });

/// A blob's row as readers need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRow {
    /// Its id.
    pub id: BlobId,
    /// Whose bytes.
    pub owner_id: UserId,
    /// Plaintext bytes.
    pub size: u64,
    /// Binds the list of segments.
    pub manifest_mac: Vec<u8>,
    /// SHA-256, sealed.
    pub checksum_sealed: Vec<u8>,
    /// CRC-32 of the plaintext.
    pub crc32: u32,
}
row!(BlobRow { id, owner_id, size, manifest_mac, checksum_sealed, crc32 });

/// Adds a reference to the bytes: a new row, or the one that the owner already has with the same content (also when
/// it was about to be deleted). Returns the blob that holds and its sealed checksum; where it is not `blob.id`, the
/// file just written is redundant.
pub fn refer(tx: &Tx, blob: &NewBlob, segments: &[SegmentRow]) -> Result<(BlobId, Vec<u8>)> {
    let (id, checksum_sealed): (BlobId, Vec<u8>) = tx.one(
        sql("INSERT INTO blobs (id, owner_id, dedupe_tag, size, crc32, checksum_sealed, manifest_mac, refs, dead_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 1, NULL, $8)
             ON CONFLICT (owner_id, dedupe_tag) DO UPDATE SET refs = blobs.refs + 1, dead_at = NULL
             RETURNING id, checksum_sealed")
        .bind(blob.id)
        .bind(blob.owner_id)
        .bind(blob.dedupe_tag.to_vec())
        .bind(blob.size)
        .bind(blob.crc32)
        .bind(blob.checksum_sealed.clone())
        .bind(blob.manifest_mac.clone())
        .bind(blob.created_at),
    )?;
    if id == blob.id {
        for (position, segment) in (0_i64..).zip(segments) {
            insert_segment(tx, id, position, segment)?;
        }
    }
    Ok((id, checksum_sealed))
}

/// Adds a reference to bytes that the owner has already, also when they were about to be deleted. `None` where they are
/// gone.
pub fn refer_again(tx: &Tx, owner: UserId, tag: [u8; 32]) -> Result<Option<(BlobId, Vec<u8>)>> {
    tx.optional(
        sql("UPDATE blobs SET refs = refs + 1, dead_at = NULL WHERE owner_id = $1 AND dedupe_tag = $2 RETURNING id, checksum_sealed")
            .bind(owner)
            .bind(tag.to_vec()),
    )
}

fn insert_segment(tx: &Tx, blob: BlobId, position: i64, segment: &SegmentRow) -> Result<()> {
    tx.changed(
        sql("INSERT INTO segments (id, blob_id, position, plain_len, sealed_len, wrapped_key, key_version, format)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(segment.id)
        .bind(blob)
        .bind(position)
        .bind(segment.plain_len)
        .bind(segment.sealed_len)
        .bind(segment.wrapped_key.clone())
        .bind(segment.key_version)
        .bind(segment.format),
    )?;
    Ok(())
}

/// Takes one reference away; the last one leaves the blob dead, to be deleted after a time of grace.
/// Returns the content's tag where that happened.
pub fn release(tx: &Tx, id: BlobId, now: Timestamp) -> Result<Option<[u8; 32]>> {
    let (refs, tag): (u64, [u8; 32]) = tx.one(
        sql("UPDATE blobs SET refs = refs - 1, dead_at = CASE WHEN refs = 1 THEN CAST($2 AS BIGINT) END WHERE id = $1 RETURNING refs, dedupe_tag")
            .bind(id)
            .bind(now),
    )?;
    Ok((refs == 0).then_some(tag))
}

/// The owner's blob with this content, if an item stands on it.
pub fn by_tag(db: &Conn, owner: UserId, tag: [u8; 32]) -> Result<Option<BlobId>> {
    let statement = sql("SELECT id FROM blobs WHERE owner_id = $1 AND dedupe_tag = $2 AND refs > 0");
    db.optional(statement.bind(owner).bind(tag.to_vec()))
}

/// A blob's row and its segments in order.
pub fn manifest(db: &Conn, id: BlobId) -> Result<Option<(BlobRow, Vec<SegmentRow>)>> {
    let statement = sql("SELECT id, owner_id, size, manifest_mac, checksum_sealed, crc32 FROM blobs WHERE id = $1");
    let Some(blob) = db.optional(statement.bind(id))? else { return Ok(None) };
    Ok(Some((blob, segments(db, id)?)))
}

/// A blob's segments in order.
pub fn segments(db: &Conn, id: BlobId) -> Result<Vec<SegmentRow>> {
    db.all(
        sql("SELECT id, plain_len, sealed_len, wrapped_key, key_version, format FROM segments WHERE blob_id = $1 ORDER BY position")
            .bind(id),
    )
}

/// Blobs that nobody refers to since before `cutoff`.
pub fn dead_any(db: &Conn, cutoff: Timestamp, limit: u32) -> Result<Vec<BlobId>> {
    db.all(
        sql("SELECT id FROM blobs WHERE dead_at IS NOT NULL AND dead_at <= $1 ORDER BY dead_at LIMIT $2")
            .bind(cutoff)
            .bind(limit),
    )
}

/// Deletes a dead blob's row with its wrapped keys, unless somebody refers to it again (reliability: D2).
/// Returns the segments whose files may go now; none where it lives.
pub fn delete_dead_any(tx: &Tx, id: BlobId, cutoff: Timestamp) -> Result<Vec<SegmentId>> {
    let files: Vec<SegmentId> = tx.all(sql("SELECT id FROM segments WHERE blob_id = $1 ORDER BY position").bind(id))?;
    let statement = sql("DELETE FROM blobs WHERE id = $1 AND refs = 0 AND dead_at IS NOT NULL AND dead_at <= $2");
    Ok(if tx.changed(statement.bind(id).bind(cutoff))? == 1 { files } else { Vec::new() })
}

/// Which of these segments have a row.
pub fn known_segments_any(db: &Conn, ids: &[SegmentId]) -> Result<Vec<SegmentId>> {
    let mut statement = sql("SELECT id FROM segments WHERE id IN ");
    statement.push_list(ids.iter().copied());
    db.all(statement)
}

/// Blobs in order of their ids, from behind `after`, for the check of everything.
pub fn walk_any(db: &Conn, after: Option<BlobId>, limit: u32) -> Result<Vec<(BlobRow, u64)>> {
    let after = after.unwrap_or(BlobId::from_uuid(uuid::Uuid::nil()));
    db.all(
        sql("SELECT id, owner_id, size, manifest_mac, checksum_sealed, crc32, refs FROM blobs WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after)
            .bind(limit),
    )
}

/// Whether there is any blob at all.
pub fn exist(db: &Conn) -> Result<bool> {
    let found: Option<BlobId> = db.optional(sql("SELECT id FROM blobs LIMIT 1"))?;
    Ok(found.is_some())
}

/// How many items stand on a blob.
pub fn counted_refs_any(db: &Conn, id: BlobId) -> Result<u64> {
    db.one(sql("SELECT count(*) FROM media WHERE blob_id = $1").bind(id))
}
