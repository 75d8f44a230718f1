//! Items through HTTP on both databases: uploads, lists, single items, the trash, their bytes and their links.
//! Promise: what is refused changes nothing, and every byte that comes back is the one that was sent.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

use std::time::Duration;

use mv_app::ops::check::Depth;
use mv_testkit::files::{checksum, jpeg, noise, png};
use mv_testkit::{Actor, Answer, Options, Server, on_both};
use reqwest::Method;
use serde_json::{Value, json};

mod bytes;
mod content;
mod foreign;
mod forms;
mod idempotency;
mod item;
mod links;
mod list;
mod names;
mod runs;
mod seed;
mod trash;
mod upload;
mod upload_fields;
mod upload_limits;
mod walks;

/// The id of an item.
fn id_of(item: &Value) -> &str {
    item["id"].as_str().unwrap()
}

/// The path of an item.
fn path_of(item: &Value) -> String {
    format!("/media/{}", id_of(item))
}

/// All that a refused request must leave as it was: an actor's items without their links, the events, the stored files.
async fn state(actor: &Actor) -> Value {
    let mut lists = Vec::new();
    for query in ["sort=created_at&per_page=100", "sort=created_at&per_page=100&trashed=true"] {
        let answer = actor.get(&format!("/media?{query}")).await;
        let mut items = answer.expect(200);
        items.as_array_mut().unwrap().iter_mut().for_each(|item| item["urls"] = Value::Null);
        lists.push(json!({ "total": answer.meta()["pagination"]["total"], "items": items }));
    }
    json!({ "lists": lists, "events": actor.server.events().await.len(), "files": actor.server.stored_files().len() })
}

/// Database, files and kept numbers must agree, and no file may stand without a row.
#[track_caller]
fn sound(server: &Server) -> impl Future<Output = ()> + use<> {
    let (server, place) = (server.clone(), std::panic::Location::caller());
    async move {
        let report = server.app().check(Depth::Full).await.unwrap();
        assert!(report.problems.is_empty() && report.orphans == 0, "at {place}: {report:?}");
        let left: Vec<_> =
            std::fs::read_dir(server.data_dir().join("tmp")).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "at {place}: {left:?}");
    }
}

/// How many items are in the library by the answer of a list.
async fn total(actor: &Actor, query: &str) -> u64 {
    let answer = actor.get(&format!("/media{query}")).await;
    answer.expect(200);
    let pagination = answer.meta()["pagination"].clone();
    assert_eq!(pagination["total_exact"], true, "{query}");
    pagination["total"].as_u64().unwrap()
}
