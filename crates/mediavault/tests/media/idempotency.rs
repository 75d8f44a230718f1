//! `Idempotency-Key` of uploads: a retry answers as the first try did and makes nothing new.

use super::*;
use futures_util::StreamExt;

/// A request with a key.
async fn keyed(actor: &Actor, query: &str, key: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Answer {
    let (kind, body) = mv_testkit::multipart("a.jpg", bytes, fields);
    actor.upload_raw(query, body, &[("content-type", &kind), ("idempotency-key", key)]).await
}

on_both!(a_retry_answers_as_the_first_try_did, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 20_000);
    let first = keyed(&alice, "", "\"k-1\"", &photo, &[("title", "t"), ("tags", "a"), ("external_id", "e")]).await;
    let item = first.expect(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    // The item has changed since; the answer is the first one all the same.
    alice.patch(&path_of(&item), json!({ "title": "changed" })).await.expect(200);
    let before = state(&alice).await;
    let (kind, other_form) =
        mv_testkit::multipart("a.jpg", &photo, &[(">title", "t"), (">tags", "a"), ("external_id", "e")]);
    let replaced = replace(&other_form, b"mv-test-boundary", b"another.boundary");
    let other_kind = kind.replace("mv-test-boundary", "another.boundary");
    for (name, answer) in [
        (
            "the same",
            keyed(&alice, "", "\"k-1\"", &photo, &[("title", "t"), ("tags", "a"), ("external_id", "e")]).await,
        ),
        ("bare", keyed(&alice, "", "k-1", &photo, &[("title", "t"), ("tags", "a"), ("external_id", "e")]).await),
        (
            "fields behind the file",
            keyed(&alice, "", "k-1", &photo, &[(">external_id", "e"), (">title", "t"), (">tags", "a")]).await,
        ),
        (
            "another boundary",
            alice.upload_raw("", replaced, &[("content-type", &other_kind), ("idempotency-key", "k-1")]).await,
        ),
        ("fields in the query", keyed(&alice, "?title=t&tags=a&external_id=e", "k-1", &photo, &[]).await),
        ("under the other base", {
            let (kind, body) =
                mv_testkit::multipart("a.jpg", &photo, &[("title", "t"), ("tags", "a"), ("external_id", "e")]);
            let url = format!("{}/v1/media/upload", server.origin());
            alice
                .send(
                    alice
                        .request(Method::POST, &url)
                        .header("content-type", kind)
                        .header("idempotency-key", "k-1")
                        .body(body),
                )
                .await
        }),
    ] {
        assert_eq!(answer.expect(201), item, "{name}");
        assert_eq!(answer.header("idempotency-replayed"), "true", "{name}");
        assert_eq!(answer.header("location"), first.header("location"), "{name}");
    }
    assert_eq!(state(&alice).await, before);
    for (name, answer) in [
        (
            "other bytes",
            keyed(&alice, "", "k-1", &jpeg(2, 20_000), &[("title", "t"), ("tags", "a"), ("external_id", "e")]).await,
        ),
        (
            "fewer bytes",
            keyed(&alice, "", "k-1", &photo[..100], &[("title", "t"), ("tags", "a"), ("external_id", "e")]).await,
        ),
        (
            "another title",
            keyed(&alice, "", "k-1", &photo, &[("title", "u"), ("tags", "a"), ("external_id", "e")]).await,
        ),
        ("a field less", keyed(&alice, "", "k-1", &photo, &[("title", "t"), ("external_id", "e")]).await),
        (
            "another way with doubles",
            keyed(
                &alice,
                "?on_duplicate=existing",
                "k-1",
                &photo,
                &[("title", "t"), ("tags", "a"), ("external_id", "e")],
            )
            .await,
        ),
        (
            "another name",
            alice.upload_raw("?title=t&tags=a&external_id=e", photo.clone(), &[("idempotency-key", "k-1")]).await,
        ),
    ] {
        answer.error_on(409, "conflict", &["Idempotency-Key"]);
        assert_eq!(answer.json()["error"]["details"][0]["message"], "reused", "{name}");
    }
    assert_eq!(state(&alice).await, before);
    // Keys of different people have nothing to do with each other.
    let bob = server.user("bob").await;
    assert_ne!(keyed(&bob, "", "k-1", &photo, &[]).await.expect(201)["id"], item["id"]);
    // Nor do those of one person.
    assert_ne!(keyed(&alice, "", "k-2", &photo, &[("title", "t")]).await.expect(201)["id"], item["id"]);
    sound(&server).await;
});

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = bytes.to_vec();
    while let Some(at) = replaced.windows(from.len()).position(|window| window == from) {
        replaced.splice(at..at + from.len(), to.iter().copied());
    }
    replaced
}

on_both!(answers_are_kept_a_day, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 2_000);
    let item = keyed(&alice, "", "k", &photo, &[]).await.expect(201);
    server.clock().advance(Duration::from_secs(24 * 3600 - 60));
    let mut alice = alice;
    alice.log_in(mv_testkit::client::PASSWORD).await;
    assert_eq!(keyed(&alice, "", "k", &photo, &[]).await.expect(201)["id"], item["id"]);
    server.app().run_scheduled(mv_app::jobs::schedule::Work::Expired).await.unwrap();
    assert_eq!(keyed(&alice, "", "k", &photo, &[]).await.expect(201)["id"], item["id"], "not forgotten too early");
    server.clock().advance(Duration::from_secs(120));
    let second = keyed(&alice, "", "k", &photo, &[]).await.expect(201);
    assert_ne!(second["id"], item["id"]);
    assert_eq!(keyed(&alice, "", "k", &photo, &[]).await.expect(201)["id"], second["id"], "kept anew");
    assert_eq!(total(&alice, "").await, 2);
});

on_both!(refused_tries_do_not_use_the_key_up, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 2_000);
    keyed(&alice, "", "k", &photo, &[("checksum", &checksum(b"other"))]).await.error(422, "checksum_mismatch");
    keyed(&alice, "", "k", &photo, &[("tags", "")]).await.error(400, "validation_error");
    let item = keyed(&alice, "", "k", &photo, &[]).await.expect(201);
    assert_eq!(keyed(&alice, "", "k", &photo, &[]).await.expect(201)["id"], item["id"]);
    assert_eq!(total(&alice, "").await, 1);
});

on_both!(a_retry_with_doubles_in_mind_is_a_retry_first, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 2_000);
    let query = format!("?on_duplicate=existing&checksum={}", checksum(&photo));
    let first = keyed(&alice, &query, "k", &photo, &[]).await;
    let item = first.expect(201);
    let retry = keyed(&alice, &query, "k", &photo, &[]).await;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (201, "true"));
    assert_eq!(retry.expect(201), item);
    keyed(&alice, &query, "k", &jpeg(2, 2_000), &[]).await.error_on(409, "conflict", &["Idempotency-Key"]);
    // An answer about an item that was there is an answer too.
    let existing = keyed(&alice, &query, "k-2", &photo, &[]).await;
    assert_eq!(existing.expect(200)["id"], item["id"]);
    assert_eq!(keyed(&alice, &query, "k-2", &photo, &[]).await.expect(200)["id"], item["id"]);
    let late = keyed(&alice, "?on_duplicate=existing", "k-3", &photo, &[]).await;
    assert_eq!((late.status, late.header("content-location")), (200, format!("/api/v1{}", path_of(&item)).as_str()));
    keyed(&alice, "?on_duplicate=existing", "k-3", &jpeg(2, 2_000), &[]).await.error_on(
        409,
        "conflict",
        &["Idempotency-Key"],
    );
    alice.delete(&format!("{}?permanent=true", path_of(&item))).await.expect(204);
    let again = keyed(&alice, "?on_duplicate=existing", "k-3", &photo, &[]).await;
    assert_eq!((again.header("content-location"), again.header("location")), (late.header("content-location"), ""));
    assert_eq!((again.header("idempotency-replayed"), again.expect(200)), ("true", late.expect(200)));
    // The item is gone; a retry of what made it does not make it again.
    assert_eq!(keyed(&alice, &query, "k", &photo, &[]).await.expect(201)["id"], item["id"]);
    assert_eq!(total(&alice, "").await, 0);
    sound(&server).await;
});

on_both!(a_request_under_way_holds_its_key, |server| async move {
    let alice = server.user("alice").await;
    let (begin, end) = (noise(1, 600_000), noise(2, 1000));
    let (gate, opened) = tokio::sync::oneshot::channel::<()>();
    let (front, back) = (begin.clone(), end.clone());
    let stream = futures_util::stream::once(async move { Ok::<_, std::io::Error>(front) }).chain(
        futures_util::stream::once(async move {
            opened.await.ok();
            Ok(back)
        }),
    );
    let request = alice
        .request(Method::POST, "/media/upload")
        .header("content-type", "image/jpeg")
        .header("idempotency-key", "k");
    let request = request.body(reqwest::Body::wrap_stream(stream));
    let first = alice.clone();
    let running = tokio::spawn(async move { first.send(request).await });
    while server.stored_files().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let whole = [begin, end].concat();
    for bytes in [whole.clone(), b"other".to_vec()] {
        let second = alice.upload_raw("", bytes, &[("content-type", "image/jpeg"), ("idempotency-key", "k")]).await;
        second.error_on(409, "conflict", &["Idempotency-Key"]);
        assert_eq!(second.json()["error"]["details"][0]["message"], "in_progress");
        assert!(!second.header("retry-after").is_empty());
    }
    gate.send(()).unwrap();
    let item = running.await.unwrap().expect(201);
    let retry = alice.upload_raw("", whole, &[("content-type", "image/jpeg"), ("idempotency-key", "k")]).await;
    assert_eq!(retry.expect(201)["id"], item["id"]);
    assert_eq!(total(&alice, "").await, 1);
});

on_both!(a_broken_try_gives_its_key_back, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 700_000);
    let mut socket = super::bytes::Socket::open(&server).await;
    let lines = ["Content-Type: image/jpeg", "Content-Length: 700000", "Idempotency-Key: k"];
    socket.send(&super::bytes::head(&alice, "POST", "/media/upload", &lines)).await;
    socket.send(&photo[..600_000]).await;
    while server.stored_files().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(socket);
    let mut answer =
        alice.upload_raw("", photo.clone(), &[("content-type", "image/jpeg"), ("idempotency-key", "k")]).await;
    for _ in 0..100 {
        if answer.status == 201 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        answer = alice.upload_raw("", photo.clone(), &[("content-type", "image/jpeg"), ("idempotency-key", "k")]).await;
    }
    answer.expect(201);
    sound(&server).await;
});

on_both!(many_at_once_with_one_key_make_one_item, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 30_000);
    let answers = futures_util::future::join_all((0..20).map(|_| keyed(&alice, "", "k", &photo, &[]))).await;
    let ids: std::collections::BTreeSet<String> = answers
        .iter()
        .filter(|answer| answer.status == 201)
        .map(|answer| id_of(&answer.expect(201)).to_owned())
        .collect();
    assert_eq!(ids.len(), 1);
    answers
        .iter()
        .filter(|answer| answer.status != 201)
        .for_each(|answer| answer.error_on(409, "conflict", &["Idempotency-Key"]));
    assert_eq!(total(&alice, "").await, 1);
    sound(&server).await;
});

on_both!(keys_are_checked, |server| async move {
    let alice = server.user("alice").await;
    let (longest, longer) = ("k".repeat(255), "k".repeat(256));
    for (name, key, status) in [
        ("one character", "k", 201),
        ("the longest", longest.as_str(), 201),
        ("the longest, quoted", &format!("\"{}\"", "q".repeat(255)), 201),
        ("all signs", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", 201),
        ("nothing", "", 400),
        ("an empty string", "\"\"", 400),
        ("too long", &longer, 400),
        ("a blank inside", "a b", 400),
    ] {
        let answer = keyed(&alice, "", key, b"x", &[]).await;
        assert_eq!(answer.status, status, "{name}");
        if status == 400 {
            answer.error_on(400, "validation_error", &["Idempotency-Key"]);
        }
    }
    let request = alice.request(Method::POST, "/media/upload").header("content-type", "image/jpeg");
    let twice = request.header("idempotency-key", "a").header("idempotency-key", "b").body("x");
    alice.send(twice).await.error_on(400, "validation_error", &["Idempotency-Key"]);
    let value = reqwest::header::HeaderValue::from_bytes("schlüssel".as_bytes()).unwrap();
    let request = alice.request(Method::POST, "/media/upload").header("content-type", "image/jpeg");
    alice.send(request.header("idempotency-key", value).body("x")).await.error_on(
        400,
        "validation_error",
        &["Idempotency-Key"],
    );
    assert_eq!(total(&alice, "").await, 4);
});
