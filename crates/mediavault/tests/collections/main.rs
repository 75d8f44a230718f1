//! Collections on both databases, what happens when many change the same thing at once, the timetable, and the check.
//! Promise: every case names itself where it fails.
//! Not here: members, shares, archives.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

use mv_core::{CollectionId, MediaId};
use mv_testkit::{Actor, Options, Server, files, on_both};
use serde_json::{Value, json};
use uuid::Uuid;

mod contents;
mod damage;
mod manage;
mod order;
mod races;
mod timetable;

/// Uploads so many small files, each unlike the others; gives their ids in the order of making.
async fn items(actor: &Actor, count: u64) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(item(actor, number).await);
    }
    ids
}

/// Uploads one small file; `number` makes its bytes.
async fn item(actor: &Actor, number: u64) -> String {
    id_of(&actor.upload(&format!("{number}.bin"), &files::noise(number + 1, 32)).await)
}

/// Makes a collection.
async fn collection(actor: &Actor, name: &str) -> String {
    id_of(&actor.post("/collections", json!({ "name": name })).await.expect(201))
}

/// Makes a collection with these items in it.
async fn filled(actor: &Actor, ids: &[String]) -> String {
    let id = collection(actor, "filled").await;
    if !ids.is_empty() {
        actor.post(&format!("/collections/{id}/media"), json!({ "media_ids": ids })).await.expect(200);
    }
    id
}

fn id_of(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// The ids on a page.
fn ids_in(data: &Value) -> Vec<String> {
    data.as_array().unwrap().iter().map(id_of).collect()
}

/// What is in a collection, in its order; at most 100 items.
async fn contents(actor: &Actor, id: &str) -> Vec<String> {
    ids_in(&actor.get(&format!("/collections/{id}/media?per_page=100")).await.expect(200))
}

/// The collection as it is now.
async fn shown(actor: &Actor, id: &str) -> Value {
    actor.get(&format!("/collections/{id}")).await.expect(200)
}

/// The version of a collection, as its entity tag tells it.
async fn version(actor: &Actor, id: &str) -> String {
    actor.get(&format!("/collections/{id}")).await.header("etag").to_owned()
}

fn random_collection() -> String {
    CollectionId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001)).to_string()
}

fn random_item(number: u128) -> String {
    MediaId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0001_0000 + number)).to_string()
}

/// The check of everything must find nothing wrong.
async fn must_be_sound(server: &Server, when: &str) {
    let report = server.app().check(mv_app::ops::check::Depth::Full).await.unwrap();
    assert!(report.problems.is_empty(), "{when}: {:#?}", report.problems);
}
