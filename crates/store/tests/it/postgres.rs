//! What only PostgreSQL does: retries, lost connections, time limits, refusal of unsafe servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mv_core::{ManualClock, Timestamp};
use mv_store::{Error, OpenError, Result, Store, Target, Tx, sql};

use crate::scratch::{client, open, options, with_database};

fn insert(tx: &Tx, id: i64) -> Result<u64> {
    tx.changed(sql("INSERT INTO owners (id, name) VALUES ($1, $2)").bind(id).bind(format!("owner {id}")))
}

fn counter() -> (Arc<AtomicU32>, Arc<AtomicU32>) {
    let counter = Arc::new(AtomicU32::new(0));
    (counter.clone(), counter)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serialization_failures_are_tried_again_even_if_the_closure_hides_them() {
    /// An error of the application that tells nothing of its cause.
    #[derive(Debug)]
    struct Opaque;
    impl From<Error> for Opaque {
        fn from(_: Error) -> Self {
            Self
        }
    }
    with_database(|target| async move {
        let store = open(&target).await;
        for (fails, is_good) in [(1, true), (3, true), (4, false)] {
            let (counted, attempts) = counter();
            let result = store
                .write(move |tx| {
                    let attempt = counted.fetch_add(1, Ordering::SeqCst);
                    insert(tx, i64::from(fails))?;
                    if attempt < fails {
                        tx.one::<i64>(sql("SELECT fail_with($1)").bind("40001")).map_err(|_| Opaque)?;
                    }
                    Ok::<_, Opaque>(())
                })
                .await;
            assert_eq!(result.is_ok(), is_good, "{fails} failures");
            assert_eq!(attempts.load(Ordering::SeqCst), 4.min(fails + 1));
        }
        let stored = store.read(|conn| conn.all::<i64>(sql("SELECT id FROM owners ORDER BY id"))).await.unwrap();
        assert_eq!(stored, [1, 3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocks_are_resolved() {
    with_database(|target| async move {
        let store = open(&target).await;
        store.write(|tx| insert(tx, 1).and_then(|_| insert(tx, 2))).await.unwrap();
        let (counted, attempts) = counter();
        let crossing = |first: i64, second: i64| {
            let counted = counted.clone();
            store.write(move |tx| {
                let text = "UPDATE owners SET name = name || 'x' WHERE id = $1";
                tx.changed(sql(text).bind(first))?;
                counted.fetch_add(1, Ordering::SeqCst);
                // Both hold their first row before either asks for its second.
                while counted.load(Ordering::SeqCst) < 2 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                tx.changed(sql(text).bind(second))
            })
        };
        let (one, other) = tokio::join!(crossing(1, 2), crossing(2, 1));
        one.unwrap();
        other.unwrap();
        assert!(attempts.load(Ordering::SeqCst) >= 3);
        let names = store.read(|conn| conn.all::<String>(sql("SELECT name FROM owners ORDER BY id"))).await.unwrap();
        assert_eq!(names, ["owner 1xx", "owner 2xx"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_are_replaced() {
    with_database(|target| async move {
        let Target::Postgres(url) = target.clone() else { panic!("not a server") };
        let store = open(&target).await;
        let admin = client(&url).await;
        for round in 0..5 {
            store.write(move |tx| insert(tx, round)).await.unwrap();
            let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()";
            admin.query(kill, &[]).await.unwrap();
            let count = store.read(|conn| conn.one::<i64>(sql("SELECT count(*) FROM owners"))).await.unwrap();
            assert_eq!(count, round + 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_whose_connection_dies_before_commit_runs_once_more() {
    with_database(|target| async move {
        let store = open(&target).await;
        let die = "SELECT pg_terminate_backend(pg_backend_pid())";
        let (counted, attempts) = counter();
        store
            .write(move |tx| {
                insert(tx, 1)?;
                if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                    tx.one::<bool>(sql(die))?;
                }
                Ok::<_, Error>(())
            })
            .await
            .unwrap();
        assert_eq!(attempts.load(Ordering::SeqCst), 2);
        let always: Result<bool> = store.read(move |conn| conn.one(sql(die))).await;
        assert!(matches!(always, Err(Error::Unavailable)));
        assert_eq!(store.read(|conn| conn.one::<i64>(sql("SELECT count(*) FROM owners"))).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_dies_in_commit_is_no_success_and_no_second_try() {
    with_database(|target| async move {
        let store = open(&target).await;
        let (counted, attempts) = counter();
        let unknown = store
            .write(move |tx| {
                counted.fetch_add(1, Ordering::SeqCst);
                tx.changed(sql("INSERT INTO deadly (id) VALUES (1)"))
            })
            .await;
        assert!(matches!(unknown, Err(Error::Unavailable)));
        assert_eq!(attempts.load(Ordering::SeqCst), 1);
        store.ping().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_take_too_long_are_stopped() {
    with_database(|target| async move {
        let store = open(&target).await;
        let stopped: Result<()> = store
            .read(|conn| {
                conn.one::<String>(sql("SELECT set_config('statement_timeout', '100', false)"))?;
                conn.optional::<i32>(sql("SELECT 1 FROM pg_sleep(5)")).map(drop)
            })
            .await;
        assert!(matches!(stopped, Err(Error::TimedOut)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closures_past_their_deadline_are_given_up_and_leave_nothing() {
    with_database(|target| async move {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1)));
        let mut options = options();
        options.clock = clock.clone();
        let store = Store::open(target, options).await.unwrap();
        let late = store
            .write(move |tx| {
                insert(tx, 1)?;
                clock.advance(Duration::from_secs(11));
                insert(tx, 2)
            })
            .await;
        assert!(matches!(late, Err(Error::Unavailable)));
        assert_eq!(store.read(|conn| conn.one::<i64>(sql("SELECT count(*) FROM owners"))).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_may_lose_data_is_refused() {
    with_database(|target| async move {
        let Target::Postgres(url) = target.clone() else { panic!("not a server") };
        let fsync: String = client(&url).await.query_one("SHOW fsync", &[]).await.unwrap().get(0);
        let mut options = options();
        options.allow_unsafe_postgres = false;
        let refused = Store::open(target, options).await.err();
        assert_eq!(matches!(refused, Some(OpenError::Server(_))), fsync == "off", "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_or_a_bad_url_is_told_apart() {
    let open = |url: &str| Store::open(Target::Postgres(url.to_owned()), options());
    assert!(matches!(open("postgres://nobody@127.0.0.1:1/x").await.err(), Some(OpenError::Unreachable(_))));
    assert!(matches!(open("postgres://nobody@127.0.0.1:x/x").await.err(), Some(OpenError::Address(_))));
}
