//! The count against one that remembers everything, under threads, at its bound, over weeks.

use super::*;
use crate::limits::Class;
use mv_core::{ManualClock, SystemClock};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn limits(anonymous: u32, user: u32) -> Limits {
    Limits { anonymous, user, api_key: 5_000, delivery: 6_000 }
}

fn limiter(anonymous: u32, user: u32) -> (LocalLimiter, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    (LocalLimiter::new(limits(anonymous, user), clock.clone()), clock)
}

fn anonymous(who: u128) -> Key {
    Key { class: Class::Anonymous, who }
}

fn user(who: u128) -> Key {
    Key { class: Class::User, who }
}

impl LocalLimiter {
    fn held(&self) -> (usize, usize, usize) {
        let shards = self.shards.iter().map(|shard| {
            let shard = shard.lock().unwrap();
            (shard.slots.len(), shard.slots.capacity(), shard.logs.rings.capacity())
        });
        shards.fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2))
    }
}

proptest! {
    /// Random moments of a few keys: what passes is what a list of all past requests lets pass.
    #[test]
    fn agrees_with_a_list_of_all_requests(
        limit in 1u32..9,
        steps in prop::collection::vec((0u128..3, prop_oneof![0u64..3_000, 0u64..30_000_000, 59_990_000u64..60_010_000], 0u8..10), 1..300),
    ) {
        let (limiter, clock) = limiter(limit, limit);
        let mut passed: BTreeMap<u128, Vec<Duration>> = BTreeMap::new();
        for (who, micros, extra) in steps {
            clock.advance(Duration::from_micros(micros));
            if extra == 0 {
                limiter.sweep();
            }
            let now = clock.mono();
            let list = passed.entry(who).or_default();
            let millis = |at: &Duration| at.as_millis();
            // To the millisecond, and then one more, as `over` has it.
            let live = list.iter().filter(|at| millis(&now) - millis(at) <= 60_000).count() as u32;
            let within = list.iter().filter(|at| now - **at <= MINUTE).count() as u32;
            let expected = live < limit;
            prop_assert_eq!(limiter.peek(anonymous(who)).allowed, expected);
            let decision = limiter.check(anonymous(who));
            prop_assert_eq!(decision.allowed, expected);
            prop_assert_eq!(decision.remaining, limit - live - u32::from(expected));
            prop_assert!((1..=61).contains(&decision.reset));
            if decision.allowed {
                prop_assert!(within < limit, "never more than the limit in a span of 60 s");
                list.push(now);
            }
        }
    }

    /// Who waits as long as is told, passes.
    #[test]
    fn who_waits_passes(limit in 1u32..9, gaps in prop::collection::vec(0u64..40_000, 1..60)) {
        let (limiter, clock) = limiter(limit, limit);
        for gap in gaps {
            clock.advance(Duration::from_millis(gap));
            let decision = limiter.check(user(1));
            if !decision.allowed {
                clock.advance(Duration::from_secs(u64::from(decision.reset)));
                prop_assert!(limiter.check(user(1)).allowed);
            }
        }
    }
}

#[test]
fn the_first_answers() {
    let (limiter, clock) = limiter(3, 1000);
    let first = limiter.check(user(1));
    assert_eq!(first, Decision { allowed: true, limit: 1000, remaining: 999, reset: 60 });
    clock.advance(Duration::from_millis(18_500));
    assert_eq!(limiter.check(user(1)), Decision { allowed: true, limit: 1000, remaining: 998, reset: 42 });
    for remaining in [2, 1, 0] {
        assert_eq!(limiter.check(anonymous(1)).remaining, remaining, "the same number as an address is another key");
    }
    assert!(!limiter.check(anonymous(1)).allowed && limiter.check(anonymous(2)).allowed);
    assert!(limiter.check(Key { class: Class::ApiKey, who: 1 }).remaining == 4_999);
    assert!(limiter.check(Key { class: Class::Lookup, who: 1 }).remaining == 19);
}

#[test]
fn exactly_the_limit_passes_whoever_asks_at_once() {
    const LIMIT: u32 = 5_000;
    let limiter = LocalLimiter::new(limits(60, LIMIT), Arc::new(SystemClock::default()));
    let start = Barrier::new(8);
    let passed: u32 = std::thread::scope(|scope| {
        let ask = || {
            start.wait();
            (0..2_000).filter(|_| limiter.check(user(7)).allowed).count() as u32
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, LIMIT);
}

#[test]
fn a_million_addresses_are_small_and_go() {
    let (limiter, clock) = limiter(60, 1000);
    for who in 0..1_000_000 {
        assert!(limiter.check(anonymous(who)).allowed);
    }
    for who in 0..500_000 {
        assert!(limiter.check(anonymous(who)).allowed);
    }
    let (keys, places, logs) = limiter.held();
    assert_eq!((keys, logs), (1_000_000, 0));
    // 25 bytes each, and the eighth that a table leaves free.
    assert!(places * 25 * 8 / 7 < 36 << 20, "{places} places");
    clock.advance(MINUTE + Duration::from_millis(1));
    limiter.sweep();
    assert_eq!((limiter.held().0, limiter.anonymous.load(Ordering::Acquire)), (0, 0));
    assert!(limiter.held().1 < 1_000, "the memory is given back");
}

#[test]
fn at_the_bound_newcomers_wait_and_nobody_is_forgotten() {
    let clock = Arc::new(ManualClock::default());
    let limiter = LocalLimiter::bounded(limits(2, 1000), clock.clone(), 100);
    for who in 0..100 {
        assert!(limiter.check(anonymous(who)).allowed);
    }
    clock.advance(MINUTE / 2);
    assert!(!limiter.peek(anonymous(100)).allowed && !limiter.check(anonymous(100)).allowed);
    assert!(limiter.check(anonymous(100)).reset >= 1);
    assert!(limiter.check(user(100)).allowed, "users get in");
    assert!(limiter.check(Key { class: Class::Delivery, who: 100 }).allowed);
    for who in 0..100 {
        assert!(limiter.check(anonymous(who)).allowed, "an address that is counted goes on");
        assert!(!limiter.check(anonymous(who)).allowed, "and was not forgotten");
    }
    clock.advance(MINUTE + Duration::from_millis(1));
    let admitted = (100..200).filter(|who| limiter.check(anonymous(*who)).allowed).count();
    assert!(admitted > 50, "newcomers make room for themselves: {admitted} of 100 in");
    limiter.sweep();
    for who in 200..300 - admitted as u128 {
        assert!(limiter.check(anonymous(who)).allowed, "all the others have gone");
    }
    assert!(!limiter.check(anonymous(300)).allowed);
}

#[test]
fn logs_shrink_back_into_their_slots() {
    let (limiter, clock) = limiter(60, 1000);
    for _ in 0..500 {
        assert!(limiter.check(user(1)).allowed);
    }
    assert!(limiter.held().2 > 0);
    clock.advance(MINUTE / 2);
    limiter.check(user(1));
    limiter.check(user(1));
    clock.advance(MINUTE / 2 + Duration::from_millis(1));
    limiter.sweep();
    assert_eq!((limiter.held().0, limiter.held().2), (1, 0), "two are left, in the slot");
    assert_eq!(limiter.check(user(1)).remaining, 997);
}

#[test]
fn weeks_of_silence_and_the_end_of_the_ticks_change_nothing() {
    let (limiter, clock) = limiter(2, 2);
    let wrap = Duration::from_millis(TICKS + 1);
    clock.advance(wrap - MINUTE / 2);
    assert!(limiter.check(user(1)).allowed && limiter.check(user(1)).allowed);
    clock.advance(MINUTE / 2 + Duration::from_secs(1));
    assert!(!limiter.check(user(1)).allowed, "across the end of the ticks");
    clock.advance(MINUTE);
    assert!(limiter.check(user(1)).allowed && limiter.check(user(1)).allowed);
    clock.advance(wrap);
    assert!(limiter.check(user(1)).allowed, "the same tick again, weeks later");
}
