//! Sessions through their life: refreshed, repeated, reused, logged out, expired.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

async fn refresh(actor: &Actor, token: &str) -> Answer {
    let nobody = Actor { token: None, ..actor.clone() };
    nobody.post("/auth/refresh", json!({ "refresh_token": token })).await
}

async fn renew(actor: &Actor, access: &str) -> Answer {
    actor.with_token(access).post_empty("/auth/refresh").await
}

/// Access and refresh token.
fn pair(data: &Value) -> (String, String) {
    (text(data, "token").to_owned(), text(data, "refresh_token").to_owned())
}

/// The pair of an actor.
fn held(actor: &Actor) -> (String, String) {
    (actor.token.clone().unwrap(), actor.refresh_token.clone().unwrap())
}

/// The whole session must be over: none of its tokens does anything.
async fn over(what: &str, actor: &Actor, tokens: &[&(String, String)]) {
    for (place, (access, token)) in tokens.iter().enumerate() {
        refused(&format!("{what}: access token {place}"), &whoami(actor, access).await);
        refused(&format!("{what}: access token {place} for a new one"), &renew(actor, access).await);
        let answer = refresh(actor, token).await;
        assert_eq!(answer.status, 401, "{what}: refresh token {place}");
        answer.error_on(401, "unauthorized", &[]);
    }
}

async fn logged_in_again(actor: &Actor) -> Actor {
    let mut other = actor.clone();
    other.log_in(PASSWORD).await;
    other
}

on_both!(a_refresh_token_has_one_successor, |server| async move {
    let ann = server.user("ann").await;
    let other = logged_in_again(&ann).await;
    let first = held(&ann);
    let answer = refresh(&ann, &first.1).await;
    let data = answer.expect(200);
    let second = pair(&data);
    assert!(second.0 != first.0 && second.1 != first.1);
    assert_eq!((&data["expires_in"], &data["token_type"]), (&json!(3600), &json!("Bearer")));
    assert_eq!(answer.json()["token"], data["token"], "bare as after a login");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(whoami(&ann, &second.0).await.expect(200)["id"], json!(ann.id));
    assert_eq!(whoami(&ann, &first.0).await.status, 200, "the older access token holds for its hour");
    for _ in 0..2 {
        assert_eq!(pair(&refresh(&ann, &first.1).await.expect(200)), second, "a lost answer comes again");
    }
    server.clock().advance(Duration::from_secs(6));
    assert_eq!(pair(&refresh(&ann, &first.1).await.expect(200)), second, "after 6 seconds still");
    let third = pair(&refresh(&ann, &second.1).await.expect(200));
    assert!(third != second);
    over_is_not(&ann, &third).await;
    over_is_not(&other, &held(&other)).await;
});

/// The session must live.
async fn over_is_not(actor: &Actor, tokens: &(String, String)) {
    assert_eq!(whoami(actor, &tokens.0).await.expect(200)["id"], json!(actor.id));
}

on_both!(used_again_too_late_ends_the_session, |server| async move {
    let ann = server.user("ann").await;
    let other = logged_in_again(&ann).await;
    let first = held(&ann);
    let second = pair(&refresh(&ann, &first.1).await.expect(200));
    over_is_not(&ann, &second).await;
    server.clock().advance(Duration::from_secs(11));
    refresh(&ann, &first.1).await.error_on(401, "unauthorized", &[]);
    over("used again after 10 s", &ann, &[&first, &second]).await;
    over_is_not(&other, &held(&other)).await;
});

on_both!(used_again_after_its_successor_ends_the_session, |server| async move {
    let ann = server.user("ann").await;
    let first = held(&ann);
    let second = pair(&refresh(&ann, &first.1).await.expect(200));
    let third = pair(&refresh(&ann, &second.1).await.expect(200));
    over_is_not(&ann, &third).await;
    refresh(&ann, &first.1).await.error_on(401, "unauthorized", &[]);
    over("its successor was used", &ann, &[&first, &second, &third]).await;
});

on_both!(fifty_at_once_get_the_very_same, |server| async move {
    let ann = server.user("ann").await;
    let first = held(&ann);
    for (what, by_token) in [("by refresh token", true), ("by access token", false)] {
        let actor = logged_in_again(&ann).await;
        let own = held(&actor);
        let ask = async || if by_token { refresh(&actor, &own.1).await } else { renew(&actor, &own.0).await };
        let answers = futures_util::future::join_all((0..50).map(|_| ask())).await;
        let mut different: Vec<(Value, Value)> = answers
            .iter()
            .map(|answer| {
                assert_eq!(answer.status, 200, "{what}: {}", String::from_utf8_lossy(&answer.body));
                let data = answer.expect(200);
                (data["token"].clone(), data["refresh_token"].clone())
            })
            .collect();
        different.dedup();
        assert_eq!(different.len(), 1, "{what}: {different:?}");
        let (access, token) = &different[0];
        assert_eq!(whoami(&actor, access.as_str().unwrap()).await.status, 200, "{what}");
        assert_eq!(token.is_null(), !by_token, "{what}");
    }
    over_is_not(&ann, &first).await;
});

on_both!(an_access_token_renews_once_in_the_same_rotation, |server| async move {
    let ann = server.user("ann").await;
    let first = held(&ann);
    let data = renew(&ann, &first.0).await.expect(200);
    assert_eq!(
        (&data["refresh_token"], &data["refresh_expires_in"]),
        (&Value::Null, &Value::Null),
        "no refresh token out of nothing"
    );
    let second = text(&data, "token").to_owned();
    assert_ne!(second, first.0);
    assert_eq!(text(&renew(&ann, &first.0).await.expect(200), "token"), second, "within 10 s the same one");
    let both = pair(&refresh(&ann, &first.1).await.expect(200));
    assert_eq!(both.0, second, "the refresh token of the same generation has the same successor");
    let third = text(&renew(&ann, &second).await.expect(200), "token").to_owned();
    over_is_not(&ann, &(third.clone(), String::new())).await;
    refused("an access token whose successor was used", &renew(&ann, &first.0).await);
    over("after the reuse", &ann, &[&first, &both, &(third, both.1.clone())]).await;

    let late = logged_in_again(&ann).await;
    let own = held(&late);
    renew(&late, &own.0).await.expect(200);
    server.clock().advance(Duration::from_secs(11));
    refused("an access token used again after 10 s", &renew(&late, &own.0).await);
    over("after the late reuse", &late, &[&own]).await;
});

on_both!(tokens_and_sessions_end_in_time, |server| async move {
    let clock = server.clock();
    let ann = server.user("ann").await;
    let first = held(&ann);
    clock.advance(Duration::from_secs(3580));
    assert_eq!(whoami(&ann, &first.0).await.status, 200);
    clock.advance(Duration::from_secs(20));
    refused("an access token after an hour", &whoami(&ann, &first.0).await);
    refused("an expired access token for a new one", &renew(&ann, &first.0).await);
    let mut latest = pair(&refresh(&ann, &first.1).await.expect(200));
    over_is_not(&ann, &latest).await;
    for _ in 0..29 {
        clock.advance(Duration::from_secs(86_400));
        latest = pair(&refresh(&ann, &latest.1).await.expect(200));
    }
    // An hour was spent above, so 23 hours are left.
    clock.advance(Duration::from_secs(22 * 3600 + 1800));
    let data = refresh(&ann, &latest.1).await.expect(200);
    let (expires_in, session) = (data["expires_in"].as_u64().unwrap(), data["refresh_expires_in"].as_u64().unwrap());
    assert!(
        (1500..=1800).contains(&expires_in) && (1500..=1800).contains(&session),
        "{expires_in} s, {session} s: never past the session"
    );
    latest = pair(&data);
    over_is_not(&ann, &latest).await;
    clock.advance(Duration::from_secs(1801));
    over("30 days after the login", &ann, &[&first, &latest]).await;
    over_is_not(&ann, &held(&logged_in_again(&ann).await)).await;
});

on_both!(logout_kills_every_token_of_the_session_at_once, |server| async move {
    let ann = server.user("ann").await;
    let other = logged_in_again(&ann).await;
    let first = held(&ann);
    let second = pair(&refresh(&ann, &first.1).await.expect(200));
    over_is_not(&ann, &first).await;
    over_is_not(&ann, &second).await;
    let answer = ann.with_token(&second.0).post_empty("/auth/logout").await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    over("after logout", &ann, &[&first, &second]).await;
    refused("logout once more", &ann.with_token(&second.0).post_empty("/auth/logout").await);
    over_is_not(&other, &held(&other)).await;
    let nobody = server.anonymous();
    let answer = nobody.post_empty("/auth/logout").await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, r#"Bearer realm="mediavault""#));
});

on_both!(logout_wins_against_requests_under_way, |server| async move {
    let ann = server.user("ann").await;
    for round in 0..5 {
        let actor = logged_in_again(&ann).await;
        let tokens = held(&actor);
        let readers = futures_util::future::join_all((0..8).map(|_| whoami(&actor, &tokens.0)));
        let (out, renewed, _) = tokio::join!(actor.post_empty("/auth/logout"), refresh(&actor, &tokens.1), readers);
        assert_eq!(out.status, 204, "round {round}");
        let mut dead = vec![tokens];
        if renewed.status == 200 {
            dead.push(pair(&renewed.expect(200)));
        }
        over("after a logout in a crowd", &actor, &dead.iter().collect::<Vec<_>>()).await;
    }
});

on_both!(a_disabled_account_is_out_at_once, |server| async move {
    let ann = server.user("ann").await;
    let tokens = held(&ann);
    let set = |to: bool| {
        let done = server.store().write(move |tx| tx.changed(sql("UPDATE users SET disabled = $1").bind(to)));
        async { done.await.map_err(|error: mv_store::Error| error).unwrap() }
    };
    assert_eq!(set(true).await, 1);
    refused("an access token never seen before", &whoami(&ann, &tokens.0).await);
    refused("for a new one", &renew(&ann, &tokens.0).await);
    refresh(&ann, &tokens.1).await.error_on(401, "unauthorized", &[]);
    assert_eq!(set(false).await, 1);
    over_is_not(&ann, &tokens).await;
});

on_both!(forged_refresh_tokens_do_nothing, |server| async move {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    let (access, token) = held(&ann);
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix("mvr_").unwrap()).unwrap();
    let foreign = URL_SAFE_NO_PAD.decode(bob.refresh_token.as_ref().unwrap().strip_prefix("mvr_").unwrap()).unwrap();
    let made = |bytes: &[u8]| format!("mvr_{}", URL_SAFE_NO_PAD.encode(bytes));
    let flipped = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        made(&bytes)
    };
    let before = state(&server).await;
    let mut cases = vec![
        ("empty", String::new()),
        ("the prefix alone", "mvr_".to_owned()),
        ("without its prefix", token[4..].to_owned()),
        ("other prefix", token.replace("mvr_", "mvk_")),
        ("prefix in capitals", token.replace("mvr_", "MVR_")),
        ("a character more", format!("{token}A")),
        ("a character less", token[..token.len() - 1].to_owned()),
        ("a blank before", format!(" {token}")),
        ("a line end behind", format!("{token}\n")),
        ("a zero byte behind", format!("{token}\0")),
        ("padded", format!("mvr_{}", URL_SAFE.encode(&bytes)) + "="),
        ("twice", format!("{token}{token}")),
        ("a byte more", made(&[&bytes[..], &[0]].concat())),
        ("the MAC cut off", made(&bytes[..20])),
        ("half a MAC", made(&bytes[..36])),
        ("my session with bob's MAC", made(&[&bytes[..20], &foreign[20..]].concat())),
        ("bob's session with my MAC", made(&[&foreign[..20], &bytes[20..]].concat())),
        ("zeroes", made(&[0; 52])),
        ("the access token", access.clone()),
        ("another alphabet", "mvr_////".to_owned()),
        ("long", "mvr_".to_owned() + &"A".repeat(100_000)),
    ];
    cases.extend([0, 15, 16, 19, 20, 51].map(|place| ("one bit off", flipped(place))));
    for (what, forged) in cases {
        let answer = refresh(&ann, &forged).await;
        assert_eq!(answer.status, 401, "{what}: {}", String::from_utf8_lossy(&answer.body));
        answer.error_on(401, "unauthorized", &[]);
    }
    refused("a refresh token as access token", &whoami(&ann, &token).await);
    for (what, body, fields) in [
        ("no member", json!({}), &["refresh_token"][..]),
        ("null", json!({ "refresh_token": null }), &["refresh_token"]),
        ("a number", json!({ "refresh_token": 5 }), &["refresh_token"]),
        ("a list", json!({ "refresh_token": [token] }), &["refresh_token"]),
        ("another member", json!({ "refresh_token": token, "grant_type": "refresh_token" }), &["grant_type"]),
        ("another name", json!({ "token": token }), &["refresh_token", "token"]),
        ("null at the top", Value::Null, &["body"]),
        ("a bare token", json!(token), &["body"]),
    ] {
        let mut named = ann.post("/auth/refresh", body).await.error(400, "validation_error");
        named.sort();
        assert_eq!(named, fields, "{what}");
    }
    assert_eq!(state(&server).await, before);
    over_is_not(&ann, &pair(&refresh(&ann, &token).await.expect(200))).await;
    let answer = server.anonymous().post_empty("/auth/refresh").await;
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, r#"Bearer realm="mediavault""#),
        "nothing was sent"
    );
});
