//! What examining bytes told: once a blob, and on each item over it.

use mv_core::examined::Examined;
use mv_core::media::Media;
use mv_core::{BlobId, MediaId, Timestamp, UserId};

use crate::{Conn, FromRow, Result, Row, Tx, row, sql};

impl FromRow for Examined {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let (status, processing) = row.read::<(_, Option<String>)>()?;
        let (width, height, duration_ms, thumbhash) = row.read()?;
        let (metadata, motion, pictured) = row.read()?;
        let processing = processing.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Self { status, processing, width, height, duration_ms, thumbhash, metadata, motion, pictured })
    }
}

/// The nine columns of `Examined`, in the order of its members.
pub(crate) trait BindExamined {
    /// Binds them.
    fn bind_examined(self, examined: &Examined) -> Self;
}

impl BindExamined for crate::Sql {
    fn bind_examined(self, examined: &Examined) -> Self {
        let processing = examined.processing.as_ref().and_then(|stand| serde_json::to_string(stand).ok());
        self.bind(examined.status.as_str())
            .bind(processing)
            .bind(examined.width)
            .bind(examined.height)
            .bind(examined.duration_ms)
            .bind(examined.thumbhash.as_deref())
            .bind(examined.metadata.as_deref())
            .bind(examined.motion.as_deref())
            .bind(examined.pictured)
    }
}

/// Writes what is known of an item, its type among it; the row is held. Labels are written apart.
pub fn update(tx: &Tx, media: &Media) -> Result<()> {
    tx.changed(
        sql("UPDATE media SET status = $2, processing = $3, width = $4, height = $5, duration_ms = $6, thumbhash = $7, metadata = $8,
                    motion = $9, pictured = $10, media_type = $11, mime_type = $12, version = $13, updated_at = $14
             WHERE id = $1")
        .bind(media.id)
        .bind_examined(&media.examined)
        .bind(media.media_type.as_str())
        .bind(media.mime_type.as_str())
        .bind(media.version)
        .bind(media.updated_at),
    )?;
    Ok(())
}

/// What was found in a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// Which readers read it: what a later version of them may read otherwise.
    pub version: u32,
    /// The worker's answer, JSON.
    pub found: String,
    /// Every tag, JSON.
    pub raw: String,
    /// The text of a document.
    pub body: Option<String>,
}
row!(Examination { version, found, raw, body });

/// Keeps what was found in a blob, over what was kept before.
pub fn keep(tx: &Tx, blob: BlobId, examination: &Examination, now: Timestamp) -> Result<()> {
    tx.changed(
        sql(
            "INSERT INTO examinations (blob_id, version, found, raw, body, examined_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (blob_id) DO UPDATE SET version = excluded.version, found = excluded.found, raw = excluded.raw,
                                                 body = excluded.body, examined_at = excluded.examined_at",
        )
        .bind(blob)
        .bind(examination.version)
        .bind(examination.found.as_str())
        .bind(examination.raw.as_str())
        .bind(examination.body.as_deref())
        .bind(now),
    )?;
    Ok(())
}

/// What was found in a blob.
pub fn of(db: &Conn, blob: BlobId) -> Result<Option<Examination>> {
    db.optional(sql("SELECT version, found, raw, body FROM examinations WHERE blob_id = $1").bind(blob))
}

/// Which items an operator wants examined (again).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Of which nothing is known.
    Missing,
    /// That failed.
    Failed,
    /// Every one.
    All,
}

/// Items from behind `after`, in order of their ids: id, owner, and whether it is one that is wanted.
pub fn walk_any(db: &Conn, wanted: Wanted, after: MediaId, limit: u32) -> Result<Vec<(MediaId, UserId)>> {
    let statement = match wanted {
        Wanted::Missing => sql("SELECT m.id, m.owner_id FROM media m WHERE m.id > $1 AND m.status = 'ready'
                                AND NOT EXISTS (SELECT 1 FROM examinations e WHERE e.blob_id = m.blob_id)
                                ORDER BY m.id LIMIT $2"),
        Wanted::Failed => {
            sql("SELECT m.id, m.owner_id FROM media m WHERE m.id > $1 AND m.status = 'failed' ORDER BY m.id LIMIT $2")
        }
        Wanted::All => sql("SELECT m.id, m.owner_id FROM media m WHERE m.id > $1 ORDER BY m.id LIMIT $2"),
    };
    db.all(statement.bind(after).bind(limit))
}
