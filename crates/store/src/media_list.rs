//! Lists of items: filters, orders, pages and cursors as SQL. A value is always bound, never part of the text.
//! Promise: the plain library and every single filter in its natural order cost the same at any size and depth.

use mv_core::media::Media;
use mv_core::media_filter::{MediaFilter, Place, PlaceKey, Sort, SortKey};
use mv_core::mime::MimeFilter;
use mv_core::page::COUNT_LIMIT;
use mv_core::{MediaId, Timestamp, UserId};
use std::time::Duration;

use crate::media::media_columns;
use crate::usage::{self, Start};
use crate::{Conn, Result, Sql, sql};

/// Which part of a list to read.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// From behind this item on.
    After(Place),
    /// After so many items, counted from the beginning.
    Skip(u64),
    /// The last page: before so many items, counted from the end. The result is in the list's own order all the same.
    SkipFromEnd(u64),
}

/// A part of a list, and how many items of it at most.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// Where it lies.
    pub part: &'a Part,
    /// Items at most.
    pub limit: u32,
}

/// One part of a user's items.
pub fn page(db: &Conn, owner: UserId, filter: &MediaFilter, sort: Sort, window: Window<'_>) -> Result<Vec<Media>> {
    let Window { part, limit } = window;
    let from_end = matches!(part, Part::SkipFromEnd(_));
    let walk = Sort { descending: sort.descending != from_end, ..sort };
    let start = match part {
        Part::After(_) => Start::default(),
        Part::Skip(skip) | Part::SkipFromEnd(skip) => {
            let kept = filter.is_plain() && !filter.trashed && walk.key == SortKey::CreatedAt && *skip > 0;
            if kept { usage::locate(db, owner, *skip, walk.descending)? } else { Start { bound: None, skip: *skip } }
        }
    };
    let mut query = statement(owner, filter, walk, part, start);
    query.push(" LIMIT ").push_bind(limit);
    if start.skip > 0 {
        query.push(" OFFSET ").push_bind(start.skip);
    }
    let mut items = db.all(query)?;
    if from_end {
        items.reverse();
    }
    Ok(items)
}

/// The walk through the items that match, up to `LIMIT`.
fn statement(owner: UserId, filter: &MediaFilter, walk: Sort, part: &Part, start: Start) -> Sql {
    let mut query = sql(concat!("SELECT ", media_columns!()));
    let id = conditions(&mut query, owner, filter);
    if let Part::After(place) = part {
        behind(&mut query, walk, id, place);
    }
    if let Some(bound) = start.bound {
        query.push(if walk.descending { " AND m.id < " } else { " AND m.id >= " }).push_bind(bound);
    }
    order(&mut query, walk, id);
    query
}

/// How many items match, counted up to one beyond `COUNT_LIMIT`.
pub fn count(db: &Conn, owner: UserId, filter: &MediaFilter) -> Result<u64> {
    let mut query = sql("SELECT count(*) FROM (SELECT 1");
    conditions(&mut query, owner, filter);
    query.push(" LIMIT ").push_bind(COUNT_LIMIT + 1).push(") AS counted");
    db.one(query)
}

/// The place of an item in an order, for the next page's cursor.
pub fn place_of(media: &Media, sort: Sort) -> Place {
    let key = match sort.key {
        SortKey::CreatedAt => PlaceKey::None,
        SortKey::TakenAt => {
            PlaceKey::Int(media.labels.taken.as_ref().map_or(media.created_at.micros(), |taken| taken.local.micros()))
        }
        SortKey::Filename => PlaceKey::Text(media.filename.to_lowercase()),
        SortKey::Size => PlaceKey::Int(i64::try_from(media.size).unwrap_or(i64::MAX)),
        SortKey::Rating => PlaceKey::Int(media.labels.rating.map_or(-2, i64::from)),
    };
    Place { key, id: media.id }
}

/// Which column holds the id in the table that leads the walk.
type IdColumn = &'static str;

/// `FROM ... WHERE ...` of a filter. Where tags, properties or a collection are asked for, their table leads: it is
/// ordered by item within each, so that a rare tag in a large library is still one short range.
fn conditions(query: &mut Sql, owner: UserId, filter: &MediaFilter) -> IdColumn {
    let lead = lead(query, owner, filter);
    query.push(" AND m.owner_id = ").push_bind(owner);
    query.push(" AND m.trashed = ").push_bind(filter.trashed);
    if filter.tag.is_some() && lead != "t.media_id" {
        query.push(" AND EXISTS (SELECT 1 FROM media_tags o WHERE o.owner_id = m.owner_id AND o.trashed = m.trashed AND o.media_id = m.id");
        query.push(" AND o.folded = ").push_bind(filter.tag.as_deref()).push(")");
    }
    for (name, value) in filter.properties.iter().skip(usize::from(lead == "p.media_id")) {
        query.push(" AND EXISTS (SELECT 1 FROM media_properties o WHERE o.owner_id = m.owner_id AND o.trashed = m.trashed AND o.media_id = m.id");
        query
            .push(" AND o.name = ")
            .push_bind(name.as_str())
            .push(" AND o.value = ")
            .push_bind(value.as_str())
            .push(")");
    }
    if let Some(media_type) = filter.media_type {
        query.push(" AND m.media_type = ").push_bind(media_type.as_str());
    }
    match &filter.mime_type {
        Some(MimeFilter::Exact(mime)) => {
            query.push(" AND m.mime_type = ").push_bind(mime.as_str());
        }
        Some(MimeFilter::Family(family)) => {
            // `image/` up to `image0`: the character after the slash.
            let end = format!("{}0", family.trim_end_matches('/'));
            let mut column = "m.mime_type";
            if let Some(kind) = filter.mime_type.as_ref().and_then(MimeFilter::kind) {
                // The kind's index keeps the order of ids; a range of types would lose it, so their index is kept out.
                query.push(" AND m.media_type = ").push_bind(kind.as_str());
                column = "(m.mime_type || '')";
            }
            query.push(" AND ").push(column).push(" >= ").push_bind(family.as_str());
            query.push(" AND ").push(column).push(" < ").push_bind(end);
        }
        None => {}
    }
    match filter.favorite {
        Some(true) => {
            // Said twice for SQLite: as the partial index has it, and as a value of that index's column.
            query.push(" AND m.favorite AND m.favorite = TRUE");
        }
        Some(false) => {
            query.push(" AND NOT m.favorite");
        }
        None => {}
    }
    ranges(query, filter);
    lead
}

fn lead(query: &mut Sql, owner: UserId, filter: &MediaFilter) -> IdColumn {
    if let Some(collection) = filter.collection_id {
        query
            .push(" FROM collection_media c CROSS JOIN media m WHERE m.id = c.media_id AND c.collection_id = ")
            .push_bind(collection);
        return "c.media_id";
    }
    if let Some(tag) = &filter.tag {
        query.push(" FROM media_tags t CROSS JOIN media m WHERE m.id = t.media_id AND t.owner_id = ").push_bind(owner);
        query.push(" AND t.folded = ").push_bind(tag.as_str()).push(" AND t.trashed = ").push_bind(filter.trashed);
        return "t.media_id";
    }
    if let Some((name, value)) = filter.properties.first() {
        query
            .push(" FROM media_properties p CROSS JOIN media m WHERE m.id = p.media_id AND p.owner_id = ")
            .push_bind(owner);
        query.push(" AND p.name = ").push_bind(name.as_str()).push(" AND p.value = ").push_bind(value.as_str());
        query.push(" AND p.trashed = ").push_bind(filter.trashed);
        return "p.media_id";
    }
    query.push(" FROM media m WHERE TRUE");
    "m.id"
}

fn ranges(query: &mut Sql, filter: &MediaFilter) {
    if let Some(stars) = filter.rating_min {
        query.push(" AND m.rating >= ").push_bind(i64::from(stars));
    }
    if let Some(external_id) = &filter.external_id {
        query.push(" AND m.external_id = ").push_bind(external_id.as_str());
    }
    // Ids carry the creation time in milliseconds: strictly after means from the next millisecond on.
    if let Some(after) = filter.created_after {
        query.push(" AND m.id >= ").push_bind(MediaId::floor_of(Timestamp::from_millis(after.millis() + 1)));
    }
    if let Some(before) = filter.created_before {
        let next = Timestamp::from_millis(before.minus(Duration::from_micros(1)).millis() + 1);
        query.push(" AND m.id < ").push_bind(MediaId::floor_of(next));
    }
    // The indexed column is wall-clock time; it lies within a day of the instant.
    const DAY: Duration = Duration::from_secs(86_400);
    if let Some(after) = filter.taken_after {
        query.push(" AND m.taken_at > ").push_bind(after).push(" AND m.taken_sort > ").push_bind(after.minus(DAY));
    }
    if let Some(before) = filter.taken_before {
        query.push(" AND m.taken_at < ").push_bind(before).push(" AND m.taken_sort < ").push_bind(before.plus(DAY));
    }
    if let Some(bytes) = filter.min_size {
        query.push(" AND m.size >= ").push_bind(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
    if let Some(bytes) = filter.max_size {
        query.push(" AND m.size <= ").push_bind(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
    if let Some(bounds) = filter.bounds {
        query.push(" AND m.latitude >= ").push_bind(bounds.south).push(" AND m.latitude <= ").push_bind(bounds.north);
        let joint = if bounds.west <= bounds.east { " AND m.longitude <= " } else { " OR m.longitude <= " };
        query.push(" AND (m.longitude >= ").push_bind(bounds.west).push(joint).push_bind(bounds.east).push(")");
    }
}

const fn column(key: SortKey) -> Option<&'static str> {
    match key {
        SortKey::CreatedAt => None,
        SortKey::TakenAt => Some("m.taken_sort"),
        SortKey::Filename => Some("m.filename_folded"),
        SortKey::Size => Some("m.size"),
        SortKey::Rating => Some("m.rating"),
    }
}

fn behind(query: &mut Sql, walk: Sort, id: IdColumn, place: &Place) {
    let direction = if walk.descending { " < " } else { " > " };
    query.push(" AND ");
    let Some(column) = column(walk.key) else {
        query.push(id).push(direction).push_bind(place.id);
        return;
    };
    query.push("(").push(column).push(", ").push(id).push(")").push(direction).push("(");
    match &place.key {
        PlaceKey::Int(number) => query.push_bind(*number),
        PlaceKey::Text(text) => query.push_bind(text.as_str()),
        PlaceKey::None => query.push_bind(0_i64),
    };
    query.push(", ").push_bind(place.id).push(")");
}

fn order(query: &mut Sql, walk: Sort, id: IdColumn) {
    let direction = if walk.descending { " DESC" } else { "" };
    query.push(" ORDER BY ");
    if let Some(column) = column(walk.key) {
        query.push(column).push(direction).push(", ");
    }
    query.push(id).push(direction);
}

#[cfg(test)]
mod tests;
