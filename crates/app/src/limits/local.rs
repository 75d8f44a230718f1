//! The count of one process: the time of every request that passed in the last 60 seconds, by key.
//! Memory: a key is known by a keyed fingerprint of 128 bits and takes 25 bytes while it has one or two requests; more
//! of them lie in a ring that grows with use. A key goes 60 seconds after its last request. Keys that anybody can make
//! are at most `KEYS`: beyond, new ones are refused, and nothing that is counted is ever dropped before its time.
//! Time is read under the lock of the key's shard, so that what is written there never goes back.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mv_core::Clock;

use super::{Decision, Key, Limits, WINDOW_MILLIS, WINDOW_SECONDS};

/// How many keys of addresses there may be.
const KEYS: usize = 1 << 20;
/// Shards, each with a lock and a table. Tables hold 7/8 of a power of two: with 80 of them `KEYS` keys fill tables of
/// 2^14 to four fifths, where 64 would just overflow into tables of twice the size.
const SHARDS: u128 = 80;
/// At the bound a shard is swept at most so often, in milliseconds.
const SWEEP_PAUSE: u64 = 1_000;
/// Times are kept in 31 bits of milliseconds; only such below `WINDOW_MILLIS` of age are ever compared.
const TICKS: u64 = (1 << 31) - 1;
/// Marks in a slot: larger than any tick.
const NONE: u32 = u32::MAX;
/// What a newcomer at the bound is told to wait, in seconds: by then every key of now has gone or was used again.
const BOUND_WAIT: u32 = WINDOW_SECONDS;

/// Counts requests by key.
pub struct LocalLimiter {
    limits: Limits,
    clock: Arc<dyn Clock>,
    hashers: [RandomState; 2],
    shards: Vec<Mutex<Shard>>,
    anonymous: AtomicUsize,
    bound: usize,
}

/// What stands for a key. Its two halves choose shard and place; the lowest bit of the second tells an address.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint(u64, u64);

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

impl Fingerprint {
    fn is_anonymous(self) -> bool {
        self.1 & 1 == 1
    }
}

/// Fingerprints are random already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[derive(Default)]
struct Shard {
    slots: HashMap<Fingerprint, Slot, BuildHasherDefault<AsItIs>>,
    logs: Logs,
    /// When it was last swept, in milliseconds.
    swept: u64,
}

/// One or two times, or where the log with more of them lies. Eight bytes, so that a million of them are small.
#[derive(Clone, Copy)]
struct Slot {
    /// A tick, or `NONE`: then `second` is the log's place.
    first: u32,
    /// A tick, or `NONE`.
    second: u32,
}

/// Logs of the keys with three requests or more.
#[derive(Default)]
struct Logs {
    rings: Vec<VecDeque<u32>>,
    free: Vec<u32>,
}

impl Logs {
    fn add(&mut self, times: [u32; 3]) -> u32 {
        let ring = VecDeque::from(times);
        match self.free.pop() {
            Some(place) => {
                if let Some(free) = self.rings.get_mut(place as usize) {
                    *free = ring;
                }
                place
            }
            None => {
                self.rings.push(ring);
                // A shard never has as many keys as 32 bits can count.
                u32::try_from(self.rings.len() - 1).unwrap_or(NONE)
            }
        }
    }

    fn remove(&mut self, place: u32) {
        if let Some(ring) = self.rings.get_mut(place as usize) {
            *ring = VecDeque::new();
            self.free.push(place);
        }
        if self.free.len() == self.rings.len() {
            *self = Self::default();
        }
    }
}

/// Milliseconds since the tick. Right for all ticks of the last 24 days.
fn age(now: u32, tick: u32) -> u64 {
    u64::from(now.wrapping_sub(tick)) & TICKS
}

/// Whether a request of then is out of every span of 60 seconds that ends now. Both are cut to milliseconds, so that
/// more than 60 000 between them are needed.
fn over(now: u32, tick: u32) -> bool {
    age(now, tick) > WINDOW_MILLIS
}

/// How many requests count, and the oldest of them.
struct Counted {
    count: u32,
    oldest: u32,
}

impl Slot {
    const EMPTY: Self = Self { first: NONE, second: NONE };

    fn log(self) -> Option<u32> {
        (self.first == NONE && self.second != NONE).then_some(self.second)
    }

    /// Lets go of what is over, and tells what is left.
    fn prune(&mut self, logs: &mut Logs, now: u32) -> Counted {
        if let Some(ring) = self.log().and_then(|place| logs.rings.get_mut(place as usize)) {
            while ring.front().is_some_and(|tick| over(now, *tick)) {
                ring.pop_front();
            }
            let count = u32::try_from(ring.len()).unwrap_or(u32::MAX);
            return Counted { count, oldest: ring.front().copied().unwrap_or(now) };
        }
        if self.first != NONE && over(now, self.first) {
            *self = Self { first: self.second, second: NONE };
        }
        if self.first != NONE && over(now, self.first) {
            *self = Self::EMPTY;
        }
        let count = u32::from(self.first != NONE) + u32::from(self.second != NONE);
        Counted { count, oldest: if count == 0 { now } else { self.first } }
    }

    /// Writes one more time.
    fn push(&mut self, logs: &mut Logs, now: u32) {
        match (self.log(), *self) {
            (Some(place), _) => {
                if let Some(ring) = logs.rings.get_mut(place as usize) {
                    ring.push_back(now);
                }
            }
            (None, Self { first: NONE, .. }) => self.first = now,
            (None, Self { second: NONE, .. }) => self.second = now,
            (None, Self { first, second }) => {
                let place = logs.add([first, second, now]);
                *self = Self { first: NONE, second: place };
            }
        }
    }

    /// Puts what is left of a log back into the slot where it fits, else takes no more room than it needs. Returns
    /// whether anything is left.
    fn settle(&mut self, logs: &mut Logs, now: u32) -> bool {
        let counted = self.prune(logs, now);
        if let Some(place) = self.log() {
            let ring = logs.rings.get_mut(place as usize);
            let ring = ring.map(|ring| {
                ring.shrink_to(ring.len().saturating_mul(2));
                (ring.front().copied(), ring.back().copied())
            });
            if counted.count <= 2 {
                let (front, back) = ring.unwrap_or_default();
                let second = if counted.count == 2 { back } else { None };
                *self = Self { first: front.unwrap_or(NONE), second: second.unwrap_or(NONE) };
                logs.remove(place);
            }
        }
        counted.count > 0
    }
}

impl LocalLimiter {
    /// An empty count by this clock.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self::bounded(limits, clock, KEYS)
    }

    fn bounded(limits: Limits, clock: Arc<dyn Clock>, bound: usize) -> Self {
        let hashers = [RandomState::new(), RandomState::new()];
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { limits, clock, hashers, shards, anonymous: AtomicUsize::new(0), bound }
    }

    /// Decides of a request, and counts it if it passes.
    pub fn check(&self, key: Key) -> Decision {
        self.decide(key, true)
    }

    /// What `check` would say, without counting.
    pub fn peek(&self, key: Key) -> Decision {
        self.decide(key, false)
    }

    fn decide(&self, key: Key, counts: bool) -> Decision {
        let limit = self.limits.of(key.class);
        let fingerprint = self.fingerprint(key);
        let Some(mut shard) = self.shard(fingerprint) else {
            return Decision { allowed: false, limit, remaining: 0, reset: BOUND_WAIT };
        };
        let now = millis(self.clock.as_ref());
        if now.saturating_sub(shard.swept) > WINDOW_MILLIS {
            self.sweep_shard(&mut shard, now);
        }
        let tick = tick(now);
        if let Shard { slots, logs, .. } = &mut *shard
            && let Some(slot) = slots.get_mut(&fingerprint)
        {
            let Counted { count, oldest } = slot.prune(logs, tick);
            let allowed = count < limit;
            let counted = allowed && counts;
            if counted {
                slot.push(logs, tick);
            }
            return told(allowed, limit, count + u32::from(counted), age(tick, oldest));
        }
        let allowed = limit > 0 && (!key.class.is_anonymous() || self.room(&mut shard, now, counts));
        if !allowed {
            return Decision { allowed, limit, remaining: 0, reset: BOUND_WAIT };
        }
        if counts {
            shard.slots.insert(fingerprint, Slot { first: tick, second: NONE });
        }
        told(allowed, limit, u32::from(counts), 0)
    }

    /// Whether one more address may be counted; at the bound what has gone in this shard makes room. Takes the place.
    fn room(&self, shard: &mut Shard, now: u64, takes: bool) -> bool {
        let enter = || {
            if takes {
                let taken = self
                    .anonymous
                    .fetch_update(Ordering::AcqRel, Ordering::Acquire, |held| (held < self.bound).then_some(held + 1));
                taken.is_ok()
            } else {
                self.anonymous.load(Ordering::Acquire) < self.bound
            }
        };
        if enter() {
            return true;
        }
        if now.saturating_sub(shard.swept) < SWEEP_PAUSE {
            return false;
        }
        self.sweep_shard(shard, now);
        enter()
    }

    /// Forgets keys whose last request is over, in every shard, one after the other.
    pub(crate) fn sweep(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let now = millis(self.clock.as_ref());
            self.sweep_shard(&mut shard, now);
        }
    }

    fn sweep_shard(&self, shard: &mut Shard, now: u64) {
        let Shard { slots, logs, swept } = shard;
        let mut gone = 0;
        // No check comes later than a window after a sweep without sweeping itself; so after two all is over, and ticks
        // too old to be compared are never looked at.
        let all = now.saturating_sub(*swept) > 2 * WINDOW_MILLIS;
        let tick = tick(now);
        slots.retain(|key, slot| {
            let stays = !all && slot.settle(logs, tick);
            gone += usize::from(!stays && key.is_anonymous());
            stays
        });
        if slots.is_empty() {
            *logs = Logs::default();
        }
        if slots.capacity() / 4 > slots.len() {
            slots.shrink_to(slots.len() * 2);
        }
        *swept = now;
        self.anonymous.fetch_sub(gone, Ordering::AcqRel);
    }

    fn fingerprint(&self, key: Key) -> Fingerprint {
        let half = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            hasher.write_u8(key.class as u8);
            hasher.write_u128(key.who);
            hasher.finish()
        };
        let [first, second] = &self.hashers;
        Fingerprint(half(first), half(second) & !1 | u64::from(key.class.is_anonymous()))
    }

    /// The shard of a key; there is always one, since the product is below `SHARDS` by its arithmetic.
    fn shard(&self, key: Fingerprint) -> Option<MutexGuard<'_, Shard>> {
        let place = usize::try_from((u128::from(key.1) * SHARDS) >> 64).ok()?;
        Some(self.shards.get(place)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn millis(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.mono().as_millis()).unwrap_or(u64::MAX)
}

fn tick(now: u64) -> u32 {
    (now & TICKS) as u32
}

/// What is told where `count` requests are counted, the oldest of them so many milliseconds ago.
fn told(allowed: bool, limit: u32, count: u32, oldest: u64) -> Decision {
    let left = (WINDOW_MILLIS + 1).saturating_sub(oldest).div_ceil(1000);
    let reset = u32::try_from(left).unwrap_or(WINDOW_SECONDS).max(1);
    // Who is refused must not come back too early; all others are told no more than the window.
    let reset = if allowed { reset.min(WINDOW_SECONDS) } else { reset };
    Decision { allowed, limit, remaining: limit.saturating_sub(count), reset }
}

#[cfg(test)]
mod tests;
