//! The own credentials and sessions: who am I, where am I logged in, and out with it.

use super::*;

on_both!(the_server_tells_whom_it_takes_the_caller_for, |server| async move {
    let ann = server.user("ann").await;
    let me = ann.get("/users/me").await.expect(200);
    let who = ann.get("/auth/whoami").await.expect(200);
    assert_eq!(who["user"], me);
    let credential = &who["credential"];
    assert_eq!(
        (text(credential, "type"), &credential["name"], &credential["scopes"]),
        ("session", &Value::Null, &Value::Null)
    );
    assert!(text(credential, "id").starts_with("ses_"), "{credential}");
    let created = mv_core::Timestamp::parse(text(&me, "created_at")).unwrap();
    let ends = mv_core::Timestamp::parse(text(credential, "expires_at")).unwrap();
    assert_eq!(ends.since(created).as_secs() / 86_400, 30, "when the session ends, not its access token");
    server.anonymous().get("/auth/whoami").await.error_on(401, "unauthorized", &[]);
    ann.get("/auth/whoami?id=1").await.error_on(400, "validation_error", &["id"]);
});

/// The sessions that `GET /auth/sessions` shows.
async fn shown(actor: &Actor) -> Vec<Value> {
    actor.get("/auth/sessions").await.expect(200).as_array().unwrap().clone()
}

/// The id of the actor's own session.
async fn own(actor: &Actor) -> String {
    text(&actor.get("/auth/whoami").await.expect(200)["credential"], "id").to_owned()
}

/// Logs in as a program that calls itself so.
async fn as_device(actor: &Actor, name: &str) -> Actor {
    let nobody = actor.server.anonymous();
    let body = json!({ "username": actor.email, "password": PASSWORD });
    let request = nobody.request(Method::POST, "/auth/login").header("user-agent", name).json(&body);
    let tokens = nobody.send(request).await.expect(200);
    Actor { refresh_token: Some(text(&tokens, "refresh_token").to_owned()), ..actor.with_token(text(&tokens, "token")) }
}

on_both!(sessions_are_listed_by_device_and_use, |server| async move {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    let phone = as_device(&ann, "Phone/1.0 (\u{fc})").await;
    let tablet = as_device(&ann, "Tablet").await;
    let gone = as_device(&ann, "Gone").await;
    assert_eq!(gone.post_empty("/auth/logout").await.status, 204);
    let list = shown(&tablet).await;
    let devices: Vec<_> = list.iter().map(|session| &session["device"]).collect();
    assert_eq!(devices, [&json!("Tablet"), &list[1]["device"], &Value::Null], "newest first, none that has ended");
    let current: Vec<_> = list.iter().filter(|session| session["current"] == true).collect();
    assert_eq!((current.len(), text(current[0], "id")), (1, own(&tablet).await.as_str()));
    assert_eq!(list[0]["address"], "127.0.0.1");
    assert_eq!(list[0]["created_at"], list[0]["last_used_at"]);
    assert_eq!(shown(&bob).await.len(), 1, "nobody else's");
    server.clock().advance(Duration::from_secs(60));
    let body = json!({ "refresh_token": phone.refresh_token });
    server.anonymous().post("/auth/refresh", body).await.expect(200);
    let used = shown(&tablet).await[1].clone();
    assert!(text(&used, "last_used_at") > text(&used, "created_at"), "{used}");
    let page = tablet.get("/auth/sessions?per_page=2").await;
    assert_eq!((page.expect(200).as_array().unwrap().len(), &page.meta()["pagination"]["total"]), (2, &json!(3)));
    let cursor = page.meta()["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    let rest = tablet.get(&format!("/auth/sessions?per_page=2&cursor={cursor}")).await;
    assert_eq!(
        (rest.expect(200)[0]["id"].clone(), &rest.meta()["pagination"]["next_cursor"]),
        (list[2]["id"].clone(), &Value::Null)
    );
    bob.get(&format!("/auth/sessions?cursor={cursor}")).await.error_on(400, "validation_error", &["cursor"]);
    server.clock().advance(Duration::from_secs(30 * 86_400 - 60));
    let late = as_device(&ann, "Late").await;
    assert_eq!(shown(&late).await.len(), 1, "none that has run out");
});

on_both!(a_session_is_ended_from_another_and_nobody_elses_is, |server| async move {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    let phone = as_device(&ann, "Phone").await;
    let id = own(&phone).await;
    let random: mv_core::SessionId = server.app().mint().id();
    let foreign = bob.delete(&format!("/auth/sessions/{id}")).await;
    foreign.error_on(404, "not_found", &[]);
    assert_eq!(bare(&foreign), bare(&bob.delete(&format!("/auth/sessions/{random}")).await));
    assert_eq!(phone.get("/users/me").await.status, 200, "bob ended nothing");
    server.anonymous().delete(&format!("/auth/sessions/{id}")).await.error_on(401, "unauthorized", &[]);
    ann.delete("/auth/sessions/user_01h455vb4pex5vsknk084sn02q").await.error_on(400, "validation_error", &["id"]);
    assert_eq!(ann.delete(&format!("/auth/sessions/{id}")).await.status, 204);
    refused("the ended session", &phone.get("/users/me").await);
    refused("its token for a new one", &phone.post_empty("/auth/refresh").await);
    let body = json!({ "refresh_token": phone.refresh_token });
    server.anonymous().post("/auth/refresh", body).await.error_on(401, "unauthorized", &[]);
    ann.delete(&format!("/auth/sessions/{id}")).await.error_on(404, "not_found", &[]);
    assert_eq!(ann.delete(&format!("/auth/sessions/{}", own(&ann).await)).await.status, 204, "the own one too");
    refused("the own session", &ann.get("/users/me").await);
});

on_both!(fifty_who_renew_at_once_get_one_successor, |server| async move {
    let ann = server.user("ann").await;
    let token = ann.refresh_token.clone().unwrap();
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(50));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (nobody, token, barrier) = (server.anonymous(), token.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                nobody.post("/auth/refresh", json!({ "refresh_token": token })).await
            })
        })
        .collect();
    let mut successors = std::collections::BTreeSet::new();
    for task in tasks {
        let data = task.await.unwrap().expect(200);
        successors.insert((text(&data, "token").to_owned(), text(&data, "refresh_token").to_owned()));
    }
    assert_eq!(successors.len(), 1, "never two different ones");
    let (access, successor) = successors.pop_first().unwrap();
    assert_eq!(whoami(&ann, &access).await.status, 200);
    let nobody = server.anonymous();
    let third = nobody.post("/auth/refresh", json!({ "refresh_token": successor })).await.expect(200);
    nobody.post("/auth/refresh", json!({ "refresh_token": token })).await.error_on(401, "unauthorized", &[]);
    refused("after the successor was used the whole session is over", &whoami(&ann, text(&third, "token")).await);
});
