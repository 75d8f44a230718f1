//! Random libraries, random questions: what pages and cursors give must be what a model of them gives.

use std::cmp::Ordering;

use super::seed::{Dice, copy, insert, remove, template};
use super::*;
use mv_core::Timestamp;
use mv_core::media::{Location, Media, Properties, fold_tag};
use mv_core::mime::MediaType;
use mv_core::taken::{LocalTime, Taken, TakenSource};

const TYPES: [(MediaType, &str); 6] = [
    (MediaType::Image, "image/jpeg"),
    (MediaType::Image, "image/png"),
    (MediaType::Video, "video/mp4"),
    (MediaType::Audio, "audio/mpeg"),
    (MediaType::Document, "image-like/odd"),
    (MediaType::Other, "application/zip"),
];
const FILENAMES: [&str; 9] = ["a.jpg", "A.jpg", "b.jpg", "B2.jpg", "Ä.jpg", "ä.jpg", "z", "_", "\u{1f3d4}"];
const TAGS: [&str; 4] = ["Lake", "summer", "ÉTÉ", "été"];

fn random_item(template: &Media, millis: i64, dice: &mut Dice) -> Media {
    let mut item = copy(template, millis, dice);
    let (media_type, mime_type) = *dice.pick(&TYPES);
    (item.media_type, item.mime_type) = (media_type, mime_type.to_owned());
    item.filename = (*dice.pick(&FILENAMES)).to_owned();
    item.size = dice.below(5) * 1000;
    let labels = &mut item.labels;
    labels.rating = dice.chance(60).then(|| i8::try_from(dice.below(7)).unwrap() - 1);
    labels.favorite = dice.chance(30);
    let tags: Vec<&str> = TAGS.into_iter().filter(|_| dice.chance(30)).collect();
    labels.tags = mv_core::media::check_tags(tags).unwrap();
    labels.taken = dice.chance(60).then(|| {
        let offset = [0, 7200, -43_200, 50_400][dice.below(4) as usize];
        let at = Timestamp::from_seconds(1_500_000_000 + i64::try_from(dice.below(4)).unwrap() * 40_000);
        let local = LocalTime::from_micros(at.micros() + i64::from(offset) * 1_000_000);
        Taken { at, local, offset_seconds: Some(offset), source: TakenSource::User }
    });
    labels.location = dice.chance(50).then(|| {
        let (latitude, longitude) = (dice.below(7) as f64 * 30.0 - 90.0, dice.below(13) as f64 * 30.0 - 180.0);
        Location { latitude, longitude, altitude: None }
    });
    let mut members = serde_json::Map::new();
    if dice.chance(50) {
        members.insert("n".into(), json!(dice.below(3)));
    }
    if dice.chance(50) {
        members.insert("s".into(), json!(["x", "true", "y z"][dice.below(3) as usize]));
    }
    if dice.chance(30) {
        members.insert("b".into(), json!(dice.chance(50)));
    }
    labels.properties = Properties::check(members).unwrap();
    labels.external_id = dice.chance(30).then(|| format!("e{}", item.id));
    item.deleted_at = dice.chance(25).then(|| Timestamp::from_millis(millis + 5));
    item
}

/// A condition as a query and as a model.
struct Condition {
    query: String,
    holds: Box<dyn Fn(&Media) -> bool>,
}

fn condition(query: String, holds: impl Fn(&Media) -> bool + 'static) -> Condition {
    Condition { query, holds: Box::new(holds) }
}

fn property(item: &Media, name: &str, value: &str) -> bool {
    item.labels.properties.pairs().any(|(key, text)| key == name && text == value)
}

/// How many kinds of conditions there are.
const KINDS: u64 = 18;

fn random_condition(kind: u64, items: &[Media], dice: &mut Dice) -> Condition {
    let (media_type, mime) = *dice.pick(&TYPES);
    let some = dice.pick(items).clone();
    let taken = Timestamp::from_seconds(1_500_000_000 + i64::try_from(dice.below(5)).unwrap() * 40_000 - 1);
    let number = dice.below(6);
    match kind {
        0 => condition(format!("type={media_type}"), move |item| item.media_type == media_type),
        1 => condition(format!("mime_type={mime}"), move |item| item.mime_type == mime),
        2 => condition("mime_type=image/*".into(), |item| item.mime_type.starts_with("image/")),
        3 => {
            let tag = *dice.pick(&TAGS);
            condition(format!("tag={}", tag.to_uppercase()), move |item| {
                item.labels.tags.iter().any(|own| fold_tag(own) == fold_tag(tag))
            })
        }
        4 => condition("favorite=true".into(), |item| item.labels.favorite),
        5 => condition("favorite=false".into(), |item| !item.labels.favorite),
        6 => {
            let stars = i8::try_from(number).unwrap() - 1;
            condition(format!("rating_min={stars}"), move |item| item.labels.rating.is_some_and(|own| own >= stars))
        }
        7 => {
            let wanted = some.labels.external_id.unwrap_or_else(|| "none".into());
            condition(format!("external_id={wanted}"), move |item| item.labels.external_id.as_deref() == Some(&wanted))
        }
        8 => {
            condition(format!("property[n]={}", number % 3), move |item| property(item, "n", &(number % 3).to_string()))
        }
        9 => condition("property[s]=y%20z".into(), |item| property(item, "s", "y z")),
        10 => condition("property[b]=true".into(), |item| property(item, "b", "true")),
        11 => condition(format!("created_after={}", some.created_at), move |item| item.created_at > some.created_at),
        12 => condition(format!("created_before={}", some.created_at), move |item| item.created_at < some.created_at),
        13 => {
            condition(format!("taken_after={taken}"), move |item| item.labels.taken.is_some_and(|own| own.at > taken))
        }
        14 => {
            condition(format!("taken_before={taken}"), move |item| item.labels.taken.is_some_and(|own| own.at < taken))
        }
        15 => condition(format!("min_size={}", number * 1000), move |item| item.size >= number * 1000),
        16 => condition(format!("max_size={}", number * 1000), move |item| item.size <= number * 1000),
        _ => {
            let (west, east) = *dice.pick(&[(-180.0, 180.0), (-31.0, 61.0), (150.0, -150.0), (30.0, 30.0)]);
            let (south, north) = *dice.pick(&[(-90.0, 90.0), (-1.0, 61.0), (0.0, 0.0)]);
            condition(format!("bbox={west},{south},{east},{north}"), move |item| {
                item.labels.location.is_some_and(|place| {
                    let within = if west <= east {
                        (west..=east).contains(&place.longitude)
                    } else {
                        place.longitude >= west || place.longitude <= east
                    };
                    within && (south..=north).contains(&place.latitude)
                })
            })
        }
    }
}

fn order(sort: &str, a: &Media, b: &Media) -> Ordering {
    let taken = |item: &Media| item.labels.taken.map_or(item.created_at.micros(), |taken| taken.local.micros());
    let key = match sort.trim_start_matches('-') {
        "created_at" => Ordering::Equal,
        "taken_at" => taken(a).cmp(&taken(b)),
        "filename" => a.filename.to_lowercase().as_bytes().cmp(b.filename.to_lowercase().as_bytes()),
        "size" => a.size.cmp(&b.size),
        _ => a.labels.rating.map_or(-2, i64::from).cmp(&b.labels.rating.map_or(-2, i64::from)),
    };
    let ascending = key.then_with(|| a.id.to_string().cmp(&b.id.to_string()));
    if sort.starts_with('-') { ascending.reverse() } else { ascending }
}

const SORTS: [&str; 10] = [
    "created_at",
    "-created_at",
    "taken_at",
    "-taken_at",
    "filename",
    "-filename",
    "size",
    "-size",
    "rating",
    "-rating",
];

/// A list walked by page numbers or by cursors to its end.
async fn walk(actor: &Actor, query: &str, by_cursor: bool, expected: &[String]) {
    let (mut found, mut step) = (Vec::new(), "page=1".to_owned());
    for page in 1.. {
        let step_query = if by_cursor && page == 1 { query.to_owned() } else { format!("{query}&{step}") };
        let answer = actor.get(&format!("/media?{step_query}")).await;
        let items = answer.expect(200);
        found.extend(items.as_array().unwrap().iter().map(|item| id_of(item).to_owned()));
        let pagination = answer.meta()["pagination"].clone();
        assert_eq!(pagination["total"], expected.len(), "{step_query}");
        assert_eq!(pagination["count"], items.as_array().unwrap().len(), "{step_query}");
        assert_eq!(pagination["next_cursor"].is_null(), found.len() == expected.len(), "{step_query}: {found:?}");
        match pagination["next_cursor"].as_str() {
            Some(cursor) if by_cursor => step = format!("cursor={cursor}"),
            Some(_) => step = format!("page={}", page + 1),
            None => break,
        }
        assert!(found.len() < expected.len(), "{step_query} goes on and on");
    }
    assert_eq!(found, expected, "{query} by {}", if by_cursor { "cursor" } else { "page" });
}

on_both!(pages_and_cursors_agree_with_the_model, |server| async move {
    let alice = server.user("alice").await;
    // Somebody else's items are in nobody's way.
    let bob = server.user("bob").await;
    let foreign = template(&bob).await;
    let template = template(&alice).await;
    let mut dice = Dice::new(11);
    insert(&server, (0..20).map(|n| random_item(&foreign, 1_600_000_000_000 + n, &mut dice)).collect()).await;
    for library in 0..30_u64 {
        let count = i64::try_from(dice.below(61)).unwrap();
        let spread = 1 + i64::try_from(dice.below(3)).unwrap();
        let items: Vec<Media> =
            (0..count).map(|n| random_item(&template, 1_650_000_000_000 + n / spread, &mut dice)).collect();
        insert(&server, items.clone()).await;
        let all: Vec<Media> = items.iter().cloned().chain([template.clone()]).collect();
        for question in 0..4_u64 {
            let trashed = dice.chance(20);
            let conditions: Vec<Condition> = match question {
                0 => Vec::new(),
                1 => vec![random_condition((library * 3 + question) % KINDS, &all, &mut dice)],
                _ => {
                    let mut kinds: Vec<u64> = (0..=dice.below(3)).map(|_| dice.below(KINDS)).collect();
                    kinds.sort_unstable();
                    // Of one kind only once, and nothing that stands for one parameter twice.
                    kinds.dedup();
                    kinds.dedup_by(|a, b| [(1, 2), (4, 5)].contains(&(*b, *a)));
                    kinds.into_iter().map(|kind| random_condition(kind, &all, &mut dice)).collect()
                }
            };
            let sort = *dice.pick(&SORTS);
            let mut query = format!("sort={sort}&per_page={}", 1 + dice.below(25));
            conditions.iter().for_each(|condition| query.extend(["&", &condition.query]));
            if trashed {
                query.push_str("&trashed=true");
            }
            let mut matching: Vec<&Media> = all.iter().filter(|item| item.deleted_at.is_some() == trashed).collect();
            matching.retain(|item| conditions.iter().all(|condition| (condition.holds)(item)));
            matching.sort_by(|a, b| order(sort, a, b));
            let expected: Vec<String> = matching.iter().map(|item| item.id.to_string()).collect();
            walk(&alice, &query, false, &expected).await;
            walk(&alice, &query, true, &expected).await;
        }
        if library % 10 == 0 {
            sound(&server).await;
        }
        remove(&server, items).await;
    }
    sound(&server).await;
});

on_both!(a_walk_by_cursor_meets_no_item_twice, |server| async move {
    let alice = server.user("alice").await;
    let template = template(&alice).await;
    let mut dice = Dice::new(12);
    let fresh =
        |dice: &mut Dice, n: i64| Media { deleted_at: None, ..random_item(&template, 1_650_000_000_000 + n, dice) };
    for sort in SORTS {
        let staying: Vec<Media> = (0..40).map(|n| fresh(&mut dice, n * 2)).collect();
        let mut going: Vec<Media> = (0..20).map(|n| fresh(&mut dice, n * 4 + 1)).collect();
        let mut coming = Vec::new();
        insert(&server, [staying.clone(), going.clone()].concat()).await;
        let (mut found, mut path) = (Vec::new(), format!("/media?sort={sort}&per_page=7"));
        loop {
            let answer = alice.get(&path).await;
            found.extend(answer.expect(200).as_array().unwrap().iter().map(|item| id_of(item).to_owned()));
            let Some(cursor) = answer.meta()["pagination"]["next_cursor"].as_str().map(str::to_owned) else { break };
            path = format!("/media?sort={sort}&per_page=7&cursor={cursor}");
            let place = i64::try_from(dice.below(80)).unwrap();
            coming.push(fresh(&mut dice, place));
            insert(&server, coming.last().cloned().into_iter().collect()).await;
            let victim = dice.below(going.len() as u64) as usize;
            remove(&server, vec![going.swap_remove(victim)]).await;
        }
        let unique: std::collections::BTreeSet<&String> = found.iter().collect();
        assert_eq!(unique.len(), found.len(), "{sort}: an item came twice");
        let missed: Vec<String> =
            staying.iter().map(|item| item.id.to_string()).filter(|id| !unique.contains(id)).collect();
        assert!(missed.is_empty(), "{sort}: {missed:?} stood there all the time and never came");
        remove(&server, [staying, going, coming].concat()).await;
    }
    sound(&server).await;
});
