//! How SQLite walks the lists: along an index, never through the whole library, never sorting what it found.

use mv_core::CollectionId;
use mv_core::media_filter::Bounds;
use mv_core::mime::{MediaType, MimeFilter};
use rusqlite::Connection;
use uuid::Uuid;

use super::*;
use crate::MIGRATIONS;

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for step in MIGRATIONS {
        connection.execute_batch(step.sqlite).unwrap();
    }
    connection
}

/// The steps of the plan that SQLite makes for a statement.
fn plan(connection: &Connection, statement: &Sql) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.text())).unwrap();
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get("detail").unwrap());
    }
    steps
}

/// Each single filter with the orders in which it must cost the same at any size, and the index that leads the walk.
fn flat() -> Vec<(&'static str, MediaFilter, SortKey, &'static str)> {
    use SortKey::{CreatedAt, Filename, Rating, Size, TakenAt};
    let plain = MediaFilter::default;
    let at = Some(Timestamp::from_seconds(1_700_000_000));
    let property = |name: &str| (name.to_owned(), "v".to_owned());
    vec![
        ("the library", plain(), CreatedAt, "media_library_idx"),
        ("the library", plain(), TakenAt, "media_taken_idx"),
        ("the library", plain(), Filename, "media_filename_idx"),
        ("the library", plain(), Size, "media_size_idx"),
        ("the library", plain(), Rating, "media_rating_idx"),
        ("a type", MediaFilter { media_type: Some(MediaType::Image), ..plain() }, CreatedAt, "media_type_idx"),
        (
            "a MIME type",
            MediaFilter { mime_type: Some(MimeFilter::Exact("image/png".into())), ..plain() },
            CreatedAt,
            "media_mime_idx",
        ),
        (
            "a family",
            MediaFilter { mime_type: Some(MimeFilter::Family("image/".into())), ..plain() },
            CreatedAt,
            "media_type_idx",
        ),
        (
            "a tag",
            MediaFilter { tag: Some("lake".into()), ..plain() },
            CreatedAt,
            "PRIMARY KEY (owner_id=? AND folded=? AND trashed=?",
        ),
        (
            "a collection",
            MediaFilter { collection_id: Some(CollectionId::from_uuid(Uuid::nil())), ..plain() },
            CreatedAt,
            "PRIMARY KEY (collection_id=?",
        ),
        ("favourites", MediaFilter { favorite: Some(true), ..plain() }, CreatedAt, "media_favorite_idx"),
        ("no favourites", MediaFilter { favorite: Some(false), ..plain() }, CreatedAt, "media_library_idx"),
        ("stars", MediaFilter { rating_min: Some(3), ..plain() }, Rating, "media_rating_idx"),
        (
            "an application's id",
            MediaFilter { external_id: Some("e".into()), ..plain() },
            CreatedAt,
            "media_owner_id_external_id_key",
        ),
        (
            "an application's id",
            MediaFilter { external_id: Some("e".into()), ..plain() },
            Size,
            "media_owner_id_external_id_key",
        ),
        (
            "a property",
            MediaFilter { properties: vec![property("k")], ..plain() },
            CreatedAt,
            "PRIMARY KEY (owner_id=? AND name=? AND value=? AND trashed=?",
        ),
        ("made after", MediaFilter { created_after: at, ..plain() }, CreatedAt, "media_library_idx"),
        ("made before", MediaFilter { created_before: at, ..plain() }, CreatedAt, "media_library_idx"),
        ("taken after", MediaFilter { taken_after: at, ..plain() }, TakenAt, "media_taken_idx"),
        ("taken before", MediaFilter { taken_before: at, ..plain() }, TakenAt, "media_taken_idx"),
        ("at least so large", MediaFilter { min_size: Some(1), ..plain() }, Size, "media_size_idx"),
        ("at most so large", MediaFilter { max_size: Some(9), ..plain() }, Size, "media_size_idx"),
    ]
}

fn place(key: SortKey) -> Place {
    let key = match key {
        SortKey::CreatedAt => PlaceKey::None,
        SortKey::Filename => PlaceKey::Text("a".into()),
        _ => PlaceKey::Int(1),
    };
    Place { key, id: MediaId::from_uuid(Uuid::from_u128(7)) }
}

#[test]
fn every_flat_list_is_a_range_of_one_index() {
    let connection = database();
    let owner = UserId::from_uuid(Uuid::from_u128(1));
    for (what, filter, key, lead) in flat() {
        assert!(filter.is_indexed(Sort { key, descending: true }), "{what} by {key:?} counts as flat");
        for trashed in [false, true] {
            for descending in [false, true] {
                for part in [Part::Skip(0), Part::After(place(key))] {
                    let filter = MediaFilter { trashed, ..filter.clone() };
                    let mut query = statement(owner, &filter, Sort { key, descending }, &part, Start::default());
                    query.push(" LIMIT ").push_bind(21);
                    let steps = plan(&connection, &query);
                    let case =
                        format!("{what} by {key:?}, descending {descending}, {part:?}: {steps:?}\n{}", query.text());
                    assert!(steps[0].starts_with("SEARCH") && steps[0].contains(lead), "not led by {lead}: {case}");
                    assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{case}");
                    let ranged = key != SortKey::CreatedAt && !filter.is_plain() && filter.external_id.is_none()
                        || filter.created_after.or(filter.created_before).is_some()
                        || matches!(part, Part::After(_)) && filter.external_id.is_none();
                    assert_eq!(steps[0].contains(['<', '>']), ranged, "read from its beginning or not: {case}");
                }
            }
        }
    }
}

#[test]
fn counting_and_mixed_filters_search_too() {
    let connection = database();
    let owner = UserId::from_uuid(Uuid::from_u128(1));
    let bounds = Some(Bounds { west: 1.0, south: 2.0, east: 3.0, north: 4.0 });
    let mixed = [
        MediaFilter { bounds, ..MediaFilter::default() },
        MediaFilter { mime_type: Some(MimeFilter::Family("font/".into())), ..MediaFilter::default() },
        MediaFilter { tag: Some("lake".into()), favorite: Some(true), min_size: Some(1), ..MediaFilter::default() },
        MediaFilter {
            collection_id: Some(CollectionId::from_uuid(Uuid::nil())),
            tag: Some("lake".into()),
            ..MediaFilter::default()
        },
        MediaFilter { properties: vec![("a".into(), "1".into()), ("b".into(), "2".into())], ..MediaFilter::default() },
    ];
    for filter in mixed.into_iter().chain(flat().into_iter().map(|(_, filter, ..)| filter)) {
        for key in [SortKey::CreatedAt, SortKey::TakenAt, SortKey::Filename, SortKey::Size, SortKey::Rating] {
            let query = statement(owner, &filter, Sort { key, descending: false }, &Part::Skip(0), Start::default());
            let steps = plan(&connection, &query);
            assert!(steps.iter().all(|step| !step.starts_with("SCAN")), "{filter:?} by {key:?}: {steps:?}");
        }
        let mut query = sql("SELECT count(*) FROM (SELECT 1");
        conditions(&mut query, owner, &filter);
        query.push(" LIMIT ").push_bind(COUNT_LIMIT + 1).push(") AS counted");
        let steps = plan(&connection, &query);
        let scans = steps
            .iter()
            .filter(|step| step.starts_with("SCAN") && !step.contains("counted") && !step.contains("subquery"));
        assert_eq!(scans.count(), 0, "counting {filter:?}: {steps:?}");
    }
}
