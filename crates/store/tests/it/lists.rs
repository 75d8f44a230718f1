//! Lists of items on both databases against a plain model: every filter, order and part over one small library.
//! PostgreSQL sorts by a language here, as a server of an ordinary installation does.

use std::cmp::Ordering;
use std::time::Duration;

use mv_core::collection::Collection;
use mv_core::media::{Labels, Location, Media, Properties, fold_tag};
use mv_core::media_filter::{Bounds, MediaFilter, Sort, SortKey};
use mv_core::mime::{MediaType, MimeFilter};
use mv_core::taken::{LocalTime, Taken, TakenSource};
use mv_core::user::User;
use mv_core::{BlobId, CollectionId, MediaId, Role, SegmentId, Timestamp, UserId};
use mv_store::blobs::{NewBlob, SegmentRow};
use mv_store::media_list::{self, Part};
use mv_store::{MIGRATIONS, Store, Target, blobs, collection_media, collections, media, tombstones, usage, users};
use serde_json::json;
use uuid::Uuid;

use crate::scratch::{options, with_database_in_a_language, with_file};

const OWNER: UserId = UserId::from_uuid(Uuid::from_u128(1));
const OTHER: UserId = UserId::from_uuid(Uuid::from_u128(2));
const COLLECTION: CollectionId = CollectionId::from_uuid(Uuid::from_u128(3));
const START: i64 = 1_700_000_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

/// An item whose every field differs from its neighbours' in its own rhythm.
fn item(owner: UserId, number: i64) -> Media {
    // Two items share each millisecond.
    let created_at = at(number / 2);
    let id = MediaId::from_uuid(Uuid::from_u128(MediaId::floor_of(created_at).uuid().as_u128() + number as u128));
    let kinds = [
        (MediaType::Image, "image/jpeg"),
        (MediaType::Image, "image/png"),
        (MediaType::Video, "video/mp4"),
        (MediaType::Video, "application/mxf"),
        (MediaType::Document, "application/pdf"),
        (MediaType::Document, "text/plain"),
        (MediaType::Other, "imagelike/x"),
    ];
    let (media_type, mime) = kinds[number as usize % kinds.len()];
    let names =
        ["b.jpg", "A.jpg", "ä.jpg", "a.jpg", "Z.jpg", "a-b.jpg", "ab.jpg", "a_b.jpg", "10.jpg", "9.jpg", "é.jpg"];
    let taken = (number % 3 != 0).then(|| Taken {
        at: at(-number * 10_000_000 % 37_000_000),
        local: LocalTime::from_micros(at(-number * 10_000_000 % 37_000_000 + 3_600_000).micros()),
        offset_seconds: (number % 2 == 0).then_some(3600),
        source: if number % 2 == 0 { TakenSource::User } else { TakenSource::Client },
    });
    let labels = Labels {
        title: (number % 2 == 0).then(|| format!("title {number}")),
        tags: [(2, "Lake"), (3, "ÄPFEL"), (5, "%_"), (1000, "never")]
            .iter()
            .filter(|(every, _)| number % every == 0)
            .map(|(_, tag)| (*tag).to_owned())
            .collect(),
        favorite: number % 4 == 1,
        rating: [None, Some(-1), Some(0), Some(3), Some(5)][number as usize % 5],
        taken,
        location: (number % 3 == 0).then(|| Location {
            latitude: (number % 90) as f64 - 40.5,
            longitude: ((number * 37) % 360) as f64 - 180.0,
            altitude: None,
        }),
        properties: Properties::check(
            json!({ "even": number % 2 == 0, "n": number % 3, "long": if number % 6 == 1 { long(1) } else { String::new() } }).as_object().unwrap().clone(),
        )
        .unwrap(),
        external_id: (number % 7 == 0).then(|| format!("ext-{number}")),
        ..Labels::default()
    };
    Media {
        id,
        owner_id: owner,
        blob_id: BlobId::from_uuid(Uuid::from_u128(owner.uuid().as_u128() * 1000 + 1)),
        media_type,
        mime_type: mime.to_owned(),
        filename: names[number as usize % names.len()].to_owned(),
        size: (number as u64 * 7) % 11,
        checksum_sealed: vec![1],
        labels,
        examined: mv_core::examined::Examined::default(),
        version: 1,
        created_at,
        updated_at: created_at,
        deleted_at: None,
    }
}

/// Text that no index of PostgreSQL could hold whole; it is kept, but not to be found by.
fn long(number: i64) -> String {
    let mut state = number as u64 + 1;
    let letters = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + (state % 26) as u8)
    });
    letters.take(6000).collect()
}

fn user(id: UserId, name: &str) -> User {
    User {
        id,
        email: format!("{name}@example.com"),
        username: None,
        display_name: None,
        role: Role::User,
        time_zone: "UTC".to_owned(),
        quota_bytes: None,
        link_epoch: 0,
        disabled: false,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// Fills a database; gives the owner's items, those in the trash too, and which are in the collection.
async fn fill(store: &Store) -> (Vec<Media>, Vec<MediaId>) {
    let mut items: Vec<Media> = (0..46).map(|number| item(OWNER, number)).collect();
    let kept: Vec<MediaId> = items.iter().skip(1).step_by(3).map(|item| item.id).collect();
    let (made, chosen) = (items.clone(), kept.clone());
    let write = move |tx: &mv_store::Tx| -> mv_store::Result<()> {
        for (owner, name) in [(OWNER, "owner"), (OTHER, "other")] {
            users::insert(tx, &user(owner, name), "hash")?;
            let others: Vec<Media> = (100..110).map(|number| item(OTHER, number)).collect();
            let items = if owner == OWNER { &made } else { &others };
            for item in items {
                let id = item.blob_id;
                let blob = NewBlob {
                    id,
                    owner_id: owner,
                    dedupe_tag: [7; 32],
                    size: 1,
                    crc32: 1,
                    checksum_sealed: vec![1],
                    manifest_mac: vec![2],
                    created_at: at(0),
                };
                let segment = SegmentRow {
                    id: SegmentId::from_uuid(id.uuid()),
                    plain_len: 1,
                    sealed_len: 2,
                    wrapped_key: vec![3],
                    key_version: 1,
                    format: 1,
                };
                let first = items.first().is_some_and(|first| first.id == item.id);
                blobs::refer(tx, &blob, if first { std::slice::from_ref(&segment) } else { &[] })?;
                assert!(usage::add(tx, item, None)?);
                media::insert(tx, item)?;
            }
        }
        let collection = Collection {
            id: COLLECTION,
            owner_id: OWNER,
            name: "c".to_owned(),
            description: None,
            cover_media_id: None,
            media_count: 0,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
        };
        collections::insert(tx, &collection)?;
        collection_media::append(tx, COLLECTION, &chosen, OWNER, at(0))?;
        collections::touch(tx, COLLECTION, chosen.len() as i64, at(0))?;
        for item in made.iter().filter(|item| trashed(item)) {
            let mut item = item.clone();
            usage::to_trash(tx, &item)?;
            collection_media::set_hidden(tx, item.id, true, at(1))?;
            item.deleted_at = Some(at(1_000_000));
            media::set_trashed(tx, &item)?;
        }
        Ok(())
    };
    store.write(write).await.unwrap();
    for item in items.iter_mut().filter(|item| trashed(item)) {
        item.deleted_at = Some(at(1_000_000));
    }
    (items, kept)
}

fn trashed(item: &Media) -> bool {
    item.id.uuid().as_u128() % 9 == 4
}

fn filters() -> Vec<(&'static str, MediaFilter)> {
    let plain = MediaFilter::default;
    let family = |family: &str| MediaFilter { mime_type: Some(MimeFilter::Family(family.to_owned())), ..plain() };
    let exact = |mime: &str| MediaFilter { mime_type: Some(MimeFilter::Exact(mime.to_owned())), ..plain() };
    let tag = |tag: &str| MediaFilter { tag: Some(fold_tag(tag)), ..plain() };
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let properties = |properties: &[(String, String)]| MediaFilter { properties: properties.to_vec(), ..plain() };
    let bounds =
        |west, south, east, north| MediaFilter { bounds: Some(Bounds { west, south, east, north }), ..plain() };
    let collection = MediaFilter { collection_id: Some(COLLECTION), ..plain() };
    vec![
        ("all", plain()),
        ("images", MediaFilter { media_type: Some(MediaType::Image), ..plain() }),
        ("audio, of which there is none", MediaFilter { media_type: Some(MediaType::Audio), ..plain() }),
        ("a type", exact("image/png")),
        ("the image family", family("image/")),
        ("the video family, which is less than the kind", family("video/")),
        ("the application family", family("application/")),
        ("the text family", family("text/")),
        ("a family that nothing has", family("document/")),
        (
            "documents of the application family",
            MediaFilter { media_type: Some(MediaType::Document), ..family("application/") },
        ),
        ("videos of the image family", MediaFilter { media_type: Some(MediaType::Video), ..family("image/") }),
        ("a tag", tag("lake")),
        ("a tag in other letters", tag("äpfel")),
        ("a tag of wildcards", tag("%_")),
        ("a tag that nothing has", tag("lak")),
        ("a collection", collection.clone()),
        ("a tag in a collection", MediaFilter { tag: Some("lake".to_owned()), ..collection.clone() }),
        (
            "a collection that is not there",
            MediaFilter { collection_id: Some(CollectionId::from_uuid(Uuid::nil())), ..plain() },
        ),
        ("favourites", MediaFilter { favorite: Some(true), ..plain() }),
        ("no favourites", MediaFilter { favorite: Some(false), ..plain() }),
        ("rated at all", MediaFilter { rating_min: Some(-1), ..plain() }),
        ("three stars", MediaFilter { rating_min: Some(3), ..plain() }),
        ("an id of the application's", MediaFilter { external_id: Some("ext-14".to_owned()), ..plain() }),
        ("an id that nothing has", MediaFilter { external_id: Some("ext".to_owned()), ..plain() }),
        ("a property", properties(&[property("even", "true")])),
        ("two properties", properties(&[property("even", "false"), property("n", "2")])),
        ("a long property, by which nothing is found", properties(&[property("long", &long(1))])),
        ("a property that nothing has", properties(&[property("n", "true")])),
        ("a property in a collection", MediaFilter { properties: vec![property("n", "1")], ..collection.clone() }),
        ("a property and a tag", MediaFilter { tag: Some("lake".to_owned()), ..properties(&[property("n", "1")]) }),
        ("made after", MediaFilter { created_after: Some(at(9)), ..plain() }),
        ("made before", MediaFilter { created_before: Some(at(9)), ..plain() }),
        (
            "made between, to the microsecond",
            MediaFilter {
                created_after: Some(at(4).minus(Duration::from_micros(1))),
                created_before: Some(at(9).plus(Duration::from_micros(1))),
                ..plain()
            },
        ),
        ("taken after", MediaFilter { taken_after: Some(at(-20_000_000)), ..plain() }),
        ("taken before", MediaFilter { taken_before: Some(at(-20_000_000)), ..plain() }),
        ("at least so large", MediaFilter { min_size: Some(5), ..plain() }),
        ("at most so large", MediaFilter { max_size: Some(5), ..plain() }),
        ("larger than anything", MediaFilter { min_size: Some(u64::MAX), ..plain() }),
        ("a box", bounds(-100.0, -30.0, 100.0, 30.0)),
        ("a box over the date line", bounds(100.0, -90.0, -100.0, 90.0)),
        ("a point", bounds(-180.0, -40.5, -180.0, -40.5)),
        (
            "many at once",
            MediaFilter {
                media_type: Some(MediaType::Image),
                favorite: Some(false),
                rating_min: Some(0),
                max_size: Some(9),
                ..tag("lake")
            },
        ),
    ]
}

/// What a filter means, said without SQL.
fn matches(filter: &MediaFilter, item: &Media, kept: &[MediaId]) -> bool {
    let labels = &item.labels;
    let pairs: Vec<(String, String)> =
        labels.properties.pairs().map(|(name, value)| (name.to_owned(), value)).collect();
    let millis = |time: Timestamp| time.micros().div_euclid(1000) * 1000;
    item.deleted_at.is_some() == filter.trashed
        && filter.media_type.is_none_or(|wanted| item.media_type == wanted)
        && filter.mime_type.as_ref().is_none_or(|wanted| wanted.matches(&item.mime_type))
        && filter.tag.as_ref().is_none_or(|wanted| labels.tags.iter().any(|tag| fold_tag(tag) == *wanted))
        && filter.collection_id.is_none_or(|wanted| wanted == COLLECTION && kept.contains(&item.id))
        && filter.favorite.is_none_or(|wanted| labels.favorite == wanted)
        && filter.rating_min.is_none_or(|wanted| labels.rating.is_some_and(|stars| stars >= wanted))
        && filter.external_id.as_ref().is_none_or(|wanted| labels.external_id.as_ref() == Some(wanted))
        && filter.properties.iter().all(|wanted| pairs.contains(wanted))
        && filter.created_after.is_none_or(|after| millis(item.created_at) > after.micros())
        && filter.created_before.is_none_or(|before| millis(item.created_at) < before.micros())
        && filter.taken_after.is_none_or(|after| labels.taken.as_ref().is_some_and(|taken| taken.at > after))
        && filter.taken_before.is_none_or(|before| labels.taken.as_ref().is_some_and(|taken| taken.at < before))
        && filter.min_size.is_none_or(|least| item.size >= least)
        && filter.max_size.is_none_or(|most| item.size <= most)
        && filter.bounds.is_none_or(|bounds| {
            labels.location.as_ref().is_some_and(|place| {
                let (x, y) = (place.longitude, place.latitude);
                let across = if bounds.west <= bounds.east {
                    bounds.west <= x && x <= bounds.east
                } else {
                    x >= bounds.west || x <= bounds.east
                };
                across && bounds.south <= y && y <= bounds.north
            })
        })
}

/// What an order means; names go by their letters' numbers, as SQLite has it.
fn compare(sort: Sort, a: &Media, b: &Media) -> Ordering {
    let taken =
        |item: &Media| item.labels.taken.as_ref().map_or(item.created_at.micros(), |taken| taken.local.micros());
    let by_key = match sort.key {
        SortKey::CreatedAt => Ordering::Equal,
        SortKey::TakenAt => taken(a).cmp(&taken(b)),
        SortKey::Filename => a.filename.to_lowercase().cmp(&b.filename.to_lowercase()),
        SortKey::Size => a.size.cmp(&b.size),
        SortKey::Rating => a.labels.rating.cmp(&b.labels.rating),
    };
    let ascending = by_key.then(a.id.cmp(&b.id));
    if sort.descending { ascending.reverse() } else { ascending }
}

const PAGE: u32 = 5;

/// One filter in one order, every part, against what it must be.
async fn walk(store: &Store, case: &str, filter: &MediaFilter, sort: Sort, want: &[Media]) {
    let limit = PAGE as usize;
    let mut parts = Vec::new();
    for skip in [0, 1, 5, want.len() - want.len() % limit, want.len(), want.len() + 3] {
        parts.push((Part::Skip(skip as u64), want.iter().skip(skip).take(limit).collect()));
        let end = want.len().saturating_sub(skip);
        let last: Vec<&Media> = want[..end].iter().skip(end.saturating_sub(limit)).collect();
        parts.push((Part::SkipFromEnd(skip as u64), last));
    }
    for (place, item) in want.iter().enumerate().step_by(3) {
        parts.push((Part::After(media_list::place_of(item, sort)), want.iter().skip(place + 1).take(limit).collect()));
    }
    let (asked, filter) = (parts.iter().map(|(part, _)| part.clone()).collect::<Vec<_>>(), filter.clone());
    let read = move |db: &mv_store::Conn| {
        asked
            .iter()
            .map(|part| media_list::page(db, OWNER, &filter, sort, media_list::Window { part, limit: PAGE }))
            .collect()
    };
    let pages: Vec<Vec<Media>> =
        store.read(read).await.unwrap_or_else(|error: mv_store::Error| panic!("{case}: {error:?}"));
    for ((part, expected), page) in parts.into_iter().zip(&pages) {
        let names = |items: &[&Media]| items.iter().map(|item| item.id.to_string()).collect::<Vec<_>>();
        let found: Vec<&Media> = page.iter().collect();
        assert_eq!(names(&found), names(&expected), "{case}, {part:?}");
        assert_eq!(found, expected, "{case}, {part:?}");
    }
}

async fn lists_are_as_the_model_says(target: Target) {
    let store = open(&target).await;
    let (items, kept) = fill(&store).await;
    let mut empty = Vec::new();
    for (what, filter) in filters() {
        for in_trash in [false, true] {
            let filter = MediaFilter { trashed: in_trash, ..filter.clone() };
            let mut want: Vec<Media> = items.iter().filter(|item| matches(&filter, item, &kept)).cloned().collect();
            if want.is_empty() && !in_trash {
                empty.push(what);
            }
            let (asked, case) = (filter.clone(), format!("{what}, trash {in_trash}"));
            let counted = store.read(move |db| media_list::count(db, OWNER, &asked)).await.unwrap();
            assert_eq!(counted, want.len() as u64, "counting {case}");
            for key in [SortKey::CreatedAt, SortKey::TakenAt, SortKey::Filename, SortKey::Size, SortKey::Rating] {
                for descending in [false, true] {
                    let sort = Sort { key, descending };
                    want.sort_by(|a, b| compare(sort, a, b));
                    walk(&store, &format!("{case}, {}", sort.as_str()), &filter, sort, &want).await;
                }
            }
        }
    }
    let expected = filters()
        .iter()
        .map(|(what, _)| *what)
        .filter(|what| what.contains("nothing") || what.contains("none") || what.contains("not there"))
        .count();
    assert_eq!(empty.len(), expected + 2, "filters that find nothing test little: {empty:?}");
    store.close().await;
}

async fn open(target: &Target) -> Store {
    let mut options = options();
    options.migrations = MIGRATIONS;
    Store::open(target.clone(), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_as_the_model_says_on_sqlite() {
    with_file(|target| async move { lists_are_as_the_model_says(target).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_as_the_model_says_on_postgres() {
    with_database_in_a_language(|target| async move { lists_are_as_the_model_says(target).await }).await;
}

/// Statements that take a list, with lists of every sort of length, and the other pages of lists.
async fn lists_of_values_work(target: Target) {
    let store = open(&target).await;
    let (items, kept) = fill(&store).await;
    let live: Vec<MediaId> = items.iter().filter(|item| item.deleted_at.is_none()).map(|item| item.id).collect();
    for count in [0, 1, 2, 3, 17, 46] {
        let mut ids: Vec<MediaId> = items.iter().rev().map(|item| item.id).take(count).collect();
        ids.extend((0..3).map(|number| MediaId::from_uuid(Uuid::from_u128(number))).take(count));
        let mut want: Vec<MediaId> = live.iter().copied().filter(|id| ids.contains(id)).collect();
        want.sort_unstable();
        let (asked, held) = (ids.clone(), ids.clone());
        let mut found = store.read(move |db| media::live_among(db, OWNER, &asked)).await.unwrap();
        found.sort_unstable_by_key(|(id, _)| *id);
        assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), want, "{count} ids");
        assert_eq!(
            store.write(move |tx| media::hold_live_among(tx, OWNER, &held)).await.unwrap(),
            want,
            "{count} ids held"
        );
        assert_eq!(
            store.read(move |db| media::live_among(db, OTHER, &ids)).await.unwrap(),
            [],
            "{count} ids of others"
        );
        let tags: Vec<[u8; 32]> = (0..count).map(|number| [number as u8; 32]).collect();
        let holding = store.read(move |db| -> mv_store::Result<_> {
            Ok((media::holding(db, OWNER, &tags)?, tombstones::among(db, OWNER, &tags)?))
        });
        let (holding, buried) = holding.await.unwrap();
        assert_eq!((holding.len(), buried.len()), (if count > 7 { items.len() } else { 0 }, 0), "{count} contents");
        assert!(holding.iter().map(|(_, _, deleted)| deleted.is_some()).is_sorted(), "items in the library come first");
        let segments: Vec<SegmentId> =
            (0..count as u128).map(|number| SegmentId::from_uuid(Uuid::from_u128(1001 - number))).collect();
        let known = store.read(move |db| blobs::known_segments_any(db, &segments)).await.unwrap();
        assert_eq!(known.len(), usize::from(count > 0), "{count} segments");
    }
    let seen: Vec<MediaId> = kept.iter().copied().filter(|id| live.contains(id)).collect();
    for from_end in [false, true] {
        for skip in 0..=seen.len() as u64 {
            use mv_store::collection_media::From;
            let from = if from_end { From::SkipFromEnd(skip) } else { From::Skip(skip) };
            let found = store.read(move |db| collection_media::page(db, COLLECTION, from, PAGE)).await.unwrap();
            let skip = skip as usize;
            let want: Vec<MediaId> = match from_end {
                false => seen.iter().skip(skip).take(PAGE as usize).copied().collect(),
                true => seen[..seen.len() - skip]
                    .iter()
                    .skip((seen.len() - skip).saturating_sub(PAGE as usize))
                    .copied()
                    .collect(),
            };
            assert_eq!(found.iter().map(|(_, item)| item.id).collect::<Vec<_>>(), want, "{from:?}");
            if let (Some((position, last)), false) = (found.last(), from_end) {
                let from = From::Behind(*position, last.id);
                let behind = store.read(move |db| collection_media::page(db, COLLECTION, from, 100)).await.unwrap();
                assert_eq!(behind.len(), seen.len() - skip - found.len(), "{from:?}");
            }
        }
    }
    for (after, skip, want) in [(None, 0, 1), (None, 1, 0), (Some(COLLECTION), 0, 0)] {
        let found = store.read(move |db| collections::page_for(db, OWNER, after, skip, 10)).await.unwrap();
        assert_eq!(found.len(), want, "{after:?} {skip}");
        assert!(
            found
                .iter()
                .all(|found| found.media_count == seen.len() as u64 && found.cover_media_id == seen.first().copied())
        );
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_values_work_on_sqlite() {
    with_file(|target| async move { lists_of_values_work(target).await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_values_work_on_postgres() {
    with_database_in_a_language(|target| async move { lists_of_values_work(target).await }).await;
}
