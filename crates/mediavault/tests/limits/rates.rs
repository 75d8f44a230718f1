//! Contract section 7, and checklist row 13: what is counted as whose.

use super::*;

fn limits(anonymous: u32, user: u32, delivery: u32) -> Options {
    Options::with("limits.anonymous_per_minute", anonymous)
        .and("limits.authenticated_per_minute", user)
        .and("limits.delivery_per_minute", delivery)
}

fn low_and_proxied(anonymous: u32) -> Options {
    proxied().and("limits.anonymous_per_minute", anonymous)
}

/// The five headers, as numbers: limit, remaining, seconds until the reset. The forms must say the same.
#[track_caller]
fn told(answer: &Answer, name: &str) -> (u32, u32, u64) {
    let number = |header: &str| answer.header(header).parse::<u64>().unwrap_or_else(|_| panic!("{header}: {answer:?}"));
    let (limit, remaining) = (number("x-ratelimit-limit"), number("x-ratelimit-remaining"));
    assert_eq!(answer.header("ratelimit-policy"), format!("\"{name}\";q={limit};w=60"), "{}", answer.asked);
    let rest = answer.header("ratelimit").strip_prefix(&format!("\"{name}\";r={remaining};t=")).unwrap();
    (limit as u32, remaining as u32, rest.parse().unwrap())
}

on_both!(every_answer_under_the_base_tells_the_limit, limits(60, 1000, 6000), |server| async move {
    let nobody = server.anonymous();
    let first = nobody.get("/server").await;
    assert_eq!(told(&first, "default"), (60, 59, 60));
    let now = i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let reset: i64 = first.header("x-ratelimit-reset").parse().unwrap();
    assert!((58..=62).contains(&(reset - now)), "{reset} at {now}");
    let mut left = 59;
    for (what, answer) in [
        ("404", nobody.get("/nonsense").await),
        ("401", nobody.get("/users/me").await),
        ("405", nobody.send(nobody.request(Method::PUT, "/server")).await),
        ("400", nobody.get("/server?nonsense=1").await),
        ("400 of a body", nobody.post("/auth/login", json!({ "x": 1 })).await),
        ("the description", nobody.get("/openapi.json").await),
        ("the other base", nobody.get(&format!("{}/v1/server", server.origin())).await),
        ("the base itself", nobody.get("").await),
        ("a token that is none", nobody.with_token("nonsense").get("/users/me").await),
        ("a key that is none", nobody.with_token("mvk_nonsense").get("/users/me").await),
    ] {
        left -= 1;
        assert_eq!(told(&answer, "default").1, left, "{what}");
    }
    for path in ["/health/live", "/health/ready", "/metrics", "/api/docs", "/", "/api/v2/server", "/nonsense"] {
        let answer = nobody.get(&format!("{}{path}", server.origin())).await;
        assert_eq!((answer.header("x-ratelimit-limit"), answer.header("ratelimit")), ("", ""), "{path}");
    }
    assert_eq!(told(&nobody.get("/server").await, "default").1, left - 1, "those were not counted");
});

on_both!(one_too_many_waits_and_then_passes, limits(5, 7, 6000), |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    let passed: Vec<u16> = [nobody.get("/server").await, nobody.get("/server").await, nobody.get("/server").await]
        .iter()
        .map(|answer| answer.status)
        .collect();
    assert_eq!(passed, [200; 3], "registering and logging in were the first two");
    let refused = nobody.get("/server").await;
    let wait = told_to_wait(&refused, 61);
    let (limit, remaining, reset) = told(&refused, "default");
    assert_eq!((limit, remaining), (5, 0));
    assert!(wait >= reset, "Retry-After {wait}, t={reset}");
    // It changes nothing, and is told before the body is looked at.
    let body = json!({ "email": "bob@example.com", "password": PASSWORD });
    told_to_wait(&nobody.post("/auth/register", body).await, 61);
    assert_eq!(server.events().await.len(), 1);
    for left in (0..7).rev() {
        assert_eq!(told(&ann.get("/users/me").await, "default").1, left, "a user has a limit apart");
    }
    told_to_wait(&ann.get("/users/me").await, 61);
    told_to_wait(&ann.get("/media").await, 61);
    server.clock().advance(Duration::from_secs(wait));
    assert_eq!(nobody.get("/server").await.status, 200);
    server.clock().advance(Duration::from_secs(61));
    for _ in 0..5 {
        assert_eq!(nobody.get("/server").await.status, 200);
    }
    told_to_wait(&nobody.get("/server").await, 61);
});

on_both!(of_many_at_once_exactly_the_limit_passes, limits(1_000, 100, 6000), |server| async move {
    let ann = server.user("ann").await;
    let asked = futures_util::future::join_all((0..300).map(|_| ann.get("/users/me"))).await;
    let passed = asked.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((passed, asked.iter().filter(|answer| answer.status == 429).count()), (100, 200));
});

on_both!(row_13_no_header_makes_a_new_bucket, limits(10, 1000, 6000), |server| async move {
    let nobody = server.anonymous();
    for number in 0..12 {
        let address = format!("198.51.100.{number}");
        let request = nobody.request(Method::GET, "/server");
        let request = request
            .header("x-forwarded-for", &address)
            .header("x-forwarded-for", "203.0.113.9")
            .header("forwarded", format!("for={address}"))
            .header("x-real-ip", &address)
            .header("cf-connecting-ip", &address)
            .header("true-client-ip", &address)
            .header("x-client-ip", &address);
        let answer = nobody.send(request).await;
        assert_eq!(answer.status, if number < 10 { 200 } else { 429 }, "{number}");
    }
});

on_both!(row_13_behind_a_proxy_the_rightmost_stranger_counts, low_and_proxied(4), |server| async move {
    let nobody = server.anonymous();
    let left = async |forwarded: &str| {
        let answer = nobody.send(from(&nobody, forwarded, Method::GET, "/server")).await;
        (answer.status, told(&answer, "default").1)
    };
    assert_eq!(left("192.0.2.1").await, (200, 3));
    assert_eq!(left("10.0.0.1, 192.0.2.1").await, (200, 2), "what stands to the left is the client's own word");
    assert_eq!(left("192.0.2.9, 192.0.2.1, 127.0.0.1").await, (200, 1), "proxies to the right are passed over");
    assert_eq!(left("::ffff:192.0.2.1").await, (200, 0), "the same address in IPv6");
    assert_eq!(left("192.0.2.1").await, (429, 0));
    assert_eq!(left("192.0.2.2").await, (200, 3), "another one");
    for (forwarded, expected) in [
        ("2001:db8:1:2::1", (200, 3)),
        ("2001:db8:1:2:ffff::9", (200, 2)),
        ("2001:DB8:1:2:0:0:0:1", (200, 1)),
        ("2001:db8:1:2:8000::", (200, 0)),
        ("2001:db8:1:2::2", (429, 0)),
        ("2001:db8:1:3::1", (200, 3)),
    ] {
        assert_eq!(left(forwarded).await, expected, "{forwarded}");
    }
});

on_both!(content_is_counted_as_delivery, limits(50, 20, 5), |server| async move {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    let item = ann.upload("a.txt", b"some bytes").await;
    let path = format!("/media/{}/content", item["id"].as_str().unwrap());
    let link = item["urls"]["content"].as_str().unwrap();
    let link = format!("{}{}", server.origin(), &link[link.find("/api/").unwrap()..]);
    let nobody = server.anonymous();
    assert_eq!(told(&ann.get(&path).await, "delivery"), (5, 4, 60));
    assert_eq!(told(&nobody.get(&link).await, "delivery").1, 3, "a link counts for whoever has signed it");
    assert_eq!(told(&ann.send(ann.request(Method::HEAD, &path)).await, "delivery").1, 2);
    assert_eq!(told(&bob.get(&path).await, "delivery").1, 4, "whoever asks with credentials, also in vain");
    let left = told(&nobody.get("/server").await, "default").1;
    let forged = format!("{}A", &link[..link.len() - 1]);
    let forged = if forged == link { format!("{}B", &link[..link.len() - 1]) } else { forged };
    for (what, url) in [
        ("a forged signature", forged),
        ("no signature", format!("{}/api/v1{path}", server.origin())),
        (
            "another item's",
            link.replace(item["id"].as_str().unwrap(), bob.upload("b.txt", b"b").await["id"].as_str().unwrap()),
        ),
    ] {
        let answer = nobody.get(&url).await;
        assert_eq!(answer.status, 401, "{what}");
        told(&answer, "default");
    }
    assert_eq!(told(&nobody.get("/server").await, "default").1, left - 4, "they counted for the address");
    assert_eq!((nobody.get(&link).await.status, nobody.get(&link).await.status), (200, 200));
    told_to_wait(&nobody.get(&link).await, 61);
    told_to_wait(&ann.get(&path).await, 61);
    assert_eq!(ann.get("/users/me").await.status, 200, "the rest goes on");
    // An expired link is nobody's.
    server.clock().advance(Duration::from_secs(3 * 3600));
    let expired = nobody.get(&link).await;
    assert_eq!(expired.status, 401);
    told(&expired, "default");
});

on_both!(bad_credentials_count_for_the_address_and_good_ones_do_not, limits(10, 1000, 6000), |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    for (what, token) in [("no JWT", "nonsense"), ("a key", "mvk_AAAAAAAAAAAAAAAAAAAAAA"), ("a token", "mvu_AAAA")] {
        assert_eq!(nobody.with_token(token).get("/users/me").await.status, 401, "{what}");
    }
    for _ in 0..5 {
        assert_eq!(nobody.get("/server").await.status, 200);
    }
    for number in 0..40 {
        for token in [format!("nonsense{number}"), format!("mvk_{number:022}"), format!("mvu_{number:022}")] {
            told_to_wait(&nobody.with_token(&token).get("/users/me").await, 61);
        }
    }
    told_to_wait(&nobody.get("/server").await, 61);
    assert_eq!(ann.get("/users/me").await.status, 200, "who is known goes on, from the same address");
});

on_both!(a_preflight_is_neither_counted_nor_refused, limits(3, 1000, 6000), |server| async move {
    let nobody = server.anonymous();
    let preflight = || {
        let request = nobody.request(Method::OPTIONS, "/media");
        nobody.send(request.header("origin", "https://a.example").header("access-control-request-method", "GET"))
    };
    for _ in 0..5 {
        assert_eq!(told(&preflight().await, "default").1, 3);
    }
    for _ in 0..3 {
        assert_eq!(nobody.get("/server").await.status, 200);
    }
    assert_ne!(preflight().await.status, 429);
    told_to_wait(&nobody.send(nobody.request(Method::OPTIONS, "/media")).await, 61);
});

on_both!(people_are_looked_up_twenty_times_a_minute, |server| async move {
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    for left in (0..20).rev() {
        let answer = ann.get(&format!("/users/lookup?email=nobody{left}@example.com")).await;
        assert_eq!((answer.status, told(&answer, "lookup").1), (404, left));
    }
    told_to_wait(&ann.get("/users/lookup?email=bob@example.com").await, 61);
    assert_eq!(bob.get("/users/lookup?email=ann@example.com").await.status, 200);
    assert_eq!(ann.get("/users/me").await.status, 200);
});
