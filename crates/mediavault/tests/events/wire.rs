//! Readers over WebSockets that leave and come back all the time, beside writers that commit in any order.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mv_core::EventId;
use mv_testkit::{Actor, Server, Socket, on_both};
use serde_json::Value;

use crate::mirror::{State, Writer, comparable, listed};
use crate::order::{Random, writers};

const MEDIA: &str = "media_updates";
const COLLECTIONS: &str = "collection_updates";
/// How long a reader waits for one more event before it leaves.
const WAIT: Duration = Duration::from_millis(300);

/// Reads a few events, leaves without a word, and comes back behind the last one, until told that no more come.
async fn reader(server: Server, actor: Actor, begin: String, seed: u64, over: Arc<AtomicBool>) -> Vec<EventId> {
    let (mut random, mut seen, mut since) = (Random(seed), Vec::<EventId>::new(), begin);
    loop {
        let was_over = over.load(Ordering::Acquire);
        let mut socket = Socket::open(&server).await;
        socket.authenticate(actor.token.as_deref().unwrap()).await;
        let cursor = socket.subscribe(COLLECTIONS, None, Some(&since)).await;
        if random.below(2) == 0 {
            // The cursor of a subscription stands where `since` stood.
            since = cursor;
        }
        for _ in 0..random.below(20) {
            match socket.hear_or_end(WAIT).await {
                Ok(told) => {
                    assert_eq!(told["type"], "event", "{told}");
                    since = told["id"].as_str().unwrap().to_owned();
                    seen.push(since.parse().unwrap());
                }
                Err(0) if was_over => return seen,
                Err(0) => break,
                Err(code) => panic!("closed with {code}"),
            }
        }
    }
}

on_both!(eight_writers_and_sockets_that_come_and_go, |server| async move {
    let alice = server.user("alice").await;
    let mut socket = Socket::of(&alice).await;
    let begin = socket.subscribe(COLLECTIONS, None, None).await;
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (1..=3)
        .map(|seed| tokio::spawn(reader(server.clone(), alice.clone(), begin.clone(), seed, Arc::clone(&over))))
        .collect();
    let committed = writers(&server, alice.id.parse().unwrap()).await;
    over.store(true, Ordering::Release);
    let mut stayed = Vec::new();
    while stayed.len() < committed.len() {
        stayed.push(socket.event().await["id"].as_str().unwrap().parse().unwrap());
    }
    socket.hear_nothing().await;
    for task in readers {
        let seen: Vec<EventId> = task.await.unwrap();
        let distinct: HashSet<_> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "nothing twice");
        assert_eq!(distinct, committed, "all that was committed, and nothing else");
        assert_eq!(seen, stayed, "in the order in which one that stayed heard it");
    }
});

/// Keeps a copy by what it hears: each thing that something happened to is looked at again. Leaves at random.
async fn follow(server: Server, actor: Actor, mut since: [String; 2], seed: u64, over: Arc<AtomicBool>) -> State {
    let (mut random, mut state) = (Random(seed), State::new());
    loop {
        let was_over = over.load(Ordering::Acquire);
        let mut socket = Socket::open(&server).await;
        socket.authenticate(actor.token.as_deref().unwrap()).await;
        socket.subscribe(MEDIA, None, Some(&since[0])).await;
        // What comes of the first channel may be there before the answer to the second subscription.
        let second = serde_json::json!({ "type": "subscribe", "channel": COLLECTIONS, "since": since[1] });
        socket.say(second).await;
        for _ in 0..random.below(30) {
            let told = match socket.hear_or_end(WAIT).await {
                Ok(told) => told,
                Err(0) if was_over => return state,
                Err(0) => break,
                Err(code) => panic!("closed with {code}"),
            };
            if told["type"] == "subscribed" {
                continue;
            }
            let (id, channel) = (told["resource_id"].as_str().unwrap(), told["channel"].as_str().unwrap());
            let list = if channel == MEDIA { "media" } else { "collections" };
            let now = actor.get(&format!("/{list}/{id}")).await;
            match now.status {
                200 => drop(state.insert(id.to_owned(), comparable(now.expect(200)))),
                _ => drop(state.remove(id)),
            }
            since[usize::from(channel == COLLECTIONS)] = told["id"].as_str().unwrap().to_owned();
        }
    }
}

on_both!(a_view_kept_by_events_ends_equal_to_the_lists, |server| async move {
    for seed in 1..=3 {
        let ann = server.user(&format!("ann{seed}")).await;
        let mut socket = Socket::of(&ann).await;
        let begin = [socket.subscribe(MEDIA, None, None).await, socket.subscribe(COLLECTIONS, None, None).await];
        drop(socket);
        let over = Arc::new(AtomicBool::new(false));
        let view = tokio::spawn(follow(server.clone(), ann.clone(), begin, seed, Arc::clone(&over)));
        let mut writer = Writer::new(ann.clone(), Random(seed * 7), 0);
        for _ in 0..120 {
            writer.step().await;
        }
        over.store(true, Ordering::Release);
        let (view, truth) = (view.await.unwrap(), listed(&ann).await);
        assert!(truth.len() > 10, "seed {seed}: little is left to compare");
        let differing: Vec<&String> =
            truth.keys().chain(view.keys()).filter(|id| truth.get(*id) != view.get(*id)).collect();
        let details: Option<(Option<&Value>, Option<&Value>)> =
            differing.first().map(|id| (truth.get(*id), view.get(*id)));
        assert!(differing.is_empty(), "seed {seed}: {differing:?} differ, such as {details:?}");
    }
});
