//! Checklist row 11: a wrong password and an unknown name take the same time. 200 interleaved pairs, each from an
//! address of its own, no account asked so often that it must wait; Mann-Whitney's rank test at p > 0.01, and medians
//! less than 5 ms apart. Once more where it fails, since one honest run in a hundred does.

use std::time::Instant;

use super::*;

const PAIRS: usize = 200;
/// Wrong passwords for one account before the next: fewer than make it wait.
const PER_ACCOUNT: usize = 8;

/// |z| of Mann-Whitney's U for samples of more than 20 each, ties aside (times are in nanoseconds).
fn rank_distance(one: &[Duration], other: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> = one.iter().map(|time| (*time, true)).collect();
    all.extend(other.iter().map(|time| (*time, false)));
    all.sort();
    let ranks: usize = all.iter().enumerate().filter(|(_, (_, first))| *first).map(|(place, _)| place + 1).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = ranks as f64 - n * (n + 1.0) / 2.0;
    (u - n * m / 2.0).abs() / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

#[expect(clippy::disallowed_methods, reason = "a test of time measures as a stranger would")]
async fn timed(server: &Server, address: &str, name: &str) -> Duration {
    let began = Instant::now();
    let answer = login_from(server, address, name, "wrong horse battery").await;
    let took = began.elapsed();
    assert_eq!(answer.status, 401, "{name}");
    took
}

/// z and the distance of the medians, for one run.
async fn run(server: &Server, round: usize) -> (f64, Duration) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for account in 0..PAIRS / PER_ACCOUNT {
        register_from(server, "203.0.113.1", &format!("known-{round}-{account:03}")).await;
    }
    for pair in 0..PAIRS {
        let address = format!("198.51.{round}.{pair}");
        let (real, none) = (
            format!("known-{round}-{:03}@example.com", pair % (PAIRS / PER_ACCOUNT)),
            format!("other-{round}-{:03}@example.com", pair % (PAIRS / PER_ACCOUNT)),
        );
        if pair % 2 == 0 {
            known.push(timed(server, &address, &real).await);
            unknown.push(timed(server, &address, &none).await);
        } else {
            unknown.push(timed(server, &address, &none).await);
            known.push(timed(server, &address, &real).await);
        }
    }
    (rank_distance(&known, &unknown), median(&known).abs_diff(median(&unknown)))
}

on_both!(row_11_known_and_unknown_names_take_the_same_time, proxied(), |server| async move {
    // p > 0.01, both sides.
    let indistinguishable = |(z, gap): (f64, Duration)| z < 2.5758 && gap < Duration::from_millis(5);
    let first = run(&server, 0).await;
    if !indistinguishable(first) {
        let second = run(&server, 1).await;
        assert!(indistinguishable(second), "z and gap of the medians: {first:?}, then {second:?}");
    }
});

#[test]
fn the_rank_test_tells_different_times_apart() {
    let times = |from: u64| (0..200).map(|n| Duration::from_micros(from + n * 37 % 1000)).collect::<Vec<_>>();
    assert!(rank_distance(&times(0), &times(1)) < 2.5758);
    assert!(rank_distance(&times(0), &times(200)) > 2.5758);
}
