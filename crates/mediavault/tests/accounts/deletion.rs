//! The end of an account: what is gone when it is answered, what goes later, and who may not go.

use super::*;
use mv_app::jobs::schedule::Work;
use mv_app::ops::check::Depth;
use mv_core::UserId;
use mv_store::{Tx, erasure};

async fn delete(actor: &Actor, body: Value) -> Answer {
    actor.send(actor.request(Method::DELETE, "/users/me").json(&body)).await
}

fn proof() -> Value {
    json!({ "password": PASSWORD })
}

/// Every table and column that may name an account, but for the events and the trail, which stay.
const NAMING: &[(&str, &str)] = &[
    ("users", "id"),
    ("user_keys", "user_id"),
    ("sessions", "user_id"),
    ("api_keys", "user_id"),
    ("upload_tokens", "user_id"),
    ("account_links", "user_id"),
    ("event_tickets", "user_id"),
    ("blobs", "owner_id"),
    ("media", "owner_id"),
    ("media_tags", "owner_id"),
    ("media_properties", "owner_id"),
    ("media_facets", "owner_id"),
    ("media_runs", "owner_id"),
    ("usage", "owner_id"),
    ("tombstones", "owner_id"),
    ("collections", "owner_id"),
    ("idempotency", "user_id"),
];

/// The tables in which something of the account stands.
async fn traces(server: &Server, id: &str) -> Vec<&'static str> {
    let id: UserId = id.parse().unwrap();
    let read = move |db: &mv_store::Conn| -> Result<_, mv_store::Error> {
        let mut found = Vec::new();
        for (table, column) in NAMING {
            let mut query = sql("SELECT count(*) FROM ");
            query.push(table).push(" WHERE ").push(column).push(" = ").push_bind(id);
            if db.one::<u64>(query)? > 0 {
                found.push(*table);
            }
        }
        Ok(found)
    };
    server.store().read(read).await.unwrap()
}

/// Runs the timetable when dead blobs are due.
async fn later(server: &Server) {
    server.clock().advance(Duration::from_secs(16 * 60));
    for work in [Work::ClosedAccounts, Work::DeadBlobs, Work::ClosedAccounts] {
        server.app().run_scheduled(work).await.unwrap();
    }
}

/// Nothing may be wrong with what is stored.
async fn sound(server: &Server) {
    let report = server.app().check(Depth::Full).await.unwrap();
    assert!(report.problems.is_empty() && report.orphans == 0, "{report:?}");
}

/// Items, tags, a collection, the trash, a remembered deletion and a kept answer.
async fn furnish(actor: &Actor) -> Value {
    let item = actor
        .try_upload("", "a.txt", b"the same bytes", &[("tags", "one,two"), ("properties", r#"{"k":"v"}"#)])
        .await
        .expect(201);
    let trashed = actor.upload("b.txt", b"to the trash").await;
    assert_eq!(actor.delete(&format!("/media/{}", text(&trashed, "id"))).await.status, 204);
    let gone = actor.upload("c.txt", b"away for good").await;
    assert_eq!(actor.delete(&format!("/media/{}?permanent=true", text(&gone, "id"))).await.status, 204);
    let collection = actor.post("/collections", json!({ "name": "Trip" })).await.expect(201);
    let path = format!("/collections/{}/media", text(&collection, "id"));
    actor.post(&path, json!({ "media_ids": [item["id"]] })).await.expect(200);
    actor.upload_raw("", "kept", &[("idempotency-key", "1")]).await.expect(201);
    item
}

on_both!(everything_of_it_goes_and_nothing_of_others, |server| async move {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    let item = furnish(&ann).await;
    let kept = furnish(&bob).await;
    let link = text(&item["urls"], "content").to_owned();
    let nobody = server.anonymous();
    assert_eq!(nobody.get(&link).await.status, 200);
    let gone = delete(&ann, proof()).await;
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    refused("the old token", &ann.get("/users/me").await);
    refused("the old token elsewhere", &ann.get("/media").await);
    refused("the old token once more", &delete(&ann, proof()).await);
    nobody.post("/auth/refresh", json!({ "refresh_token": ann.refresh_token })).await.error_on(
        401,
        "unauthorized",
        &[],
    );
    nobody.get(&link).await.error_on(401, "unauthorized", &[]);
    for name in ["ann@example.com", ann.id.as_str(), ""] {
        let body = json!({ "username": name, "password": PASSWORD });
        nobody.post("/auth/login", body).await.error_on(401, "unauthorized", &[]);
    }
    bob.get("/users/lookup?email=ann@example.com").await.error_on(404, "not_found", &[]);
    assert_eq!(traces(&server, &ann.id).await, ["users", "blobs"], "the row waits for the files, without a key");
    sound(&server).await;
    let again = server.user("ann").await;
    assert_eq!(again.get("/media").await.expect(200), json!([]), "the address is free, and brings nothing back");
    later(&server).await;
    assert!(traces(&server, &ann.id).await.is_empty());
    assert_eq!(server.stored_files().len(), 3, "bob's alone");
    sound(&server).await;
    assert_eq!(server.events_of(&ann.id).await, ["user.registered", "user.deleted"]);
    let (path, file) = (format!("/media/{}", text(&kept, "id")), text(&kept["urls"], "content").to_owned());
    assert_eq!(bob.get(&path).await.expect(200)["id"], kept["id"]);
    assert_eq!(nobody.get(&file).await.body, "the same bytes");
});

on_both!(only_the_own_password_deletes, |server| async move {
    let ann = server.user("ann").await;
    furnish(&ann).await;
    let before = (state(&server).await, traces(&server, &ann.id).await);
    for (what, body, fields) in [
        ("a wrong one", json!({ "password": "wrong horse battery" }), &["password"][..]),
        ("an empty one", json!({ "password": "" }), &["password"]),
        ("a very long one", json!({ "password": "x".repeat(100_000) }), &["password"]),
        ("none", json!({}), &["password"]),
        ("a number", json!({ "password": 1 }), &["password"]),
        ("another's id", json!({ "password": PASSWORD, "id": ann.id }), &["id"]),
        ("somebody to inherit", json!({ "password": PASSWORD, "transfer_to": ann.id }), &["transfer_to"]),
    ] {
        let answer = delete(&ann, body).await;
        assert_eq!(answer.status, 400, "{what}");
        answer.error_on(400, "validation_error", fields);
    }
    ann.delete("/users/me").await.error_on(415, "unsupported_media_type", &[]);
    delete(&server.anonymous(), proof()).await.error_on(401, "unauthorized", &[]);
    assert_eq!((state(&server).await, traces(&server, &ann.id).await), before);
});

on_both!(
    somebody_must_be_able_to_administer,
    Options::with("admin.email", "root@example.com").and("admin.password", PASSWORD),
    |server| async move {
        let mut root = Actor { email: "root@example.com".into(), ..server.anonymous() };
        root.log_in(PASSWORD).await;
        let before = state(&server).await;
        delete(&root, proof()).await.error_on(409, "conflict", &[]);
        assert_eq!(state(&server).await["users"], before["users"]);
        let second = server.user("second").await;
        let path = format!("/admin/users/{}", second.id);
        root.patch(&path, json!({ "role": "admin" })).await.expect(200);
        let (one, two) = tokio::join!(delete(&root, proof()), delete(&second, proof()));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "of the last two one stays");
        let left = if one.status == 204 { &second } else { &root };
        let list = left.get("/admin/users").await;
        assert_eq!((list.expect(200).as_array().unwrap().len(), &list.meta()["pagination"]["total"]), (1, &json!(1)));
    }
);

on_both!(what_a_crash_left_over_is_finished_later, |server| async move {
    let ann = server.user("ann").await;
    for number in 0..101 {
        ann.upload("a.txt", format!("bytes {number}").as_bytes()).await;
    }
    furnish(&ann).await;
    // As after a crash right behind the commit that closes the account.
    let (id, now) = (ann.id.parse::<UserId>().unwrap(), server.app().now());
    server.store().write(move |tx: &Tx| erasure::close(tx, id, now)).await.unwrap();
    sound(&server).await;
    assert!(traces(&server, &ann.id).await.contains(&"media"));
    later(&server).await;
    assert_eq!(traces(&server, &ann.id).await, ["users", "blobs"], "the blobs are dead only now");
    later(&server).await;
    assert!(traces(&server, &ann.id).await.is_empty());
    assert_eq!(server.stored_files().len(), 0);
    sound(&server).await;
});

on_both!(an_upload_under_way_leaves_nothing, |server| async move {
    let ann = server.user("ann").await;
    let uploads = futures_util::future::join_all((0..12).map(|number| {
        let ann = ann.clone();
        async move { ann.try_upload("", "a.txt", format!("bytes {number}").as_bytes(), &[]).await.status }
    }));
    let (gone, uploads) = tokio::join!(delete(&ann, proof()), uploads);
    assert_eq!(gone.status, 204);
    assert!(uploads.iter().all(|status| [201, 401, 404, 507].contains(status)), "{uploads:?}");
    later(&server).await;
    assert!(traces(&server, &ann.id).await.is_empty());
    sound(&server).await;
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_neither_the_key_nor_the_address() {
    let server = Server::start(mv_testkit::Backend::Sqlite, Options::default()).await;
    let ann = server.user("ann.unmistakable").await;
    ann.upload("a.txt", b"hello").await;
    let id: UserId = ann.id.parse().unwrap();
    let read = move |db: &mv_store::Conn| mv_store::vault::user_key(db, id);
    let wrapped = server.store().read(read).await.unwrap().unwrap().1;
    assert_eq!(delete(&ann, proof()).await.status, 204);
    let kept = |needle: &[u8]| {
        let files = std::fs::read_dir(server.data_dir()).unwrap().flatten().filter(|entry| entry.path().is_file());
        let held: Vec<_> = files.map(|entry| std::fs::read(entry.path()).unwrap()).collect();
        held.iter().any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    };
    let mut left = 100;
    while kept(&wrapped) || kept(b"ann.unmistakable") {
        left -= 1;
        assert!(left > 0, "still in the file or its log");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.end().await;
}
