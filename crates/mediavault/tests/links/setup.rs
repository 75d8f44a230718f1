//! The link to the first administrator's account.

use super::*;

fn account(name: &str, token: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "token": token })
}

async fn link(server: &Server) -> String {
    let url = server.app().setup_link().await.unwrap().unwrap();
    assert!(url.starts_with(&format!("{}/setup#token=", server.origin())), "{url}");
    secret(&json!(url))
}

on_both!(the_first_administrator_is_made_once, |server| async move {
    let (nobody, token) = (server.anonymous(), link(&server).await);
    let short = json!({ "email": "boss@example.com", "password": "short", "token": token });
    nobody.post("/setup", short).await.error_on(400, "validation_error", &["password"]);
    let more = json!({ "email": "boss@example.com", "password": PASSWORD, "token": token, "role": "user" });
    nobody.post("/setup", more).await.error_on(400, "validation_error", &["role"]);
    for wrong in ["", "x", &token[1..], &format!("{token}x")] {
        nobody.post("/setup", account("eve", wrong)).await.error_on(410, "gone", &[]);
    }
    let boss = json!({ "email": "boss@example.com", "password": PASSWORD, "token": token, "username": "boss", "display_name": "The Boss" });
    let boss = nobody.post("/setup", boss).await.expect(201);
    assert_eq!((&boss["role"], &boss["username"]), (&json!("admin"), &json!("boss")));
    assert_eq!(login(&server, "boss", PASSWORD).await, 200);
    nobody.post("/setup", account("eve", &token)).await.error_on(410, "gone", &[]);
    assert_eq!(server.app().setup_link().await.unwrap(), None, "there is one now");
    let created = audited(&server, "user.created").await;
    assert_eq!(created, [("anonymous".to_owned(), boss["id"].as_str().unwrap().to_owned())]);
});

on_both!(the_link_ends_after_half_an_hour_and_with_the_next_one, |server| async move {
    let (nobody, first) = (server.anonymous(), link(&server).await);
    let second = link(&server).await;
    nobody.post("/setup", account("eve", &first)).await.error_on(410, "gone", &[]);
    server.clock().advance(Duration::from_secs(30 * 60));
    nobody.post("/setup", account("eve", &second)).await.error_on(410, "gone", &[]);
    let third = link(&server).await;
    server.clock().advance(Duration::from_secs(29 * 60));
    nobody.post("/setup", account("boss", &third)).await.expect(201);
});

on_both!(an_administrator_made_otherwise_ends_it, |server| async move {
    let token = link(&server).await;
    let admin = mv_app::accounts::register::NewAccount {
        email: ROOT.to_owned(),
        password: PASSWORD.to_owned(),
        ..Default::default()
    };
    server.app().create_admin(admin).await.unwrap();
    server.anonymous().post("/setup", account("eve", &token)).await.error_on(410, "gone", &[]);
});

on_both!(of_many_with_one_link_one_wins, |server| async move {
    let (nobody, token) = (server.anonymous(), link(&server).await);
    let tries = (0..20).map(|number| {
        let (nobody, body) = (nobody.clone(), account(&format!("u{number}"), &token));
        async move { nobody.post("/setup", body).await.status }
    });
    let mut statuses = futures_util::future::join_all(tries).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [&[201][..], &[410; 19]].concat());
});
