//! The WebSocket as the contract's section 6 has it (reliability section 4 row 23 and 4.2 F 99).

use std::time::Duration;

use mv_http::realtime::socket::Pace;
use mv_testkit::{Options, Socket, on_both};
use serde_json::json;

const MEDIA: &str = "media_updates";
const COLLECTIONS: &str = "collection_updates";

on_both!(messages_may_be_sent_back_to_back, |server| async move {
    let alice = server.user("alice").await;
    let item = alice.upload("a.txt", b"one").await;
    let id = item["id"].as_str().unwrap();
    for path in ["/realtime", "/api/v1/realtime", "/v1/realtime"] {
        let mut socket = Socket::try_open(&server, path, &[]).await.unwrap();
        socket.say(json!({ "type": "auth", "token": alice.token })).await;
        socket.say(json!({ "type": "subscribe", "channel": MEDIA, "resource_id": id })).await;
        socket.say(json!({ "type": "ping" })).await;
        let told = socket.hear().await;
        assert_eq!((&told["type"], &told["user_id"]), (&"authenticated".into(), &alice.id.as_str().into()));
        let ends = mv_core::Timestamp::parse(told["expires_at"].as_str().unwrap()).unwrap();
        let left = ends.since(mv_core::Clock::now(server.clock()));
        assert!(Duration::from_secs(3500) < left && left <= Duration::from_secs(3600), "{left:?}");
        let told = socket.hear().await;
        assert_eq!(
            (&told["type"], &told["channel"], &told["resource_id"]),
            (&"subscribed".into(), &MEDIA.into(), &id.into())
        );
        assert!(told["cursor"].as_str().is_some_and(|cursor| cursor.len() > 10));
        assert_eq!(socket.hear().await, json!({ "type": "pong" }));
        alice.patch(&format!("/media/{id}"), json!({ "title": path })).await.expect(200);
        let told = socket.event().await;
        assert_eq!(told["channel"], MEDIA);
        assert_eq!((&told["event"], &told["resource_id"]), (&"media.updated".into(), &id.into()));
        assert_eq!(told["data"], json!({ "id": id, "type": item["type"], "user_id": alice.id }));
        assert!(told["id"].as_str().unwrap().starts_with("evt_"));
        assert!(mv_core::Timestamp::parse(told["timestamp"].as_str().unwrap()).is_some());
        assert_eq!(told.as_object().unwrap().len(), 7);
        socket.leave().await;
    }
});

on_both!(subscriptions_select_what_comes, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let upload = |name: &'static str| alice.upload(name, name.as_bytes());
    let (one, two) = (upload("one").await, upload("two").await);
    let id = |item: &serde_json::Value| item["id"].as_str().unwrap().to_owned();
    let mut socket = Socket::of(&alice).await;
    socket.subscribe(MEDIA, Some(&id(&one)), None).await;
    alice.delete(&format!("/media/{}", id(&two))).await.expect(204);
    alice.delete(&format!("/media/{}", id(&one))).await.expect(204);
    let told = socket.event().await;
    assert_eq!((&told["event"], &told["resource_id"]), (&"media.deleted".into(), &one["id"]));
    assert_eq!(told["data"]["permanent"], false);
    // Everything of the channel, and yet each event once.
    socket.subscribe(MEDIA, None, None).await;
    alice.post_empty(&format!("/media/{}/restore", id(&one))).await.expect(200);
    alice.post_empty(&format!("/media/{}/restore", id(&two))).await.expect(200);
    bob.upload("three", b"of somebody else").await;
    let made = alice.post("/collections", json!({ "name": "c" })).await.expect(201);
    assert_eq!(socket.event().await["resource_id"], one["id"]);
    assert_eq!(socket.event().await["resource_id"], two["id"]);
    socket.hear_nothing().await;
    socket.say(json!({ "type": "unsubscribe", "channel": MEDIA })).await;
    socket.subscribe(COLLECTIONS, Some(&id(&made)), None).await;
    alice.post(&format!("/collections/{}/media", id(&made)), json!({ "media_ids": [one["id"]] })).await.expect(200);
    alice.delete(&format!("/media/{}", id(&two))).await.expect(204);
    alice.delete(&format!("/media/{}", id(&one))).await.expect(204);
    let told = socket.event().await;
    assert_eq!((&told["event"], &told["channel"]), (&"collection.media_added".into(), &COLLECTIONS.into()));
    assert_eq!(told["data"]["media_ids"], json!([one["id"]]));
    let mut told = [socket.event().await, socket.event().await].map(|it| it["event"].as_str().unwrap().to_owned());
    told.sort();
    assert_eq!(told, ["collection.media_removed", "media.deleted"], "the single ones are still subscribed to");
    socket.hear_nothing().await;
});

on_both!(since_replays_what_was_missed, |server| async move {
    let alice = server.user("alice").await;
    let mut socket = Socket::of(&alice).await;
    let beginning = socket.subscribe(MEDIA, None, None).await;
    let mut seen = Vec::new();
    for number in 0..5 {
        alice.upload("a.txt", format!("{number}").as_bytes()).await;
        seen.push(socket.event().await["id"].as_str().unwrap().to_owned());
    }
    socket.leave().await;
    for (since, missed) in [(&beginning, 5), (&seen[0], 4), (&seen[3], 1), (&seen[4], 0)] {
        let mut socket = Socket::of(&alice).await;
        socket.subscribe(MEDIA, None, Some(since)).await;
        for id in &seen[5 - missed..] {
            assert_eq!(socket.event().await["id"], id.as_str());
        }
        socket.hear_nothing().await;
        // The same once more brings nothing twice; another channel goes back on its own.
        socket.subscribe(MEDIA, None, Some(&beginning)).await;
        for id in &seen[..5 - missed] {
            assert_eq!(socket.event().await["id"], id.as_str());
        }
        socket.subscribe(COLLECTIONS, None, Some(&beginning)).await;
        socket.hear_nothing().await;
        socket.leave().await;
    }
});

on_both!(what_cannot_be_subscribed_to_is_told, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (hers, his) = (alice.upload("a", b"a").await, bob.upload("b", b"b").await);
    let mut others = Socket::of(&bob).await;
    let cursor_of_bob = others.subscribe(MEDIA, None, None).await;
    bob.upload("c", b"c").await;
    let event_of_bob = others.event().await["id"].clone();
    let mut socket = Socket::open(&server).await;
    socket.say(json!({ "type": "subscribe", "channel": MEDIA })).await;
    assert_eq!(socket.error().await, "unauthorized");
    socket.authenticate(alice.token.as_deref().unwrap()).await;
    let deleted = alice.upload("d", b"d").await;
    alice.delete(&format!("/media/{}?permanent=true", deleted["id"].as_str().unwrap())).await.expect(204);
    for (message, code) in [
        (json!({ "channel": MEDIA, "resource_id": his["id"] }), "not_found"),
        (json!({ "channel": MEDIA, "resource_id": deleted["id"] }), "not_found"),
        (json!({ "channel": MEDIA, "resource_id": "media_123" }), "not_found"),
        (json!({ "channel": COLLECTIONS, "resource_id": hers["id"] }), "not_found"),
        (json!({ "channel": MEDIA, "since": event_of_bob }), "gone"),
        (json!({ "channel": MEDIA, "since": cursor_of_bob }), "validation_error"),
        (json!({ "channel": MEDIA, "since": "yesterday" }), "validation_error"),
        (json!({ "channel": MEDIA, "since": "" }), "validation_error"),
    ] {
        let mut message = message;
        message["type"] = "subscribe".into();
        socket.say(message.clone()).await;
        assert_eq!(socket.error().await, code, "{message}");
    }
    // None of them began.
    alice.upload("e", b"e").await;
    socket.hear_nothing().await;
});

on_both!(keys_hear_what_their_scopes_show, |server| async move {
    let alice = server.user("alice").await;
    let key = async |scopes: &[&str]| {
        let made = alice.post("/api-keys", json!({ "name": "k", "scopes": scopes })).await.expect(201);
        (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
    };
    for (scopes, media, collections) in [
        (&["media:read"][..], true, false),
        (&["collections:read"], false, true),
        (&["media:read", "collections:read"], true, true),
        (&["media:write", "users:read"], false, false),
    ] {
        let mut socket = Socket::open(&server).await;
        let told = socket.authenticate(&key(scopes).await.0).await;
        assert_eq!(told["expires_at"], json!(null));
        for (channel, may) in [(MEDIA, media), (COLLECTIONS, collections)] {
            if may {
                socket.subscribe(channel, None, None).await;
            } else {
                socket.say(json!({ "type": "subscribe", "channel": channel })).await;
                assert_eq!(socket.error().await, "forbidden", "{scopes:?} {channel}");
            }
        }
        alice.upload("a", scopes.join("").as_bytes()).await;
        alice.post("/collections", json!({ "name": "c" })).await.expect(201);
        for (channel, may) in [(MEDIA, media), (COLLECTIONS, collections)] {
            if may {
                assert_eq!(socket.event().await["channel"], channel);
            }
        }
        socket.hear_nothing().await;
    }
    // A key that takes the place of a session hears less from then on.
    let mut socket = Socket::of(&alice).await;
    socket.subscribe(MEDIA, None, None).await;
    socket.subscribe(COLLECTIONS, None, None).await;
    socket.authenticate(&key(&["collections:read"]).await.0).await;
    alice.upload("b", b"unheard").await;
    alice.post("/collections", json!({ "name": "d" })).await.expect(201);
    assert_eq!(socket.event().await["channel"], COLLECTIONS);
});

on_both!(bad_credentials_close_it, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let token = alice.token.clone().unwrap();
    let issued = alice.post("/upload-tokens", json!({})).await.expect(201);
    let out = server.user("carol").await;
    out.post_empty("/auth/logout").await.expect(204);
    for (secret, error, code) in [
        ("", "unauthorized", 4401),
        ("your.jwt.token", "unauthorized", 4401),
        (&format!("{token}x"), "unauthorized", 4401),
        (&format!("Bearer {token}"), "unauthorized", 4401),
        ("mvk_nonsense", "unauthorized", 4401),
        (alice.refresh_token.as_deref().unwrap(), "unauthorized", 4401),
        (out.token.as_deref().unwrap(), "unauthorized", 4401),
        (issued["token"].as_str().unwrap(), "forbidden", 4403),
    ] {
        let mut socket = Socket::open(&server).await;
        socket.say(json!({ "type": "auth", "token": secret })).await;
        assert_eq!(socket.error().await, error, "{secret}");
        assert_eq!(socket.closed().await, code, "{secret}");
    }
    // Anew by the same user is fine, by another is not.
    let mut socket = Socket::of(&alice).await;
    socket.authenticate(&token).await;
    socket.say(json!({ "type": "auth", "token": bob.token })).await;
    assert_eq!((socket.error().await.as_str(), socket.closed().await), ("forbidden", 4403));
    // Never in the address, where logs would show it; and a header alone is not enough.
    let refused = Socket::try_open(&server, &format!("/realtime?token={token}"), &[]).await.err().unwrap();
    assert_eq!(refused.status, 400);
    let bearer = format!("Bearer {token}");
    let mut socket = Socket::try_open(&server, "/api/v1/realtime", &[("authorization", &bearer)]).await.unwrap();
    socket.say(json!({ "type": "subscribe", "channel": MEDIA })).await;
    assert_eq!(socket.error().await, "unauthorized");
});

on_both!(it_ends_with_its_credentials, |server| async move {
    let alice = server.user("alice").await;
    let within = Duration::from_secs(2);
    let ends = async |mut socket: Socket, why: &str| {
        let told = tokio::time::timeout(within, socket.hear_or_end(within)).await;
        assert_eq!(told.expect(why), Err(4401), "{why}");
    };
    let following = async |actor: &mv_testkit::Actor| {
        let mut socket = Socket::of(actor).await;
        socket.subscribe(MEDIA, None, None).await;
        socket
    };
    let logged_in = async || {
        let mut again = alice.clone();
        again.log_in(mv_testkit::client::PASSWORD).await;
        again
    };
    let (kept, first) = (following(&alice).await, logged_in().await);
    let socket = following(&first).await;
    first.post_empty("/auth/logout").await.expect(204);
    ends(socket, "logged out").await;
    let second = logged_in().await;
    let socket = following(&second).await;
    let made = alice.post("/api-keys", json!({ "name": "k", "scopes": ["media:read"] })).await.expect(201);
    let mut by_key = Socket::open(&server).await;
    by_key.authenticate(made["key"].as_str().unwrap()).await;
    alice.delete(&format!("/api-keys/{}", made["id"].as_str().unwrap())).await.expect(204);
    ends(by_key, "the key is gone").await;
    let new = "another horse battery";
    let changed = json!({ "current_password": mv_testkit::client::PASSWORD, "new_password": new });
    alice.post("/users/me/password", changed).await.expect(204);
    ends(socket, "the password has changed").await;
    // The session that changed it goes on, until its token ends.
    let mut kept = kept;
    kept.hear_nothing().await;
    server.clock().advance(Duration::from_secs(3605));
    ends(kept, "the token has ended").await;
    let mut alice = alice.clone();
    alice.log_in(new).await;
    let socket = following(&alice).await;
    alice.send(alice.request(reqwest::Method::DELETE, "/users/me").json(&json!({ "password": new }))).await.expect(204);
    ends(socket, "the account is gone").await;
});

on_both!(
    it_ends_when_the_user_is_disabled,
    Options::with("admin.email", "root@example.com").and("admin.password", mv_testkit::client::PASSWORD),
    |server| async move {
        let alice = server.user("alice").await;
        let mut admin = server.anonymous();
        admin.email = "root@example.com".to_owned();
        admin.log_in(mv_testkit::client::PASSWORD).await;
        let mut socket = Socket::of(&alice).await;
        socket.subscribe(MEDIA, None, None).await;
        admin.patch(&format!("/admin/users/{}", alice.id), json!({ "disabled": true })).await.expect(200);
        assert_eq!(socket.hear_or_end(Duration::from_secs(2)).await, Err(4401));
    }
);

on_both!(what_makes_no_sense_ends_it, |server| async move {
    let mut socket = Socket::open(&server).await;
    for text in ["{", r#"{"type":"nonsense"}"#, r#"{"type":"subscribe","channel":"everything"}"#] {
        socket.say_text(text).await;
        assert_eq!(socket.error().await, "validation_error");
    }
    assert_eq!(socket.closed().await, 4400);
});

const QUICK: Pace =
    Pace { authenticate: Duration::from_millis(700), ping: Duration::from_millis(300), stuck: Duration::from_secs(5) };

on_both!(
    the_silent_and_the_dead_are_let_go,
    Options { pace: Some(QUICK), ..Options::default() },
    |server| async move {
        let alice = server.user("alice").await;
        let mut silent = Socket::open(&server).await;
        let begun = tokio::time::Instant::now();
        silent.say(json!({ "type": "ping" })).await;
        assert_eq!(silent.hear().await, json!({ "type": "pong" }));
        assert_eq!(silent.closed().await, 4401);
        assert!(begun.elapsed() >= Duration::from_millis(650));
        // Whoever reads answers pings; whoever does not is gone after two of them.
        let (mut alive, dead) = (Socket::of(&alice).await, Socket::of(&alice).await);
        assert_eq!(alive.hear_or_end(Duration::from_secs(2)).await, Err(0), "it stays open");
        let mut dead = dead;
        assert_eq!(dead.hear_or_end(Duration::from_secs(5)).await, Err(1006));
        alive.hear_nothing().await;
    }
);
