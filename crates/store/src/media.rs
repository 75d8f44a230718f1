//! Items one at a time. Lists are in `media_list.rs`, kept numbers in `usage.rs`.

use mv_core::media::{Labels, Location, Media, Properties, fold_tag};
use mv_core::mime::MediaType;
use mv_core::taken::{LocalTime, Taken, TakenSource};
use mv_core::{BlobId, MediaId, Timestamp, UserId};

use crate::examinations::BindExamined;
use crate::{Conn, FromRow, Result, Row, Tx, sql};

macro_rules! media_columns {
    () => {
        "m.id, m.owner_id, m.blob_id, m.media_type, m.mime_type, m.filename, m.size, m.checksum_sealed, m.title, m.description, \
         m.tags, m.favorite, m.rating, m.taken_at, m.taken_local, m.taken_offset, m.taken_source, m.latitude, m.longitude, \
         m.altitude, m.properties, m.external_id, m.status, m.processing, m.width, m.height, m.duration_ms, m.thumbhash, m.metadata, \
         m.motion, m.pictured, m.version, m.created_at, m.updated_at, m.deleted_at"
    };
}
pub(crate) use media_columns;

/// What the rating column holds where there is none, so that it sorts below -1.
const UNRATED: i64 = -2;

impl FromRow for Media {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.read()?,
            owner_id: row.read()?,
            blob_id: row.read()?,
            media_type: row.read()?,
            mime_type: row.read()?,
            filename: row.read()?,
            size: row.read()?,
            checksum_sealed: row.read()?,
            labels: row.read()?,
            examined: row.read()?,
            version: row.read()?,
            created_at: row.read()?,
            updated_at: row.read()?,
            deleted_at: row.read()?,
        })
    }
}

impl FromRow for Labels {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        let (title, description, tags, favorite, rating) = row.read::<(_, _, String, _, i64)>()?;
        let (at, local, offset_seconds, source) =
            row.read::<(Option<Timestamp>, Option<i64>, _, Option<TakenSource>)>()?;
        let (latitude, longitude, altitude) = row.read::<(Option<f64>, Option<f64>, _)>()?;
        let (properties, external_id) = row.read::<(String, _)>()?;
        let taken = match (at, local, source) {
            (Some(at), Some(local), Some(source)) => {
                Some(Taken { at, local: LocalTime::from_micros(local), offset_seconds, source })
            }
            _ => None,
        };
        let location = match (latitude, longitude) {
            (Some(latitude), Some(longitude)) => Some(Location { latitude, longitude, altitude }),
            _ => None,
        };
        Ok(Self {
            title,
            description,
            tags: if tags == "[]" { Vec::new() } else { serde_json::from_str(&tags).unwrap_or_default() },
            favorite,
            rating: i8::try_from(rating).ok().filter(|stars| i64::from(*stars) != UNRATED),
            taken,
            location,
            properties: if properties == "{}" { Properties::default() } else { Properties::from_json(&properties) },
            external_id,
        })
    }
}

/// A new item with its tags and properties.
///
/// # Errors
/// `Conflict` on `external_id` where the owner has another item with it.
pub fn insert(tx: &Tx, media: &Media) -> Result<()> {
    tx.changed(
        sql("INSERT INTO media (id, owner_id, blob_id, media_type, mime_type, size, checksum_sealed, created_at, trashed, deleted_at,
                                filename, filename_folded, title, description, tags, favorite, rating, taken_at, taken_local,
                                taken_offset, taken_source, taken_sort, latitude, longitude, altitude, properties, external_id,
                                version, updated_at, status, processing, width, height, duration_ms, thumbhash, metadata, motion,
                                pictured)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, FALSE, NULL, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                     $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)")
        .bind(media.id)
        .bind(media.owner_id)
        .bind(media.blob_id)
        .bind(media.media_type.as_str())
        .bind(media.mime_type.as_str())
        .bind(media.size)
        .bind(media.checksum_sealed.clone())
        .bind(media.created_at)
        .bind_labels(media)
        .bind_examined(&media.examined),
    )?;
    index_labels(tx, media)
}

/// Writes everything that people may change; the row is held by `find_for_change`.
///
/// # Errors
/// `Conflict` on `external_id` where the owner has another item with it.
pub fn update_labels(tx: &Tx, media: &Media) -> Result<()> {
    tx.changed(
        sql("UPDATE media SET filename = $2, filename_folded = $3, title = $4, description = $5, tags = $6, favorite = $7, rating = $8,
                    taken_at = $9, taken_local = $10, taken_offset = $11, taken_source = $12, taken_sort = $13, latitude = $14,
                    longitude = $15, altitude = $16, properties = $17, external_id = $18, version = $19, updated_at = $20
             WHERE id = $1")
        .bind(media.id)
        .bind_labels(media),
    )?;
    tx.changed(sql("DELETE FROM media_tags WHERE media_id = $1").bind(media.id))?;
    tx.changed(sql("DELETE FROM media_properties WHERE media_id = $1").bind(media.id))?;
    index_labels(tx, media)
}

trait BindLabels {
    fn bind_labels(self, media: &Media) -> Self;
}

impl BindLabels for crate::Sql {
    /// The twenty columns from `filename` to `updated_at`, in the order of the statements above (19 placeholders).
    fn bind_labels(self, media: &Media) -> Self {
        let labels = &media.labels;
        let taken = labels.taken.as_ref();
        let place = labels.location.as_ref();
        let tags = if labels.tags.is_empty() {
            "[]".to_owned()
        } else {
            serde_json::Value::from(labels.tags.clone()).to_string()
        };
        self.bind(media.filename.as_str())
            .bind(media.filename.to_lowercase())
            .bind(labels.title.as_deref())
            .bind(labels.description.as_deref())
            .bind(tags)
            .bind(labels.favorite)
            .bind(labels.rating.map_or(UNRATED, i64::from))
            .bind(taken.map(|taken| taken.at))
            .bind(taken.map(|taken| taken.local.micros()))
            .bind(taken.and_then(|taken| taken.offset_seconds))
            .bind(taken.map(|taken| taken.source.as_str()))
            .bind(taken.map_or(media.created_at.micros(), |taken| taken.local.micros()))
            .bind(place.map(|place| place.latitude))
            .bind(place.map(|place| place.longitude))
            .bind(place.and_then(|place| place.altitude))
            .bind(labels.properties.to_json())
            .bind(labels.external_id.as_deref())
            .bind(media.version)
            .bind(media.updated_at)
    }
}

fn index_labels(tx: &Tx, media: &Media) -> Result<()> {
    let trashed = media.deleted_at.is_some();
    for tag in &media.labels.tags {
        let statement = sql("INSERT INTO media_tags (owner_id, folded, trashed, media_id) VALUES ($1, $2, $3, $4)");
        tx.changed(statement.bind(media.owner_id).bind(fold_tag(tag)).bind(trashed).bind(media.id))?;
    }
    for (name, value) in media.labels.properties.pairs() {
        let statement =
            sql("INSERT INTO media_properties (owner_id, name, value, trashed, media_id) VALUES ($1, $2, $3, $4, $5)");
        tx.changed(statement.bind(media.owner_id).bind(name).bind(value).bind(trashed).bind(media.id))?;
    }
    Ok(())
}

/// The item, in the library or the trash.
pub fn find_for(db: &Conn, who: UserId, id: MediaId) -> Result<Option<Media>> {
    db.optional(
        sql(concat!("SELECT ", media_columns!(), " FROM media m WHERE m.id = $1 AND m.owner_id = $2"))
            .bind(id)
            .bind(who),
    )
}

/// The item, held until the transaction ends: nobody else changes it meanwhile on either database.
pub fn find_for_change(tx: &Tx, who: UserId, id: MediaId) -> Result<Option<Media>> {
    // An UPDATE that changes nothing is the portable way to hold a row.
    tx.optional(
        sql(concat!(
            "UPDATE media AS m SET version = m.version WHERE m.id = $1 AND m.owner_id = $2 RETURNING ",
            returned_columns!()
        ))
        .bind(id)
        .bind(who),
    )
}

/// `media_columns!` without the table's name, which SQLite does not take behind RETURNING.
macro_rules! returned_columns {
    () => {
        "id, owner_id, blob_id, media_type, mime_type, filename, size, checksum_sealed, title, description, tags, favorite, rating, \
         taken_at, taken_local, taken_offset, taken_source, latitude, longitude, altitude, properties, external_id, status, \
         processing, width, height, duration_ms, thumbhash, metadata, motion, pictured, version, created_at, updated_at, deleted_at"
    };
}
use returned_columns;

/// Those of the ids that are the user's, in the library or the trash.
pub fn among(db: &Conn, who: UserId, ids: &[MediaId]) -> Result<Vec<Media>> {
    let mut statement =
        sql(concat!("SELECT ", media_columns!(), " FROM media m WHERE m.owner_id = $1 AND m.id IN ")).bind(who);
    statement.push_list(ids.iter().copied());
    db.all(statement)
}

/// Those of the ids that are the user's, in the library, as far as a link or a membership needs them.
pub fn live_among(db: &Conn, who: UserId, ids: &[MediaId]) -> Result<Vec<(MediaId, MediaType)>> {
    let mut statement =
        sql("SELECT id, media_type FROM media WHERE owner_id = $1 AND trashed = FALSE AND id IN ").bind(who);
    statement.push_list(ids.iter().copied());
    db.all(statement)
}

/// Holds those of the ids that are the user's, in the library, until the transaction ends: meanwhile none goes to the trash.
pub fn hold_live_among(tx: &Tx, who: UserId, ids: &[MediaId]) -> Result<Vec<MediaId>> {
    let mut statement = sql("SELECT id FROM media WHERE owner_id = $1 AND trashed = FALSE AND id IN ").bind(who);
    // In one order, so that no two who hold several wait for each other.
    statement.push_list(ids.iter().copied()).push(" ORDER BY id").push_hold(tx);
    tx.all(statement)
}

/// The user's oldest item in the library over these bytes.
pub fn find_live_by_blob(db: &Conn, who: UserId, blob: BlobId) -> Result<Option<Media>> {
    db.optional(
        sql(concat!(
            "SELECT ",
            media_columns!(),
            " FROM media m WHERE m.blob_id = $1 AND m.owner_id = $2 AND m.trashed = FALSE ORDER BY m.id LIMIT 1"
        ))
        .bind(blob)
        .bind(who),
    )
}

/// Moves an item into the trash (`deleted_at`) or back (`None`), with its index rows. The row is held by `find_for_change`.
pub fn set_trashed(tx: &Tx, media: &Media) -> Result<()> {
    let trashed = media.deleted_at.is_some();
    tx.changed(
        sql("UPDATE media SET trashed = $2, deleted_at = $3, version = $4, updated_at = $5 WHERE id = $1")
            .bind(media.id)
            .bind(trashed)
            .bind(media.deleted_at)
            .bind(media.version)
            .bind(media.updated_at),
    )?;
    tx.changed(sql("UPDATE media_tags SET trashed = $2 WHERE media_id = $1").bind(media.id).bind(trashed))?;
    tx.changed(sql("UPDATE media_properties SET trashed = $2 WHERE media_id = $1").bind(media.id).bind(trashed))?;
    Ok(())
}

/// Deletes an item's row; its blob is released apart.
pub fn delete(tx: &Tx, id: MediaId) -> Result<()> {
    tx.changed(sql("DELETE FROM media WHERE id = $1").bind(id))?;
    Ok(())
}

/// Items that have been in somebody's trash since before `cutoff`.
pub fn trashed_any(db: &Conn, cutoff: Timestamp, limit: u32) -> Result<Vec<(MediaId, UserId)>> {
    db.all(
        sql("SELECT id, owner_id FROM media WHERE deleted_at IS NOT NULL AND deleted_at <= $1 ORDER BY deleted_at LIMIT $2")
            .bind(cutoff)
            .bind(limit),
    )
}

/// Items in the user's trash, oldest first.
pub fn trashed_for(db: &Conn, who: UserId, limit: u32) -> Result<Vec<MediaId>> {
    db.all(
        sql("SELECT id FROM media WHERE owner_id = $1 AND trashed = TRUE ORDER BY id LIMIT $2").bind(who).bind(limit),
    )
}

/// An item over a content: the content's tag, the item, and when it went to the trash.
pub type Holding = ([u8; 32], MediaId, Option<Timestamp>);

/// The user's items over these contents, those in the library first.
pub fn holding(db: &Conn, who: UserId, tags: &[[u8; 32]]) -> Result<Vec<Holding>> {
    let mut statement = sql("SELECT b.dedupe_tag, m.id, m.deleted_at FROM blobs b JOIN media m ON m.blob_id = b.id
                             WHERE b.owner_id = $1 AND b.dedupe_tag IN ")
    .bind(who);
    statement.push_list(tags.iter().map(|tag| tag.to_vec()));
    statement.push(" ORDER BY m.trashed, m.id");
    db.all(statement)
}
