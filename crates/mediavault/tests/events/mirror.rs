//! A copy kept by `/changes` ends equal to what the lists show, whatever happened in between and whenever the client looked:
//! one client that has followed from the beginning, and one that begins with the lists and goes away now and then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mv_testkit::{Actor, files, on_both};
use serde_json::{Value, json};

use crate::order::Random;

const SEEDS: u64 = 4;
const STEPS: u64 = 90;

/// Items, the trash and collections, by id.
pub(crate) type State = BTreeMap<String, Value>;

/// What a copy compares: all but the links, which are made anew now and then.
pub(crate) fn comparable(mut object: Value) -> Value {
    if let Some(urls) = object.get_mut("urls") {
        urls["content"] = json!(urls["content"].is_string());
    }
    object
}

/// What the lists show.
pub(crate) async fn listed(actor: &Actor) -> State {
    let mut state = State::new();
    for list in ["/media?per_page=100", "/media?trashed=true&per_page=100", "/collections?per_page=100"] {
        let mut path = list.to_owned();
        loop {
            let answer = actor.get(&path).await;
            for object in answer.expect(200).as_array().unwrap() {
                state.insert(object["id"].as_str().unwrap().to_owned(), comparable(object.clone()));
            }
            match answer.meta()["pagination"]["next_cursor"].as_str() {
                Some(cursor) => path = format!("{list}&cursor={cursor}"),
                None => break,
            }
        }
    }
    state
}

/// A client with its copy.
struct Mirror {
    actor: Actor,
    random: Random,
    cursor: Option<String>,
    state: State,
}

impl Mirror {
    /// Reads one page. Whether more is there.
    async fn step(&mut self) -> bool {
        let limit = 1 + self.random.below(6);
        let query = self.cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = self.actor.get(&format!("/changes?limit={limit}{query}")).await.expect(200);
        for change in page["changes"].as_array().unwrap() {
            let id = change["id"].as_str().unwrap().to_owned();
            match change["op"].as_str().unwrap() {
                "upsert" => drop(self.state.insert(id, comparable(change["object"].clone()))),
                "delete" => drop(self.state.remove(&id)),
                other => panic!("{other}"),
            }
        }
        self.cursor = Some(page["next_cursor"].as_str().unwrap().to_owned());
        page["has_more"] == true
    }

    /// Follows until told that no more comes; rests at random.
    async fn follow(mut self, over: Arc<AtomicBool>) -> State {
        loop {
            let was_over = over.load(Ordering::Acquire);
            let more = self.step().await;
            if was_over && !more {
                return self.state;
            }
            let rest = self.random.below(40);
            tokio::time::sleep(std::time::Duration::from_millis(rest)).await;
        }
    }
}

/// Somebody who changes things at random.
pub(crate) struct Writer {
    actor: Actor,
    random: Random,
    media: Vec<String>,
    collections: Vec<String>,
    count: u64,
}

impl Writer {
    /// `count` is where the numbers of its files begin: no two writers may have the same bytes.
    pub(crate) fn new(actor: Actor, random: Random, count: u64) -> Self {
        Self { actor, random, media: Vec::new(), collections: Vec::new(), count }
    }

    fn one_of(random: &mut Random, ids: &[String]) -> Option<String> {
        let place = random.below(ids.len().max(1) as u64) as usize;
        ids.get(place).cloned()
    }

    /// One change. Some are refused, which is as good.
    pub(crate) async fn step(&mut self) {
        self.count += 1;
        let (media, collection) =
            (Self::one_of(&mut self.random, &self.media), Self::one_of(&mut self.random, &self.collections));
        let (kind, actor) = (self.random.below(16), self.actor.clone());
        match (kind, media, collection) {
            (0..=3, ..) | (_, None, _) => {
                let bytes = files::noise(self.count + 1, 12);
                let made = actor.try_upload("", &format!("{}.bin", self.count), &bytes, &[]).await.expect(201);
                self.media.push(made["id"].as_str().unwrap().to_owned());
            }
            (4, ..) | (_, _, None) => {
                let made = actor.post("/collections", json!({ "name": self.count.to_string() })).await.expect(201);
                self.collections.push(made["id"].as_str().unwrap().to_owned());
            }
            (5, Some(id), _) => {
                drop(actor.patch(&format!("/media/{id}"), json!({ "title": self.count.to_string() })).await)
            }
            (6 | 7, Some(id), _) => drop(actor.delete(&format!("/media/{id}")).await),
            (8, Some(id), _) => drop(actor.post_empty(&format!("/media/{id}/restore")).await),
            (9, Some(id), _) => drop(actor.delete(&format!("/media/{id}?permanent=true")).await),
            (10, _, Some(id)) => {
                actor.patch(&format!("/collections/{id}"), json!({ "description": self.count.to_string() })).await;
            }
            (11..=13, Some(item), Some(id)) => {
                actor.post(&format!("/collections/{id}/media"), json!({ "media_id": item })).await;
            }
            (14, Some(item), Some(id)) if self.count.is_multiple_of(2) => {
                actor.patch(&format!("/collections/{id}/order"), json!({ "media_id": item, "after": null })).await;
            }
            (14, Some(item), Some(id)) => drop(actor.delete(&format!("/collections/{id}/media/{item}")).await),
            (_, _, Some(id)) if self.count.is_multiple_of(3) => drop(actor.delete(&format!("/collections/{id}")).await),
            _ => drop(actor.delete("/media/trash").await),
        }
    }
}

on_both!(a_copy_ends_equal_to_the_lists, |server| async move {
    for seed in 1..=SEEDS {
        let ann = server.user(&format!("ann{seed}")).await;
        let over = Arc::new(AtomicBool::new(false));
        let mirror = |number: u64, cursor: Option<String>, state: State| Mirror {
            actor: ann.clone(),
            random: Random(seed * 100 + number),
            cursor,
            state,
        };
        let first = tokio::spawn(mirror(1, None, State::new()).follow(Arc::clone(&over)));
        let writers = (0..2).map(|number| {
            let actor = ann.clone();
            tokio::spawn(async move {
                let random = Random(seed * 10 + number);
                let mut writer = Writer::new(actor, random, number * 10_000);
                for _ in 0..STEPS {
                    writer.step().await;
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        // The cursor first, then the lists: what changes in between comes twice, which does no harm.
        let begun = ann.get("/changes?cursor=now").await.expect(200)["next_cursor"].as_str().unwrap().to_owned();
        let lists = listed(&ann).await;
        let second = tokio::spawn(mirror(2, Some(begun), lists).follow(Arc::clone(&over)));
        for writer in writers {
            writer.await.unwrap();
        }
        over.store(true, Ordering::Release);
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        let truth = listed(&ann).await;
        assert!(truth.len() > 10, "seed {seed}: little is left to compare");
        for (name, copy) in [("from the beginning", first), ("from the lists", second)] {
            let differing: Vec<_> =
                truth.keys().chain(copy.keys()).filter(|id| truth.get(*id) != copy.get(*id)).collect();
            let details = differing.first().map(|id| (truth.get(*id), copy.get(*id)));
            assert!(differing.is_empty(), "seed {seed}, {name}: {differing:?} differ, such as {details:?}");
        }
    }
});
