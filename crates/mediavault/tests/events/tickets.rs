//! Tickets: once, for half a minute, with the rights of whoever asked for them.

use std::time::Duration;

use mv_store::{Tx, sql};
use mv_testkit::{Actor, on_both};
use reqwest::Method;
use serde_json::json;

use crate::streams::{Stream, key};

async fn ticket(actor: &Actor) -> String {
    let made = actor.post_empty("/events/ticket").await.expect(201);
    assert_eq!(made["expires_in"], 30);
    made["ticket"].as_str().unwrap().to_owned()
}

on_both!(a_ticket_opens_one_stream_once, |server| async move {
    let (ann, nobody) = (server.user("ann").await, server.anonymous());
    let (first, second) = (ticket(&ann).await, ticket(&ann).await);
    assert!(first.starts_with("mvt_") && first.len() == 4 + 48, "256 bits and a checksum: {first}");
    assert_ne!(first, second);
    let used = format!("/events?ticket={first}");
    let mut stream = Stream::open(&nobody, &format!("?ticket={first}")).await;
    nobody.get(&used).await.error_on(401, "unauthorized", &[]);
    ann.upload("a.bin", b"abc").await;
    assert_eq!(stream.kinds(1).await, ["media.uploaded"]);
    // Of many at once one gets in.
    let tries = (0..8).map(|_| {
        let (nobody, path) = (nobody.clone(), format!("/events?ticket={second}"));
        tokio::spawn(async move { nobody.get(&path).await.status })
    });
    let mut statuses = Vec::new();
    for task in tries.collect::<Vec<_>>() {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
    for bad in ["", "mvt_", "nonsense", &first[..20], &format!("{second}A"), &first.replace("mvt_", "mvk_")] {
        let refused = nobody.get(&format!("/events?ticket={bad}")).await;
        refused.error_on(401, "unauthorized", &[]);
        assert!(refused.header("www-authenticate").contains("invalid_token"), "{bad}");
    }
    // It opens nothing else, and is not mixed with other credentials.
    let third = ticket(&ann).await;
    nobody.get(&format!("/changes?ticket={third}")).await.error_on(400, "validation_error", &["ticket"]);
    nobody.with_token(&third).get("/events").await.error_on(401, "unauthorized", &[]);
    ann.get(&format!("/events?ticket={third}")).await.error_on(400, "validation_error", &["ticket"]);
    nobody.post_empty("/events/ticket").await.error_on(401, "unauthorized", &[]);
    drop(Stream::open(&nobody, &format!("?ticket={third}")).await);
});

on_both!(a_ticket_ends_by_time_and_with_the_session, |server| async move {
    let (mut ann, nobody) = (server.user("ann").await, server.anonymous());
    let (used, late) = (ticket(&ann).await, ticket(&ann).await);
    server.clock().advance(Duration::from_secs(29));
    drop(Stream::open(&nobody, &format!("?ticket={used}")).await);
    server.clock().advance(Duration::from_secs(2));
    nobody.get(&format!("/events?ticket={late}")).await.error_on(401, "unauthorized", &[]);
    let ended = ticket(&ann).await;
    let mut stream = Stream::open(&nobody, &format!("?ticket={}", ticket(&ann).await)).await;
    ann.post_empty("/auth/logout").await.expect(204);
    nobody.get(&format!("/events?ticket={ended}")).await.error_on(401, "unauthorized", &[]);
    assert!(stream.ends_within(Duration::from_secs(2)).await, "the stream of a ticket outlives the session");
    // What a ticket opens ends with the access token that asked for it, although the session lives on.
    ann.log_in(mv_testkit::client::PASSWORD).await;
    let mut stream = Stream::open(&nobody, &format!("?ticket={}", ticket(&ann).await)).await;
    server.clock().advance(Duration::from_secs(3600));
    assert!(stream.ends_within(Duration::from_secs(2)).await, "the stream of a ticket outlives the token");
    server.app().run_scheduled(mv_app::jobs::schedule::Work::Expired).await.unwrap();
    let left = server.store().read(|db| db.one::<u64>(sql("SELECT count(*) FROM event_tickets"))).await;
    assert_eq!(left.unwrap(), 0, "what was never used is forgotten");
});

on_both!(a_key_and_its_ticket_show_what_the_key_may_see, |server| async move {
    let (ann, nobody) = (server.user("ann").await, server.anonymous());
    let mut streams = Vec::new();
    for scopes in [&["media:read"][..], &["collections:read"], &["media:read", "collections:read"]] {
        let (program, id) = key(&ann, scopes).await;
        let by_ticket = Stream::open(&nobody, &format!("?ticket={}", ticket(&program).await)).await;
        streams.push((program.clone(), id, [Stream::open(&program, "").await, by_ticket]));
    }
    let (blind, _) = key(&ann, &["users:read"]).await;
    blind.post_empty("/events/ticket").await.error(403, "forbidden");
    blind.get("/events").await.error_on(403, "forbidden", &["scope", "scope"]);
    ann.post("/collections", json!({ "name": "Trip" })).await.expect(201);
    ann.upload("a.bin", b"abc").await;
    let both = ["collection.created", "media.uploaded"];
    for ((.., open), kinds) in streams.iter_mut().zip([&both[1..], &both[..1], &both[..]]) {
        for stream in open {
            assert_eq!(stream.kinds(kinds.len()).await, kinds);
            assert!(stream.is_silent().await);
        }
    }
    // Two keys end: one is deleted with a ticket that was not used yet, one with a stream that a ticket opened.
    let unused = ticket(&streams[0].0).await;
    for place in [0, 1] {
        ann.delete(&format!("/api-keys/{}", streams[place].1)).await.expect(204);
        for stream in &mut streams[place].2 {
            assert!(stream.ends_within(Duration::from_secs(2)).await, "the stream outlives the key");
        }
    }
    nobody.get(&format!("/events?ticket={unused}")).await.error_on(401, "unauthorized", &[]);
    assert!(streams[2].2[0].is_silent().await, "another key's stream has ended too");
});

on_both!(what_another_process_ends_is_seen_too, |server| async move {
    let ann = server.user("ann").await;
    let mut stream = Stream::open(&ann, "").await;
    // Long enough for the first look, after which SQLite is asked only where something changed.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let ending = "UPDATE sessions SET revoked_at = 1";
    if server.backend() == mv_testkit::Backend::Sqlite {
        let other = mv_store::Options::new(std::sync::Arc::new(mv_core::SystemClock::default()));
        let file = mv_store::Target::Sqlite(server.data_dir().join("mediavault.sqlite"));
        let other = mv_store::Store::open(file, other).await.unwrap();
        other.write(move |tx: &Tx| tx.changed(sql(ending))).await.unwrap();
        other.close().await;
    } else {
        server.store().write(move |tx: &Tx| tx.changed(sql(ending))).await.unwrap();
    }
    assert!(stream.ends_within(Duration::from_secs(2)).await);
});

on_both!(a_head_shows_what_a_get_would, |server| async move {
    let ann = server.user("ann").await;
    let answer = ann.send(ann.request(Method::HEAD, "/events")).await;
    assert_eq!((answer.status, answer.header("content-type"), answer.body.len()), (200, "text/event-stream", 0));
});
