//! `GET /events`: what comes, from where it begins, when it ends.

use std::time::Duration;

use mv_core::event::{CollectionRef, Event as Recorded, Happened};
use mv_core::{CollectionId, MediaId, UserId};
use mv_store::{Tx, events};
use mv_testkit::client::PASSWORD;
use mv_testkit::{Actor, Backend, Options, Server, files, on_both};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

/// What credentials that have ended may still see.
const SOON: Duration = Duration::from_secs(2);

/// An event as a client gets it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// A stream that is open.
pub(crate) struct Stream {
    response: Response,
    text: String,
    comments: usize,
}

impl Stream {
    /// Opens one; `query` begins with `?` or is empty.
    pub(crate) async fn open(actor: &Actor, query: &str) -> Self {
        Self::of(actor.request(Method::GET, &format!("/events{query}"))).await
    }

    /// Opens one behind the last event that was seen, as a browser does.
    pub(crate) async fn behind(actor: &Actor, last: &str) -> Self {
        Self::of(actor.request(Method::GET, "/events").header("last-event-id", last)).await
    }

    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-accel-buffering"), "no");
        let mut stream = Self { response, text: String::new(), comments: 0 };
        assert_eq!(stream.block().await.as_deref(), Some("retry: 3000"), "what comes first");
        stream
    }

    /// The lines up to the next blank one; none at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block = self.text[..end].to_owned();
                self.text.drain(..end + 2);
                return Some(block);
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            if block.starts_with(':') {
                self.comments += 1;
                continue;
            }
            let lines: Vec<&str> = block.split('\n').collect();
            let [id, kind, data] = lines[..] else { panic!("not three lines: {block}") };
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            return Some(Event {
                id: id.strip_prefix("id: ").unwrap().to_owned(),
                kind: kind.strip_prefix("event: ").unwrap().to_owned(),
                data,
            });
        }
    }

    /// The types of the next events.
    pub(crate) async fn kinds(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        for _ in 0..count {
            let next = timeout(Duration::from_secs(10), self.next()).await;
            kinds.push(next.expect("no event came").expect("the stream ended").kind);
        }
        kinds
    }

    /// Whether the stream ends within this time, without another event.
    pub(crate) async fn ends_within(&mut self, span: Duration) -> bool {
        matches!(timeout(span, self.next()).await, Ok(None))
    }

    /// Whether nothing comes for a moment.
    pub(crate) async fn is_silent(&mut self) -> bool {
        timeout(Duration::from_millis(700), self.next()).await.is_err()
    }
}

fn id_of(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

on_both!(a_stream_tells_what_happens_to_the_callers_things, |server| async move {
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let mut stream = Stream::open(&ann, "").await;
    bob.upload("b.bin", b"bob's").await;
    let item = id_of(&ann.upload("a.bin", b"ann's").await);
    let event = stream.next().await.unwrap();
    assert_eq!(event.kind, "media.uploaded");
    assert_eq!(event.data["id"], event.id);
    assert_eq!(event.data["type"], "event");
    assert_eq!(event.data["channel"], "media_updates");
    assert_eq!(event.data["event"], "media.uploaded");
    assert_eq!(event.data["resource_id"], item);
    assert_eq!(event.data["data"], json!({ "id": item, "type": "document", "user_id": ann.id }));
    assert_eq!(event.data.as_object().unwrap().len(), 7, "{}", event.data);
    let trip = id_of(&ann.post("/collections", json!({ "name": "Trip" })).await.expect(201));
    ann.post(&format!("/collections/{trip}/media"), json!({ "media_id": item })).await.expect(200);
    ann.delete(&format!("/media/{item}")).await;
    ann.post_empty(&format!("/media/{item}/restore")).await;
    ann.delete(&format!("/media/{item}?permanent=true")).await;
    let mut kinds = stream.kinds(8).await;
    // What belongs to one change comes together, in either order.
    kinds[2..].chunks_mut(2).for_each(<[String]>::sort);
    assert_eq!(
        kinds,
        [
            "collection.created",
            "collection.media_added",
            "collection.media_removed",
            "media.deleted",
            "collection.media_added",
            "media.restored",
            "collection.media_removed",
            "media.deleted",
        ]
    );
    assert!(stream.is_silent().await, "nothing of bob's, nothing twice");
});

on_both!(a_stream_goes_on_where_it_was_left, |server| async move {
    let ann = server.user("ann").await;
    let mut stream = Stream::open(&ann, "").await;
    for number in 0..3 {
        ann.upload("a.bin", &files::noise(number + 1, 20)).await;
    }
    let first = stream.next().await.unwrap();
    drop(stream);
    let mut again = Stream::behind(&ann, &first.id).await;
    let second = again.next().await.unwrap();
    let third = again.next().await.unwrap();
    assert!(second != first && third != second);
    assert!(again.is_silent().await);
    let mut since = Stream::open(&ann, &format!("?since={}", second.id)).await;
    assert_eq!(since.next().await.unwrap(), third);
    let request = ann.request(Method::GET, &format!("/events?since={}", first.id)).header("last-event-id", &third.id);
    assert!(Stream::of(request).await.is_silent().await, "what was seen last goes before what the address says");
    let cursor = ann.get("/changes?cursor=now").await.expect(200)["next_cursor"].as_str().unwrap().to_owned();
    ann.upload("a.bin", b"after the cursor").await;
    assert_eq!(Stream::open(&ann, &format!("?since={cursor}")).await.kinds(1).await, ["media.uploaded"]);
    for bad in ["nonsense", "evt_1", "%F0%9F%8E%88"] {
        ann.get(&format!("/events?since={bad}")).await.error_on(400, "validation_error", &["since"]);
    }
    ann.get("/events?since=a&since=b").await.error_on(400, "validation_error", &["since"]);
    ann.get("/events?unknown=1").await.error_on(400, "validation_error", &["unknown"]);
    let bytes = reqwest::header::HeaderValue::from_bytes(b"\xff\xfe").unwrap();
    let odd = ann.send(ann.request(Method::GET, "/events").header("last-event-id", bytes)).await;
    odd.error_on(400, "validation_error", &["Last-Event-ID"]);
    let bob = server.user("bob").await;
    bob.get(&format!("/events?since={}", first.id)).await.error(410, "gone");
    bob.get(&format!("/events?since={cursor}")).await.error_on(400, "validation_error", &["since"]);
    // What is removed for its age is told before a stream begins.
    let late = server.app().now().plus(Duration::from_secs(86_400));
    server.store().write(move |tx: &Tx| events::prune(tx, late, i64::MAX, 1000)).await.unwrap();
    let gone = ann.send(ann.request(Method::GET, "/events").header("last-event-id", &first.id)).await;
    gone.error(410, "gone");
    ann.get(&format!("/events?since={}", first.id)).await.error(410, "gone");
});

on_both!(a_stream_ends_with_its_credentials, |server| async move {
    let root = {
        let account = mv_app::accounts::register::NewAccount {
            email: "root@example.com".into(),
            password: PASSWORD.into(),
            ..Default::default()
        };
        let user = server.app().create_admin(account).await.unwrap();
        let mut root = Actor { id: user.id.to_string(), email: "root@example.com".into(), ..server.anonymous() };
        root.log_in(PASSWORD).await;
        root
    };
    let mut cases = Vec::new();
    for what in ["logout", "the end of the session", "another password", "disabled", "deleted", "its time"] {
        let mut actor = server.user(&what.replace(' ', "")).await;
        let stays = {
            let mut stays = actor.clone();
            stays.log_in(PASSWORD).await;
            stays
        };
        actor.log_in(PASSWORD).await;
        let mut stream = Stream::open(&actor, "").await;
        actor.upload("a.bin", what.as_bytes()).await;
        assert_eq!(stream.kinds(1).await, ["media.uploaded"], "{what}");
        cases.push((what, actor, stays, stream));
    }
    // A stream that is watched for a while is asked about only after a change.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (what, actor, stays, stream) in &mut cases {
        let mut kept = Stream::open(stays, "").await;
        let session =
            || async { actor.get("/auth/whoami").await.expect(200)["credential"]["id"].as_str().unwrap().to_owned() };
        let mut others_go_on = true;
        match *what {
            "logout" => drop(actor.post_empty("/auth/logout").await.expect(204)),
            "the end of the session" => {
                let path = format!("/auth/sessions/{}", session().await);
                stays.delete(&path).await.expect(204);
            }
            "another password" => {
                let body = json!({ "current_password": PASSWORD, "new_password": "another horse battery" });
                stays.post("/users/me/password", body).await;
            }
            "disabled" => {
                let path = format!("/admin/users/{}", actor.id);
                root.patch(&path, json!({ "disabled": true })).await.expect(200);
                others_go_on = false;
            }
            "deleted" => {
                let body = json!({ "password": PASSWORD });
                stays.send(stays.request(Method::DELETE, "/users/me").json(&body)).await.expect(204);
                others_go_on = false;
            }
            _ => {
                server.clock().advance(Duration::from_secs(3600));
                others_go_on = false;
            }
        }
        assert!(stream.ends_within(SOON).await, "{what}: the stream goes on");
        if others_go_on {
            assert!(kept.is_silent().await, "{what}: another session's stream has ended too");
        }
    }
});

on_both!(the_end_of_the_server_ends_streams, |server| async move {
    let ann = server.user("ann").await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(Stream::open(&ann, "").await);
    }
    let ended = tokio::spawn(server.clone().end());
    for stream in &mut streams {
        assert!(stream.ends_within(SOON).await);
    }
    timeout(Duration::from_secs(3), ended).await.expect("the server waits for streams").unwrap();
});

/// Records events of 1,000 ids each, about 32 KiB.
async fn flood(server: &Server, owner: &str, count: usize) {
    let owner: UserId = owner.parse().unwrap();
    let ids: Vec<MediaId> = (0..1000).map(|_| server.app().mint().id()).collect();
    for _ in 0..count {
        let collection = CollectionRef { id: CollectionId::from_uuid(ids[0].uuid()), user_id: owner };
        let what = Happened::CollectionMediaAdded(collection, ids.clone());
        let event = Recorded { id: server.app().mint().id(), at: server.app().now(), what };
        server.store().write(move |tx: &Tx| events::append(tx, &event)).await.unwrap();
    }
}

on_both!(a_reader_too_slow_is_let_go_and_comes_back_without_a_loss, |server| async move {
    let ann = server.user("ann").await;
    let mut stream = Stream::open(&ann, "").await;
    // More than sockets, buffers and the queue hold together.
    const EVENTS: usize = 600;
    flood(&server, &ann.id, EVENTS).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut seen = Vec::new();
    while let Some(event) = timeout(Duration::from_secs(10), stream.next()).await.expect("the stream hangs") {
        seen.push(event.id);
    }
    assert!(!seen.is_empty() && seen.len() < EVENTS, "{} of {EVENTS} came at once", seen.len());
    let mut again = Stream::behind(&ann, seen.last().unwrap()).await;
    while seen.len() < EVENTS {
        seen.push(timeout(Duration::from_secs(10), again.next()).await.expect("no event came").unwrap().id);
    }
    let all = server.app().events_after(ann.id.parse().unwrap(), 0, 10_000).await.unwrap();
    let all: Vec<String> = all
        .into_iter()
        .filter(|event| event.kind.starts_with("collection."))
        .map(|event| event.id.to_string())
        .collect();
    assert_eq!(seen, all);
});

on_both!(an_account_keeps_so_many_streams_open, |server| async move {
    let ann = server.user("ann").await;
    let authenticated = server.app().authenticate(ann.token.as_deref().unwrap()).await.unwrap();
    let open: Vec<_> =
        (0..mv_app::auth::watch::MAX_OPEN).map(|_| server.app().watch(&authenticated).unwrap()).collect();
    let refused = ann.get("/events").await;
    refused.error(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "60");
    drop(Stream::open(&server.user("bob").await, "").await);
    drop(open);
    drop(Stream::open(&ann, "").await);
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_stream_says_that_it_lives() {
    let server = Server::start(Backend::Sqlite, Options::default()).await;
    let ann = server.user("ann").await;
    let mut stream = Stream::open(&ann, "").await;
    assert!(timeout(Duration::from_secs(16), stream.next()).await.is_err(), "an event of nothing");
    assert_eq!(stream.comments, 1);
    ann.upload("a.bin", b"abc").await;
    assert_eq!(stream.kinds(1).await, ["media.uploaded"]);
    server.end().await;
}

/// Somebody with a key of this account; the key's id too.
pub(crate) async fn key(of: &Actor, scopes: &[&str]) -> (Actor, String) {
    let made = of.post("/api-keys", json!({ "name": "k", "scopes": scopes })).await.expect(201);
    (of.with_token(made["key"].as_str().unwrap()), id_of(&made))
}
