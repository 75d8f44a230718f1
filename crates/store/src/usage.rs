//! Kept numbers, changed in the transaction of the item that they count: usage against the quota, items per facet, and
//! runs of the library. So no total is ever counted and page N is found near a known place, however large the library.

use std::collections::BTreeMap;

use mv_core::media::{Media, fold_tag};
use mv_core::media_filter::Facet;
use mv_core::mime::MediaType;
use mv_core::{MediaId, UserId};
use uuid::Uuid;

use crate::{Conn, Result, Tx, row, sql};

/// What a user holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Items in the library.
    pub items: u64,
    /// Items in the trash.
    pub trash_items: u64,
    /// Bytes of the library's items.
    pub bytes: u64,
    /// Bytes of the trash's items; they count in the quota.
    pub trash_bytes: u64,
}
row!(Usage { items, trash_items, bytes, trash_bytes });

/// What the user holds.
pub fn of(db: &Conn, owner: UserId) -> Result<Usage> {
    let found =
        db.optional(sql("SELECT items, trash_items, bytes, trash_bytes FROM usage WHERE owner_id = $1").bind(owner))?;
    Ok(found.unwrap_or_default())
}

/// Counts a new item, if it fits under the quota (`None`: no limit). Of many at once only as many succeed as fit.
pub fn add(tx: &Tx, media: &Media, quota: Option<u64>) -> Result<bool> {
    let quota = quota.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(i64::MAX);
    let fits = tx.changed(
        sql("UPDATE usage SET items = items + 1, bytes = bytes + $2 WHERE owner_id = $1 AND bytes + trash_bytes + $2 <= $3")
            .bind(media.owner_id)
            .bind(media.size)
            .bind(quota),
    )? == 1;
    if fits {
        count_facets(tx, media, Step::Up)?;
        add_to_run(tx, media.owner_id, media.id)?;
    }
    Ok(fits)
}

/// Counts an item from the library into the trash.
pub fn to_trash(tx: &Tx, media: &Media) -> Result<()> {
    tx.changed(
        sql("UPDATE usage SET items = items - 1, bytes = bytes - $2, trash_items = trash_items + 1, trash_bytes = trash_bytes + $2
             WHERE owner_id = $1")
        .bind(media.owner_id)
        .bind(media.size),
    )?;
    count_facets(tx, media, Step::Down)?;
    take_from_run(tx, media.owner_id, media.id)
}

/// Counts an item from the trash back into the library.
pub fn from_trash(tx: &Tx, media: &Media) -> Result<()> {
    tx.changed(
        sql("UPDATE usage SET items = items + 1, bytes = bytes + $2, trash_items = trash_items - 1, trash_bytes = trash_bytes - $2
             WHERE owner_id = $1")
        .bind(media.owner_id)
        .bind(media.size),
    )?;
    count_facets(tx, media, Step::Up)?;
    add_to_run(tx, media.owner_id, media.id)
}

/// Counts an item away for good, from the library or the trash.
pub fn remove(tx: &Tx, media: &Media) -> Result<()> {
    if media.deleted_at.is_some() {
        let statement =
            sql("UPDATE usage SET trash_items = trash_items - 1, trash_bytes = trash_bytes - $2 WHERE owner_id = $1");
        tx.changed(statement.bind(media.owner_id).bind(media.size))?;
        return Ok(());
    }
    tx.changed(
        sql("UPDATE usage SET items = items - 1, bytes = bytes - $2 WHERE owner_id = $1")
            .bind(media.owner_id)
            .bind(media.size),
    )?;
    count_facets(tx, media, Step::Down)?;
    take_from_run(tx, media.owner_id, media.id)
}

/// Counts the change of an item's labels; both are in the library.
pub fn relabel(tx: &Tx, before: &Media, after: &Media) -> Result<()> {
    let (old, new) = (facets(before), facets(after));
    for facet in old.iter().filter(|facet| !new.contains(facet)) {
        step(tx, before.owner_id, facet, Step::Down)?;
    }
    for facet in new.iter().filter(|facet| !old.contains(facet)) {
        step(tx, before.owner_id, facet, Step::Up)?;
    }
    Ok(())
}

/// How many items of the library have the facet.
pub fn facet(db: &Conn, owner: UserId, facet: &Facet) -> Result<u64> {
    let statement = sql("SELECT items FROM media_facets WHERE owner_id = $1 AND facet = $2");
    Ok(db.optional(statement.bind(owner).bind(facet.name()))?.unwrap_or(0))
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Up,
    Down,
}

/// The names of the counters that an item is in, sorted: transactions take the rows in one order and cannot deadlock.
fn facets(media: &Media) -> Vec<String> {
    let mut names = vec![Facet::Type(media.media_type).name(), Facet::Mime(media.mime_type.clone()).name()];
    if media.labels.favorite {
        names.push(Facet::Favorite.name());
    }
    names.extend(media.labels.tags.iter().map(|tag| Facet::Tag(fold_tag(tag)).name()));
    names.sort_unstable();
    names
}

fn count_facets(tx: &Tx, media: &Media, direction: Step) -> Result<()> {
    facets(media).iter().try_for_each(|name| step(tx, media.owner_id, name, direction))
}

fn step(tx: &Tx, owner: UserId, name: &str, direction: Step) -> Result<()> {
    let statement = match direction {
        Step::Up => sql("INSERT INTO media_facets (owner_id, facet, items) VALUES ($1, $2, 1)
                         ON CONFLICT (owner_id, facet) DO UPDATE SET items = media_facets.items + 1"),
        Step::Down => sql("UPDATE media_facets SET items = items - 1 WHERE owner_id = $1 AND facet = $2"),
    };
    tx.changed(statement.bind(owner).bind(name))?;
    Ok(())
}

/// How many items a run takes before the next begins.
const RUN_ITEMS: u64 = 1000;

/// Runs cut the library, in the order of ids, into pieces of about a thousand items. Ids grow, so only the last piece does;
/// when it is full the next begins, but only with an item behind all others: one that comes late or back from the trash
/// would else cut a piece in two whose items are counted together.
fn add_to_run(tx: &Tx, owner: UserId, id: MediaId) -> Result<()> {
    let last: Option<(Uuid, u64)> = tx.optional(
        sql("SELECT first_id, items FROM media_runs WHERE owner_id = $1 ORDER BY first_id DESC LIMIT 1").bind(owner),
    )?;
    let first = match last {
        None => Uuid::nil(),
        Some((first, items)) if id.uuid() > first && items >= RUN_ITEMS && is_behind_all(tx, owner, id)? => id.uuid(),
        Some((first, _)) if id.uuid() >= first => first,
        Some(_) => run_of(tx, owner, id)?,
    };
    tx.changed(
        sql("INSERT INTO media_runs (owner_id, first_id, items) VALUES ($1, $2, 1)
             ON CONFLICT (owner_id, first_id) DO UPDATE SET items = media_runs.items + 1")
        .bind(owner)
        .bind(first),
    )?;
    Ok(())
}

/// Whether no other item of the library has a greater id.
fn is_behind_all(tx: &Tx, owner: UserId, id: MediaId) -> Result<bool> {
    let statement = sql("SELECT id FROM media WHERE owner_id = $1 AND trashed = FALSE AND id > $2 LIMIT 1");
    let behind: Option<MediaId> = tx.optional(statement.bind(owner).bind(id))?;
    Ok(behind.is_none())
}

fn take_from_run(tx: &Tx, owner: UserId, id: MediaId) -> Result<()> {
    let first = run_of(tx, owner, id)?;
    tx.changed(
        sql("UPDATE media_runs SET items = items - 1 WHERE owner_id = $1 AND first_id = $2").bind(owner).bind(first),
    )?;
    Ok(())
}

/// The first id of the run that an id falls into. The first run begins below every id.
fn run_of(tx: &Tx, owner: UserId, id: MediaId) -> Result<Uuid> {
    let statement =
        sql("SELECT first_id FROM media_runs WHERE owner_id = $1 AND first_id <= $2 ORDER BY first_id DESC LIMIT 1");
    Ok(tx.optional(statement.bind(owner).bind(id))?.unwrap_or_else(Uuid::nil))
}

/// Where to begin so that `skip` items of the library come before: a bound on ids and how many are left to skip behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Start {
    /// Newest first: only ids below it. Oldest first: only ids from it on. `None`: from the very end.
    pub bound: Option<MediaId>,
    /// Items still to be skipped.
    pub skip: u64,
}

/// Finds the run in which a page begins.
pub fn locate(db: &Conn, owner: UserId, skip: u64, newest_first: bool) -> Result<Start> {
    let statement = if newest_first {
        sql("SELECT first_id, items FROM media_runs WHERE owner_id = $1 ORDER BY first_id DESC")
    } else {
        sql("SELECT first_id, items FROM media_runs WHERE owner_id = $1 ORDER BY first_id")
    };
    let runs: Vec<(MediaId, u64)> = db.all(statement.bind(owner))?;
    let mut left = skip;
    let mut newer = None;
    for (first, items) in runs {
        if left < items {
            return Ok(Start { bound: if newest_first { newer } else { Some(first) }, skip: left });
        }
        left -= items;
        newer = Some(first);
    }
    // Behind the last item: an empty page.
    Ok(Start { bound: None, skip })
}

/// What the kept numbers of a user are and what counting anew gives, for `check`: a name, the kept, the counted.
pub fn audit_any(db: &Conn, owner: UserId) -> Result<Vec<(String, u64, u64)>> {
    let kept = of(db, owner)?;
    let counted: Usage = db.one(
        sql("SELECT count(*) FILTER (WHERE NOT trashed), count(*) FILTER (WHERE trashed),
                    CAST(coalesce(sum(size) FILTER (WHERE NOT trashed), 0) AS BIGINT),
                    CAST(coalesce(sum(size) FILTER (WHERE trashed), 0) AS BIGINT)
             FROM media WHERE owner_id = $1")
        .bind(owner),
    )?;
    let mut numbers = vec![
        ("items".to_owned(), kept.items, counted.items),
        ("trash_items".to_owned(), kept.trash_items, counted.trash_items),
        ("bytes".to_owned(), kept.bytes, counted.bytes),
        ("trash_bytes".to_owned(), kept.trash_bytes, counted.trash_bytes),
    ];
    audit_facets(db, owner, &mut numbers)?;
    audit_runs(db, owner, counted.items, &mut numbers)?;
    let misplaced: u64 = db.one(
        sql("SELECT (SELECT count(*) FROM media_tags t JOIN media m ON m.id = t.media_id WHERE t.owner_id = $1 AND t.trashed <> m.trashed)
                  + (SELECT count(*) FROM media_properties p JOIN media m ON m.id = p.media_id
                     WHERE p.owner_id = $1 AND p.trashed <> m.trashed)")
        .bind(owner),
    )?;
    numbers.push(("tags and properties in the wrong part".to_owned(), misplaced, 0));
    Ok(numbers)
}

/// Every counter of a facet, also where one of the two is missing.
fn audit_facets(db: &Conn, owner: UserId, numbers: &mut Vec<(String, u64, u64)>) -> Result<()> {
    let mut facets: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let kept: Vec<(String, u64)> =
        db.all(sql("SELECT facet, items FROM media_facets WHERE owner_id = $1").bind(owner))?;
    for (facet, items) in kept {
        facets.entry(facet).or_default().0 = items;
    }
    let types =
        sql("SELECT media_type, count(*) FROM media WHERE owner_id = $1 AND trashed = FALSE GROUP BY media_type");
    let mimes = sql("SELECT mime_type, count(*) FROM media WHERE owner_id = $1 AND trashed = FALSE GROUP BY mime_type");
    let tags = sql("SELECT folded, count(*) FROM media_tags WHERE owner_id = $1 AND trashed = FALSE GROUP BY folded");
    for (media_type, items) in db.all::<(MediaType, u64)>(types.bind(owner))? {
        facets.entry(Facet::Type(media_type).name()).or_default().1 = items;
    }
    for (mime, items) in db.all(mimes.bind(owner))? {
        facets.entry(Facet::Mime(mime).name()).or_default().1 = items;
    }
    for (tag, items) in db.all(tags.bind(owner))? {
        facets.entry(Facet::Tag(tag).name()).or_default().1 = items;
    }
    facets.entry(Facet::Favorite.name()).or_default().1 =
        db.one(sql("SELECT count(*) FROM media WHERE owner_id = $1 AND trashed = FALSE AND favorite").bind(owner))?;
    numbers.extend(facets.into_iter().map(|(name, (kept, counted))| (name, kept, counted)));
    Ok(())
}

/// Every run, and whether they cover the library.
fn audit_runs(db: &Conn, owner: UserId, items: u64, numbers: &mut Vec<(String, u64, u64)>) -> Result<()> {
    let runs: Vec<(MediaId, u64)> =
        db.all(sql("SELECT first_id, items FROM media_runs WHERE owner_id = $1 ORDER BY first_id").bind(owner))?;
    let mut covered = 0;
    for (place, (first, kept)) in runs.iter().enumerate() {
        let next = runs.get(place + 1).map_or(MediaId::from_uuid(Uuid::max()), |(next, _)| *next);
        let statement =
            sql("SELECT count(*) FROM media WHERE owner_id = $1 AND trashed = FALSE AND id >= $2 AND id < $3");
        let counted: u64 = db.one(statement.bind(owner).bind(*first).bind(next))?;
        covered += counted;
        numbers.push((format!("items from {first} on in runs"), *kept, counted));
    }
    numbers.push(("items in runs".to_owned(), covered, items));
    Ok(())
}

/// What all users hold together, and how many they are: a row a user is read.
pub fn totals_any(db: &Conn) -> Result<(u64, Usage)> {
    db.one(sql(
        "SELECT count(*), CAST(coalesce(sum(items), 0) AS BIGINT), CAST(coalesce(sum(trash_items), 0) AS BIGINT),
                CAST(coalesce(sum(bytes), 0) AS BIGINT), CAST(coalesce(sum(trash_bytes), 0) AS BIGINT) FROM usage",
    ))
}

/// Every user, for `check`.
pub fn owners_any(db: &Conn) -> Result<Vec<UserId>> {
    db.all(sql("SELECT owner_id FROM usage ORDER BY owner_id"))
}
