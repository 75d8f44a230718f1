//! Many receivers at once: those that hang are in nobody's way.

use std::time::Duration;

use mv_app::webhooks::deliver::Schedule;
use mv_testkit::{Options, Reply, Sink, on_both};

use tokio::time::Instant;

use super::{event, hook};

fn slow() -> Options {
    Options::default().delivering(Schedule { limit: Duration::from_secs(3), ..Schedule::default() })
}

on_both!(fifty_that_hang_or_drip_do_not_delay_a_good_one, slow(), |server| async move {
    let (alice, good) = (server.user("alice").await, Sink::start().await);
    let mut bad = Vec::new();
    for number in 0..50 {
        let sink = Sink::start().await;
        sink.answers(if number % 2 == 0 { Reply::Hang } else { Reply::Drip });
        hook(&alice, &sink, &["*"]).await;
        bad.push(sink);
    }
    hook(&alice, &good, &["*"]).await;
    let mut latest = Duration::ZERO;
    // Longer than a try of a bad one takes, so that all of them are held up for good.
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(5) {
        let sent = Instant::now();
        event(&alice).await;
        count += 1;
        let received = good.wait_for(count).await;
        latest = latest.max(received[count - 1].at.duration_since(sent));
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert!(count > 20, "{count}");
    assert!(latest < Duration::from_secs(1), "a delivery took {latest:?} beside fifty that hang");
    assert!(bad.iter().all(|sink| !sink.received().is_empty()), "each of them was tried");
});
