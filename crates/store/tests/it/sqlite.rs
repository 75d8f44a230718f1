//! What only SQLite does: the bounded queue, the slow lane's limit, other processes, a full disk.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mv_core::{ManualClock, Timestamp};
use mv_store::{Error, Store, Target, sql};

use crate::scratch::{open, options, with_file};

fn path_of(target: &Target) -> std::path::PathBuf {
    match target {
        Target::Sqlite(path) => path.clone(),
        Target::Postgres(_) => panic!("not a file"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_says_busy() {
    with_file(|target| async move {
        let store = open(&target).await;
        let gate = Arc::new(AtomicBool::new(false));
        let held = gate.clone();
        let first = store.write(move |_| {
            while !held.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok::<_, Error>(())
        });
        let rest = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let tries: Vec<_> = (0..1100)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { store.write(|_| Ok::<_, Error>(())).await })
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(200)).await;
            gate.store(true, Ordering::SeqCst);
            let mut busy = 0;
            for one in tries {
                match one.await.unwrap() {
                    Ok(()) => {}
                    Err(error) => {
                        assert!(matches!(error, Error::Busy));
                        busy += 1;
                    }
                }
            }
            busy
        };
        let (first, busy) = tokio::join!(first, rest);
        first.unwrap();
        assert_eq!(busy, 1100 - 1024);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_read_is_stopped_and_the_fast_lane_goes_on() {
    with_file(|target| async move {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1)));
        let mut options = options();
        options.clock = clock.clone();
        let store = Store::open(target, options).await.unwrap();
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let slow = store.read_slow(move |conn| conn.one::<i64>(sql(endless)));
        let meanwhile = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(store.read(|conn| conn.one::<i64>(sql("SELECT 1"))).await.unwrap(), 1);
            clock.advance(Duration::from_secs(6));
        };
        let (slow, ()) = tokio::join!(slow, meanwhile);
        assert!(matches!(slow, Err(Error::TimedOut)));
        assert_eq!(store.read_slow(|conn| conn.one::<i64>(sql("SELECT 2"))).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_of_other_processes_are_noticed() {
    with_file(|target| async move {
        let store = open(&target).await;
        store.write(|tx| tx.changed(sql("INSERT INTO owners (id, name) VALUES (1, 'a')"))).await.unwrap();
        store.ping().await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(store.foreign_changes(), 0);
        let other = rusqlite::Connection::open(path_of(&target)).unwrap();
        other.execute("INSERT INTO owners (id, name) VALUES (2, 'b')", []).unwrap();
        store.write(|tx| tx.changed(sql("INSERT INTO owners (id, name) VALUES (3, 'c')"))).await.unwrap();
        assert_eq!(store.foreign_changes(), 1);
        other.execute("INSERT INTO owners (id, name) VALUES (4, 'd')", []).unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(store.foreign_changes(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_survived() {
    with_file(|target| async move {
        let store = open(&target).await;
        let limit = |text: &'static str| store.write(move |tx| tx.one::<i64>(sql(text)));
        let pages = limit("PRAGMA page_count").await.unwrap();
        // SQLite reports a file that may not grow in the same way as a disk that is full.
        assert!(pages < 40);
        limit("PRAGMA max_page_count = 40").await.unwrap();
        let blob = |id: i64, size: usize| {
            store.write(move |tx| {
                tx.changed(sql("INSERT INTO kinds (id, content) VALUES ($1, $2)").bind(id).bind(vec![1u8; size]))
            })
        };
        blob(1, 1000).await.unwrap();
        assert!(matches!(blob(2, 1_000_000).await, Err(Error::Full)));
        blob(3, 1000).await.unwrap();
        let ids = store.read(|conn| conn.all::<i64>(sql("SELECT id FROM kinds ORDER BY id"))).await.unwrap();
        assert_eq!(ids, [1, 3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_is_the_owners_alone_and_the_log_is_folded_in_by_close() {
    with_file(|target| async move {
        let path = path_of(&target);
        let store = open(&target).await;
        store
            .write(|tx| tx.changed(sql("INSERT INTO kinds (id, content) VALUES (1, $1)").bind(vec![7u8; 100_000])))
            .await
            .unwrap();
        for name in ["vault.db", "vault.db-wal"] {
            let mode = std::fs::metadata(path.with_file_name(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        store.close().await;
        let log = std::fs::metadata(path.with_file_name("vault.db-wal")).map_or(0, |log| log.len());
        assert_eq!(log, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_does_not_grow_for_ever() {
    with_file(|target| async move {
        let store = open(&target).await;
        for id in 0..80i64 {
            store
                .write(move |tx| {
                    tx.changed(
                        sql("INSERT INTO kinds (id, content) VALUES ($1, $2)").bind(id).bind(vec![7u8; 1_000_000]),
                    )
                })
                .await
                .unwrap();
        }
        let log = std::fs::metadata(path_of(&target).with_file_name("vault.db-wal")).unwrap().len();
        assert!(log < 24 << 20, "{log} bytes");
        store.close().await;
    })
    .await;
}
