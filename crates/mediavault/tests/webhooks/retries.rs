//! Tries until one is taken: the waits, what an answer says, and when an endpoint is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mv_app::jobs::schedule::Work;
use mv_app::webhooks::deliver::Schedule;
use mv_core::Timestamp;
use mv_core::webhook::RETRY_WAITS;
use mv_testkit::{Actor, Options, Reply, Sink, on_both};
use serde_json::{Value, json};

use super::{by_key, event, hook, log, newest, text};

fn span(delivery: &Value, from: &str, to: &str) -> Duration {
    let time = |member: &str| Timestamp::parse(delivery[member].as_str().unwrap()).unwrap();
    time(to).since(time(from))
}

async fn tried(actor: &Actor, hook: &str, times: usize) -> Value {
    newest(actor, hook, |it| it["attempts"] == times).await
}

/// Makes an event, the `count`th, and waits until it was tried.
async fn event_tried(actor: &Actor, hook: &str, count: usize) {
    event(actor).await;
    for _ in 0..400 {
        let log = log(actor, hook).await;
        if log.len() == count && log[0]["attempts"] != 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("event {count} was not tried");
}

on_both!(a_delivery_is_tried_ten_times_with_growing_waits, |server| async move {
    let (alice, sink) = (by_key(&server.user("alice").await).await, Sink::start().await);
    sink.answers(Reply::Status(503, vec![], "busy\u{0}!".into()));
    let (id, secret) = hook(&alice, &sink, &["*"]).await;
    event(&alice).await;
    for (index, wait) in RETRY_WAITS.into_iter().enumerate() {
        let delivery = tried(&alice, &id, index + 1).await;
        assert_eq!((&delivery["status"], &delivery["response_status"]), (&json!("pending"), &json!(503)));
        assert_eq!(delivery["response_body"], "busy\u{fffd}!");
        let planned = span(&delivery, "attempted_at", "next_attempt_at");
        let (least, most) = (wait.mul_f64(0.79), wait.mul_f64(1.21) + Duration::from_secs(2));
        assert!(planned >= least && planned <= most, "{planned:?} for {wait:?}");
        // Not before its time.
        server.clock().advance(planned.saturating_sub(Duration::from_secs(3)));
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(sink.received().len(), index + 1);
        server.clock().advance(Duration::from_secs(4));
    }
    let ended = newest(&alice, &id, |it| it["status"] == "failed").await;
    assert_eq!((&ended["attempts"], &ended["next_attempt_at"]), (&json!(10), &Value::Null));
    let received = sink.received();
    assert!(
        received.iter().all(|it| it.id() == received[0].id() && it.body == received[0].body && it.signed_by(&secret))
    );
    let stamps: Vec<i64> = received.iter().map(|it| it.headers["webhook-timestamp"].parse().unwrap()).collect();
    assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]), "each try has its own time: {stamps:?}");
    let shown = alice.get(&format!("/webhooks/{id}")).await.expect(200);
    assert!(shown["failing_since"].is_string() && shown["enabled"] == true);
});

on_both!(what_the_receiver_asks_for_is_honoured_up_to_twice_the_wait, |server| async move {
    let (alice, sink) = (by_key(&server.user("alice").await).await, Sink::start().await);
    for (asked, least, most) in [("7", 7, 9), ("1", 4, 8), ("86400", 10, 12), ("nonsense", 4, 8)] {
        sink.answers(Reply::Status(429, vec![("retry-after", asked.to_owned())], String::new()));
        let (id, _) = hook(&alice, &sink, &["*"]).await;
        event(&alice).await;
        let wait = span(&tried(&alice, &id, 1).await, "attempted_at", "next_attempt_at");
        assert!(wait >= Duration::from_secs(least) && wait <= Duration::from_secs(most), "{asked}: {wait:?}");
        alice.delete(&format!("/webhooks/{id}")).await.expect(204);
    }
});

on_both!(redirects_are_failures_and_any_2xx_is_success, |server| async move {
    let (alice, sink, other) = (by_key(&server.user("alice").await).await, Sink::start().await, Sink::start().await);
    let location = other.url();
    let mut replies = [200, 202, 299, 301, 302, 307, 308, 400, 404, 500].into_iter();
    sink.does(move |_| Reply::Status(replies.next().unwrap(), vec![("location", location.clone())], "body".into()));
    let (id, _) = hook(&alice, &sink, &["*"]).await;
    for status in [200, 202, 299, 301, 302, 307, 308, 400, 404, 500] {
        event(&alice).await;
        let delivery = newest(&alice, &id, |it| it["attempts"] == 1 && it["response_status"] == status).await;
        let expected = if status < 300 { "succeeded" } else { "pending" };
        assert_eq!(delivery["status"], expected, "{status}");
        assert_eq!(delivery["response_body"], "body");
    }
    assert!(other.received().is_empty(), "no redirect is followed");
});

on_both!(a_receiver_that_is_gone_is_switched_off_at_once_and_its_owner_told, |server| async move {
    let (alice, sink, watch) = (by_key(&server.user("alice").await).await, Sink::start().await, Sink::start().await);
    let gone = Arc::new(AtomicUsize::new(0));
    let count = gone.clone();
    sink.does(move |_| Reply::status(if count.fetch_add(1, Ordering::SeqCst) == 0 { 204 } else { 410 }));
    let (id, _) = hook(&alice, &sink, &["collection.*"]).await;
    hook(&alice, &watch, &["webhook.*"]).await;
    event(&alice).await;
    sink.wait_for(1).await;
    event(&alice).await;
    let told = watch.wait_for(1).await[0].json();
    assert_eq!((&told["event"], &told["data"]["id"]), (&json!("webhook.disabled"), &json!(id)));
    assert_eq!(told["data"]["reason"], "gone");
    let shown = alice.get(&format!("/webhooks/{id}")).await.expect(200);
    assert_eq!((&shown["enabled"], &shown["disabled_reason"]), (&json!(false), &json!("gone")));
    assert_eq!(log(&alice, &id).await[0]["status"], "failed");
    event(&alice).await;
    server.clock().advance(Duration::from_secs(100));
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(sink.received().len(), 2, "nothing more is sent there");
});

on_both!(five_days_of_nothing_but_failures_switch_it_off, |server| async move {
    let (alice, sink, watch) = (by_key(&server.user("alice").await).await, Sink::start().await, Sink::start().await);
    sink.answers(Reply::Close);
    let (id, _) = hook(&alice, &sink, &["collection.*"]).await;
    hook(&alice, &watch, &["webhook.disabled"]).await;
    event(&alice).await;
    let first = tried(&alice, &id, 1).await;
    assert_eq!((&first["error"], &first["response_status"]), (&json!("connection_lost"), &Value::Null));
    for day in 1..5 {
        server.clock().advance(Duration::from_secs(86_400));
        event_tried(&alice, &id, day + 1).await;
    }
    assert_eq!(alice.get(&format!("/webhooks/{id}")).await.expect(200)["enabled"], true, "four days are not five");
    server.clock().advance(Duration::from_secs(86_400));
    event(&alice).await;
    let told = watch.wait_for(1).await[0].json();
    assert_eq!((&told["data"]["id"], &told["data"]["reason"]), (&json!(id), &json!("failing")));
    let shown = alice.get(&format!("/webhooks/{id}")).await.expect(200);
    assert_eq!((&shown["enabled"], &shown["disabled_reason"]), (&json!(false), &json!("failing")));
    newest(&alice, &id, |it| it["status"] == "failed").await;
});

on_both!(one_success_among_failures_begins_the_five_days_anew, |server| async move {
    let (alice, sink) = (by_key(&server.user("alice").await).await, Sink::start().await);
    let (id, _) = hook(&alice, &sink, &["collection.*"]).await;
    for day in 0..8 {
        sink.answers(Reply::status(if day == 4 { 200 } else { 500 }));
        event_tried(&alice, &id, day + 1).await;
        server.clock().advance(Duration::from_secs(86_400));
    }
    assert_eq!(alice.get(&format!("/webhooks/{id}")).await.expect(200)["enabled"], true);
});

on_both!(old_events_wait_for_their_deliveries, Options::with("events.retention_days", 1), |server| async move {
    let (alice, sink) = (by_key(&server.user("alice").await).await, Sink::start().await);
    sink.answers(Reply::status(500));
    let (id, _) = hook(&alice, &sink, &["*"]).await;
    let old = event(&alice).await;
    tried(&alice, &id, 1).await;
    server.clock().advance(Duration::from_secs(2 * 86_400));
    // The newest event stays whatever happens.
    event(&alice).await;
    server.app().run_scheduled(Work::Expired).await.unwrap();
    assert_eq!(server.events_of(&old).await, ["collection.created"], "it was not delivered yet");
    sink.answers(Reply::status(200));
    server.clock().advance(Duration::from_secs(600));
    sink.wait_until("the old event", |received| received.iter().filter(|it| it.body.contains(&old)).count() > 1).await;
    for _ in 0..200 {
        server.app().run_scheduled(Work::Expired).await.unwrap();
        if server.events_of(&old).await.is_empty() {
            assert!(log(&alice, &id).await.iter().all(|it| it["event_id"] != old), "nor is its delivery kept");
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the event stays");
});

// Row 90: an answer without an end, and one that drips, take the whole exchange's time and no more.
on_both!(
    answers_that_do_not_end_are_cut,
    Options::default().delivering(Schedule { limit: Duration::from_secs(2), ..Schedule::default() }),
    |server| async move {
        let (alice, hanging, dripping, long) =
            (by_key(&server.user("alice").await).await, Sink::start().await, Sink::start().await, Sink::start().await);
        hanging.answers(Reply::Hang);
        dripping.answers(Reply::Drip);
        long.answers(Reply::Status(200, vec![], "x".repeat(3_000_000)));
        let mut hooks = Vec::new();
        for sink in [&hanging, &dripping, &long] {
            hooks.push(hook(&alice, sink, &["*"]).await.0);
        }
        event(&alice).await;
        for hook in &hooks[..2] {
            let delivery = tried(&alice, hook, 1).await;
            assert_eq!((&delivery["status"], &delivery["error"]), (&json!("pending"), &json!("timed_out")));
            let took = delivery["duration_ms"].as_u64().unwrap();
            assert!((2000..4000).contains(&took), "{took} ms");
        }
        let delivery = tried(&alice, &hooks[2], 1).await;
        assert_eq!(delivery["status"], "succeeded", "a long answer is cut, not refused");
        assert_eq!(text(&delivery, "response_body"), "x".repeat(1024));
    }
);
