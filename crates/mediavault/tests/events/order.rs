//! Writers that commit in another order than they began, and readers that leave and come back all the time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mv_app::jobs::schedule::Work;
use mv_core::event::{CollectionRef, Event, Happened};
use mv_core::{CollectionId, EventId, SystemClock, UserId};
use mv_store::{Error, Store, Tx, events};
use mv_testkit::{Options, Server, on_both};
use uuid::Uuid;

const WRITERS: u64 = 8;
const EVENTS_EACH: u64 = 60;

/// A small generator of numbers, so that a failing run can be told from its seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One transaction that records an event and sleeps before it commits; every eighth one is given up.
async fn write(store: &Store, owner: UserId, id: EventId, sleep: Duration, keep: bool) -> bool {
    let happened = CollectionRef { id: CollectionId::from_uuid(id.uuid()), user_id: owner };
    let event = Event { id, at: id.minted_at(), what: Happened::CollectionUpdated(happened) };
    let written = store
        .write(move |tx: &Tx| {
            events::append(tx, &event)?;
            std::thread::sleep(sleep);
            if keep { Ok(()) } else { Err(Error::Busy) }
        })
        .await;
    written.is_ok()
}

/// Runs the writers; gives the ids of what was committed.
pub(crate) async fn writers(server: &Server, owner: UserId) -> HashSet<EventId> {
    let mint =
        Arc::new(mv_core::Mint::new(Arc::new(SystemClock::default()), Arc::new(mv_core::entropy::SystemEntropy)));
    let tasks = (0..WRITERS).map(|writer| {
        let (store, mint) = (server.store().clone(), Arc::clone(&mint));
        tokio::spawn(async move {
            let (mut random, mut kept) = (Random(writer + 1), Vec::new());
            for _ in 0..EVENTS_EACH {
                let (id, keep) = (mint.id(), random.below(8) > 0);
                if write(&store, owner, id, Duration::from_millis(random.below(12)), keep).await {
                    kept.push(id);
                }
            }
            kept
        })
    });
    let mut all = HashSet::new();
    for task in tasks.collect::<Vec<_>>() {
        all.extend(task.await.unwrap());
    }
    all
}

/// Reads a few events, leaves, and comes back behind the last one, by its id or by a cursor, until told that no more come.
async fn reader(server: Server, owner: UserId, seed: u64, over: Arc<AtomicBool>) -> Vec<EventId> {
    let app = server.app().clone();
    let (mut random, mut seen, mut position) = (Random(seed), Vec::<EventId>::new(), 0);
    loop {
        let was_over = over.load(Ordering::Acquire);
        let since = match seen.last() {
            Some(last) if random.below(2) == 0 => app.position_since(owner, &last.to_string()).await.unwrap(),
            _ => {
                let cursor = app.position_cursor(owner, position).unwrap();
                app.position_since(owner, &cursor).await.unwrap()
            }
        };
        let mut follower = app.follow(owner, Some(since)).await.unwrap();
        for _ in 0..=random.below(4) {
            let Ok(next) = tokio::time::timeout(Duration::from_millis(300), follower.next(&app)).await else {
                if was_over {
                    return seen;
                }
                break;
            };
            seen.extend(next.unwrap().iter().map(|live| live.event.id));
            position = follower.position();
        }
    }
}

on_both!(nothing_is_missing_and_nothing_comes_twice, |server| async move {
    let owner = UserId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00aa));
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> =
        (1..=3).map(|seed| tokio::spawn(reader(server.clone(), owner, seed, Arc::clone(&over)))).collect();
    let committed = writers(&server, owner).await;
    over.store(true, Ordering::Release);
    assert!(committed.len() as u64 > WRITERS * EVENTS_EACH / 2, "most were kept");
    let mut orders = Vec::new();
    for task in readers {
        let seen = task.await.unwrap();
        let distinct: HashSet<_> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "nothing twice");
        assert_eq!(distinct, committed, "all that was committed, and nothing else");
        orders.push(seen);
    }
    assert!(orders.windows(2).all(|pair| pair[0] == pair[1]), "everybody sees the same order");
});

on_both!(what_was_removed_for_its_age_is_told, |server| async move {
    let owner = UserId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00bb));
    let committed = writers(&server, owner).await;
    let app = server.app();
    let all = app.events_after(owner, 0, 1000).await.unwrap();
    assert_eq!(all.len(), committed.len());
    let (oldest, middle) = (app.now(), all[all.len() / 2].position);
    let removed = server
        .store()
        .write(move |tx: &Tx| events::prune(tx, oldest.plus(Duration::from_secs(86_400)), middle, 1000))
        .await;
    assert!(removed.unwrap() > 0);
    let since = |position| app.position_cursor(owner, position).unwrap();
    assert_eq!(app.position_since(owner, &since(middle)).await.unwrap(), middle);
    for lost in [since(middle - 1), since(0), all[0].id.to_string()] {
        assert!(app.position_since(owner, &lost).await.unwrap_err().is(mv_core::Code::Gone), "{lost}");
    }
    assert!(app.position_since(owner, "nonsense").await.unwrap_err().is(mv_core::Code::ValidationError));
    let other = UserId::from_uuid(Uuid::from_u128(7));
    assert!(app.position_since(other, &since(middle)).await.unwrap_err().is(mv_core::Code::ValidationError));
    // Removing everything leaves the newest, so that numbers never begin anew.
    server
        .store()
        .write(move |tx: &Tx| events::prune(tx, oldest.plus(Duration::from_secs(86_400)), i64::MAX, 10_000))
        .await
        .unwrap();
    let last = app.events_after(owner, middle, 1000).await.unwrap();
    assert_eq!(last.iter().map(|event| event.position).collect::<Vec<_>>(), [all.last().unwrap().position]);
});

on_both!(old_events_go_by_the_setting, Options::with("events.retention_days", 7), |server| async move {
    let owner = UserId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00cc));
    let committed = writers(&server, owner).await;
    let kept = |days: u64| {
        let server = server.clone();
        async move {
            server.clock().advance(Duration::from_secs(days * 86_400));
            server.app().run_scheduled(Work::Expired).await.unwrap();
            server.app().events_after(owner, 0, 1000).await.unwrap().len()
        }
    };
    assert_eq!(kept(6).await, committed.len());
    // The dispatcher has handed all of it on long ago; the newest one stays, since numbers go on from it.
    assert_eq!(kept(2).await, 1);
});
