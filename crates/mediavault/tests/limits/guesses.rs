//! Checklist row 12: wrong passwords slow down, by account and by address, however they are sent.

use super::*;

/// Counts of failures, greatest first, and whether any names stand beside them.
async fn failures(server: &Server) -> Vec<i64> {
    let rows = server.store().read(|db| db.all(mv_store::sql("SELECT count FROM login_failures ORDER BY count DESC")));
    rows.await.map_err(|error: mv_store::Error| error).unwrap()
}

on_both!(row_12_an_account_from_many_addresses_and_in_every_spelling, proxied(), |server| async move {
    register_from(&server, "203.0.113.1", "ann").await;
    let spellings =
        ["ann@example.com", "ANN@example.com", " ann@example.com", "Ann@Example.COM ", "aNN@EXAMPLE.com\u{3000}"];
    let mut statuses = Vec::new();
    for number in 0..20 {
        let address = format!("198.51.{number}.1");
        let answer = login_from(&server, &address, spellings[number % spellings.len()], "wrong horse battery").await;
        statuses.push(answer.status);
        if answer.status == 429 {
            told_to_wait(&answer, 900);
        }
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert!(statuses[10..].iter().all(|status| *status == 429), "{statuses:?}");
    let right = login_from(&server, "192.0.2.200", "ann@example.com", PASSWORD).await;
    told_to_wait(&right, 900);
    assert_eq!(
        login_from(&server, "192.0.2.200", "ann", PASSWORD).await.status,
        200,
        "by another name, which had none"
    );
    // What is stored names nobody.
    let keys = server.store().read(|db| db.all(mv_store::sql("SELECT key FROM login_failures")));
    let keys: Vec<Vec<u8>> = keys.await.map_err(|error: mv_store::Error| error).unwrap();
    assert!(keys.iter().all(|key| key.len() == 32));
});

on_both!(waits_grow_and_end_and_a_success_forgets, proxied(), |server| async move {
    register_from(&server, "203.0.113.1", "ann").await;
    let wrong = || login_from(&server, "192.0.2.1", "ann", "wrong horse battery");
    for _ in 0..10 {
        assert_eq!(wrong().await.status, 401);
    }
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        let wait = told_to_wait(&wrong().await, expected);
        assert!(wait + 1 >= expected, "{wait} of {expected}");
        server.clock().advance(Duration::from_secs(expected));
        assert_eq!(wrong().await.status, 401, "after {expected} s one more try");
    }
    told_to_wait(&wrong().await, 900);
    server.clock().advance(Duration::from_secs(900));
    assert_eq!(login_from(&server, "192.0.2.1", "ann", PASSWORD).await.status, 200, "the owner gets in after all");
    assert_eq!(failures(&server).await.len(), 1, "the account's are forgotten, the address's are not");
    for _ in 0..10 {
        assert_eq!(wrong().await.status, 401, "a new count");
    }
    told_to_wait(&wrong().await, 1);
});

on_both!(row_12_one_address_over_many_accounts, proxied(), |server| async move {
    for name in ["ann", "bob"] {
        register_from(&server, "203.0.113.1", name).await;
    }
    for number in 0..50 {
        // Known and unknown names, from one /64.
        let name = if number % 10 == 0 { "ann".to_owned() } else { format!("nobody{number}") };
        let answer = login_from(&server, &format!("2001:db8:0:1::{number}"), &name, "wrong horse battery").await;
        assert_eq!(answer.status, 401, "{number}");
    }
    told_to_wait(&login_from(&server, "2001:db8:0:1:9::", "bob", PASSWORD).await, 1);
    told_to_wait(&login_from(&server, "2001:db8:0:1:9::", "nobody", PASSWORD).await, 1);
    assert_eq!(login_from(&server, "2001:db8:0:2::1", "bob", PASSWORD).await.status, 200, "from elsewhere");
});

on_both!(row_12_only_the_name_counts, |server| async move {
    server.user("ann").await;
    let nobody = server.anonymous();
    // A member that the schema does not know cannot choose another count: it is refused, and so is a second name.
    for _ in 0..12 {
        let body = json!({ "username": "ann@example.com", "password": "wrong horse", "email": "x@example.com" });
        nobody.post("/auth/login", body).await.error_on(400, "validation_error", &["email"]);
    }
    assert_eq!(failures(&server).await, [0; 0]);
    for number in 0..12 {
        let body = json!({ "username": "ann@example.com", "password": format!("wrong horse {number}") });
        assert_eq!(nobody.post("/auth/login", body).await.status, if number < 10 { 401 } else { 429 }, "{number}");
    }
});

on_both!(known_and_unknown_names_wait_alike, proxied(), |server| async move {
    register_from(&server, "203.0.113.1", "ann").await;
    let mut seen: Vec<Vec<(u16, String)>> = Vec::new();
    for name in ["ann", "nobody"] {
        let mut answers = Vec::new();
        for number in 0..12 {
            let answer = login_from(&server, &format!("192.0.2.{number}"), name, "wrong horse battery").await;
            answers.push((answer.status, answer.json()["error"].to_string()));
        }
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1]);
});

on_both!(guesses_at_once_are_counted_one_by_one, |server| async move {
    server.user("ann").await;
    let nobody = server.anonymous();
    let guess = |number: usize| {
        let body = json!({ "username": "ann@example.com", "password": format!("wrong horse {number}") });
        nobody.post("/auth/login", body)
    };
    let answers = futures_util::future::join_all((0..30).map(guess)).await;
    let wrong = answers.iter().filter(|answer| answer.status == 401).count();
    // Ten, and one more for each wait that ended meanwhile: 1 s, 2 s, 4 s.
    assert!((10..=13).contains(&wrong), "{wrong} guesses were answered before the rest had to wait");
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 30 - wrong);
});

on_both!(who_is_logged_in_goes_on, |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    for _ in 0..11 {
        nobody.post("/auth/login", json!({ "username": "ann@example.com", "password": "wrong horse" })).await;
    }
    told_to_wait(&nobody.post("/auth/login", json!({ "username": "ann@example.com", "password": PASSWORD })).await, 1);
    assert_eq!(ann.get("/users/me").await.status, 200);
    let refresh = json!({ "refresh_token": ann.refresh_token.clone().unwrap() });
    let token = nobody.post("/auth/refresh", refresh).await.expect(200)["token"].as_str().unwrap().to_owned();
    let ann = ann.with_token(&token);
    ann.patch("/users/me", json!({ "email": "new@example.com", "current_password": PASSWORD })).await.expect(200);
});

on_both!(a_proof_by_password_is_guessed_no_faster, |server| async move {
    let ann = server.user("ann").await;
    let prove = |password: &'static str| {
        ann.patch("/users/me", json!({ "email": "new@example.com", "current_password": password }))
    };
    for _ in 0..10 {
        prove("wrong horse").await.error_on(400, "validation_error", &["current_password"]);
    }
    told_to_wait(&prove("wrong horse").await, 1);
    told_to_wait(&prove(PASSWORD).await, 1);
    let nobody = server.anonymous();
    let login = json!({ "username": "ann@example.com", "password": PASSWORD });
    nobody.post("/auth/login", login).await.expect(200);
    server.clock().advance(Duration::from_secs(1));
    prove(PASSWORD).await.expect(200);
    assert_eq!(failures(&server).await, [0; 0]);
});

on_both!(failures_are_forgotten, |server| async move {
    server.user("ann").await;
    let nobody = server.anonymous();
    let wrong = || nobody.post("/auth/login", json!({ "username": "ann@example.com", "password": "wrong horse" }));
    for _ in 0..9 {
        assert_eq!(wrong().await.status, 401);
    }
    server.clock().advance(Duration::from_secs(15 * 60 + 1));
    for _ in 0..10 {
        assert_eq!(wrong().await.status, 401, "those of a quarter of an hour ago do not count");
    }
    assert_eq!(wrong().await.status, 429);
    server.app().run_scheduled(mv_app::jobs::schedule::Work::Expired).await.unwrap();
    assert_eq!(failures(&server).await.len(), 2, "account and address");
    server.clock().advance(Duration::from_secs(16 * 60));
    server.app().run_scheduled(mv_app::jobs::schedule::Work::Expired).await.unwrap();
    assert_eq!(failures(&server).await, [0; 0]);
});
