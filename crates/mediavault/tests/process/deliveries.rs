//! SIGKILL at random instants while things happen that a webhook is told of: each change that was acknowledged is told,
//! none that was not made is, and `webhook-id` tells what came twice.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mv_testkit::{Backend, Reply, Sink};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::person::Person;
use crate::program::{Home, Running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_on_sqlite() {
    storm(Backend::Sqlite, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_on_postgres() {
    storm(Backend::Postgres, 10).await;
}

fn serve(home: &Home) -> Running {
    home.start(home.program().arg("serve").env("MEDIAVAULT_WEBHOOKS__ALLOW_PRIVATE_NETWORKS", "true"))
}

/// Makes collections until the server is gone; notes those that were acknowledged.
async fn changes(person: Person, made: Arc<Mutex<HashSet<String>>>) {
    loop {
        let request = person.request(Method::POST, "/collections").json(&json!({ "name": "told" }));
        let Ok(answer) = person.try_send(request).await else { return };
        let id = answer.expect(201)["id"].as_str().unwrap().to_owned();
        made.lock().unwrap().insert(id);
    }
}

async fn storm(backend: Backend, kills: u64) {
    let home = Home::new(backend).await;
    let server = serve(&home);
    let person = Person::registered(&server, "ann").await;
    let sink = Sink::start().await;
    // Some answers never come, so that a kill falls between the request and its answer; some first tries fail.
    let (mut count, mut failed) = (0u64, HashSet::new());
    sink.does(move |it| {
        count += 1;
        match count % 40 {
            0 if failed.insert(it.id().to_owned()) => Reply::Close,
            20 => Reply::Hang,
            _ => Reply::status(204),
        }
    });
    let hook = json!({ "url": sink.url(), "events": ["collection.created"] });
    let secret = person.post("/webhooks", hook).await.expect(201)["secret"].as_str().unwrap().to_owned();
    server.stop();
    let made = Arc::new(Mutex::new(HashSet::new()));
    for kill in 0..kills {
        let mut server = serve(&home);
        let person = person.at(&server);
        // The time until it is killed counts from its first answer.
        while person.try_send(person.request(Method::GET, "/server")).await.is_err() {}
        let mut workers = JoinSet::new();
        for _ in 0..2 {
            workers.spawn(changes(person.clone(), Arc::clone(&made)));
        }
        tokio::time::sleep(Duration::from_millis(15 + (kill * 7919) % 160)).await;
        server.kill();
        while let Some(ended) = workers.join_next().await {
            ended.unwrap();
        }
    }
    sink.answers(Reply::status(204));
    let server = serve(&home);
    let person = person.at(&server);
    let there = all_collections(&person).await;
    let made = made.lock().unwrap().clone();
    assert!(made.len() as u64 > kills * 3, "too little happened: {}", made.len());
    assert!(made.is_subset(&there), "what was acknowledged is there");
    let received = sink
        .wait_until("end of deliveries", |received| {
            let told: HashSet<String> = received.iter().map(|it| subject(it.body.as_str())).collect();
            there.is_subset(&told)
        })
        .await;
    let mut ids = HashMap::new();
    for it in &received {
        assert!(it.signed_by(&secret));
        let told = subject(&it.body);
        assert!(there.contains(&told), "{told} was told and never made");
        let id = ids.entry(told).or_insert_with(|| it.id().to_owned());
        assert_eq!(id, it.id(), "one event, one webhook-id");
    }
    assert_eq!(ids.values().collect::<HashSet<_>>().len(), there.len(), "and no webhook-id for two events");
    server.stop();
    home.end().await;
}

fn subject(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["data"]["id"].as_str().unwrap().to_owned()
}

async fn all_collections(person: &Person) -> HashSet<String> {
    let (mut found, mut path) = (HashSet::new(), "/collections?per_page=100".to_owned());
    loop {
        let answer = person.get(&path).await;
        found.extend(answer.expect(200).as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        match answer.meta()["pagination"]["next_cursor"].as_str() {
            Some(cursor) => path = format!("/collections?per_page=100&cursor={cursor}"),
            None => return found,
        }
    }
}
