//! Tickets: once, for half a minute, with the rights of whoever asked for them.

use std::time::Duration;

use mv_app::auth::access::{Authenticated, Credential};
use mv_core::{ApiKeyId, Caller, Scopes, UserId};
use mv_store::{Tx, sql, users};
use mv_testkit::{Actor, Server, on_both};
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
    assert!(first.starts_with("mvt_") && first.len() == 4 + 43, "256 bits: {first}");
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

/// A caller by a key.
async fn by_key(server: &Server, owner: &str, id: ApiKeyId, scopes: &str) -> Authenticated {
    let owner: UserId = owner.parse().unwrap();
    let user = server.store().read(move |db| users::find(db, owner)).await.unwrap().unwrap();
    let scopes = Scopes::from_text(scopes);
    let caller = Caller::Key { user: owner, key: id, scopes, link_epoch: user.link_epoch };
    let credential = Credential { name: None, expires_at: None };
    Authenticated { caller, user, credential, good_until: server.app().now() }
}

on_both!(a_ticket_of_a_key_shows_what_the_key_may_see, |server| async move {
    let (ann, nobody) = (server.user("ann").await, server.anonymous());
    let mut streams = Vec::new();
    for scopes in ["media:read", "collections:read", "media:read collections:read"] {
        let id = key(&server, &ann.id, scopes).await;
        let authenticated = by_key(&server, &ann.id, id, scopes).await;
        let ticket = server.app().make_ticket(&authenticated).await.unwrap();
        streams.push((id, Stream::open(&nobody, &format!("?ticket={ticket}")).await));
    }
    let blind = key(&server, &ann.id, "users:read").await;
    let blind = by_key(&server, &ann.id, blind, "users:read").await;
    assert!(server.app().make_ticket(&blind).await.unwrap_err().is(mv_core::Code::Forbidden));
    ann.post("/collections", json!({ "name": "Trip" })).await.expect(201);
    ann.upload("a.bin", b"abc").await;
    assert_eq!(streams[0].1.kinds(1).await, ["media.uploaded"]);
    assert_eq!(streams[1].1.kinds(1).await, ["collection.created"]);
    assert_eq!(streams[2].1.kinds(2).await, ["collection.created", "media.uploaded"]);
    assert!(streams[0].1.is_silent().await && streams[1].1.is_silent().await);
    // The key goes; another process may have done it, so nothing in memory is told.
    let gone = streams[0].0;
    let delete = move |tx: &Tx| tx.changed(sql("DELETE FROM api_keys WHERE id = $1").bind(gone));
    server.store().write(delete).await.unwrap();
    if server.backend() == mv_testkit::Backend::Sqlite {
        // On SQLite it is this process that ends keys, and every such change is noted, as a logout is here.
        let mut other = ann.clone();
        other.log_in(mv_testkit::client::PASSWORD).await;
        other.post_empty("/auth/logout").await.expect(204);
    }
    assert!(streams[0].1.ends_within(Duration::from_secs(2)).await, "the stream outlives the key");
    assert!(streams[2].1.is_silent().await, "another key's stream has ended too");
});

on_both!(a_head_shows_what_a_get_would, |server| async move {
    let ann = server.user("ann").await;
    let answer = ann.send(ann.request(Method::HEAD, "/events")).await;
    assert_eq!((answer.status, answer.header("content-type"), answer.body.len()), (200, "text/event-stream", 0));
});
