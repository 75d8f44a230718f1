//! What a closure may rely on, alike on both databases.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mv_store::{Error, Result, Store, Target, Tx, sql};

use crate::scratch::{on_both, open};

fn insert(tx: &Tx, id: i64) -> Result<u64> {
    tx.changed(sql("INSERT INTO owners (id, name) VALUES ($1, $2)").bind(id).bind(format!("owner {id}")))
}

async fn count(store: &Store) -> i64 {
    store.read(|conn| conn.one::<i64>(sql("SELECT count(*) FROM owners"))).await.unwrap()
}

on_both!(readers_see_what_was_answered, |target: Target| async move {
    let store = open(&target).await;
    for id in 1..=50 {
        store.write(move |tx| insert(tx, id)).await.unwrap();
        assert_eq!(count(&store).await, id);
    }
});

on_both!(conflicts_carry_the_same_names, |target: Target| async move {
    let store = open(&target).await;
    let run = |text: &'static str| store.write(move |tx| tx.changed(sql(text)));
    run("INSERT INTO owners (id, name) VALUES (1, 'a')").await.unwrap();
    run("INSERT INTO notes (id, folder, title) VALUES (1, 'f', 't'), (3, 'loud', 't')").await.unwrap();
    let conflict = |result: Result<u64>| match result {
        Err(Error::Conflict(name)) => name,
        other => panic!("no conflict: {other:?}"),
    };
    assert_eq!(conflict(run("INSERT INTO owners (id, name) VALUES (1, 'b')").await), "owners_pkey");
    let by_name = run("INSERT INTO owners (id, name) VALUES (2, 'a')").await;
    assert!(by_name.as_ref().is_err_and(|error| error.conflict_on("name") && !error.conflict_on("id")));
    assert_eq!(conflict(by_name), "owners_name_key");
    assert_eq!(
        conflict(run("INSERT INTO notes (id, folder, title) VALUES (2, 'f', 't')").await),
        "notes_folder_title_key"
    );
    assert_eq!(conflict(run("INSERT INTO notes (id, folder, title) VALUES (4, 'loud', 'T')").await), "notes_loud_key");
    let check = run("INSERT INTO notes (id, stars) VALUES (4, 6)").await;
    assert!(matches!(check, Err(Error::Check(name)) if name == "stars_in_range"));
    assert!(matches!(run("INSERT INTO notes (id, owner_id) VALUES (5, 9)").await, Err(Error::ForeignKey)));
    assert!(matches!(run("INSERT INTO notes (id, late_owner_id) VALUES (6, 9)").await, Err(Error::ForeignKey)));
    assert!(matches!(run("INSERT INTO nowhere (id) VALUES (1)").await, Err(Error::Broken(_))));
    assert_eq!(count(&store).await, 1);
});

on_both!(going_on_after_a_failed_statement_is_refused, |target: Target| async move {
    let store = open(&target).await;
    store.write(|tx| insert(tx, 1)).await.unwrap();
    let went_on = store
        .write(|tx| {
            insert(tx, 2)?;
            let _ = insert(tx, 1);
            Ok::<_, Error>(())
        })
        .await;
    assert!(matches!(went_on, Err(Error::Broken(_))));
    let tried_more = store
        .write(|tx| {
            let _ = insert(tx, 1);
            insert(tx, 3)
        })
        .await;
    assert!(matches!(tried_more, Err(Error::Broken(_))));
    assert_eq!(count(&store).await, 1);
    store.write(|tx| insert(tx, 2)).await.unwrap();
});

on_both!(a_panic_undoes_its_closure_alone, |target: Target| async move {
    let store = open(&target).await;
    let panicked = store
        .write(|tx| {
            insert(tx, 1)?;
            if true {
                panic!("on purpose");
            }
            Ok::<_, Error>(())
        })
        .await;
    assert!(matches!(panicked, Err(Error::Panicked)));
    let panicked: Result<()> = store.read(|_| panic!("on purpose")).await;
    assert!(matches!(panicked, Err(Error::Panicked)));
    assert_eq!(count(&store).await, 0);
});

on_both!(reading_closures_cannot_write, |target: Target| async move {
    let store = open(&target).await;
    let text = "INSERT INTO owners (id, name) VALUES (1, 'a') RETURNING id";
    assert!(store.read(move |conn| conn.one::<i64>(sql(text))).await.is_err());
    assert!(store.read_slow(move |conn| conn.one::<i64>(sql(text))).await.is_err());
    assert_eq!(count(&store).await, 0);
});

on_both!(many_rows_come_one_by_one, |target: Target| async move {
    let store = open(&target).await;
    store
        .write(|tx| {
            tx.changed(sql(
                "INSERT INTO kinds (id) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2048)
                            SELECT i FROM n",
            ))
        })
        .await
        .unwrap();
    let seen = store
        .read_slow(|conn| {
            let mut seen = Vec::new();
            conn.for_each(sql("SELECT id FROM kinds ORDER BY id"), |id: i64| {
                seen.push(id);
                Ok::<_, Error>(())
            })?;
            Ok::<_, Error>(seen)
        })
        .await
        .unwrap();
    assert_eq!(seen, (1..=2048).collect::<Vec<i64>>());

    let stopped = store
        .read(|conn| {
            let mut left = 3;
            let stopped = conn.for_each(sql("SELECT id FROM kinds"), |_: i64| {
                left -= 1;
                if left == 0 { Err(Error::Busy) } else { Ok(()) }
            });
            assert_eq!(left, 0);
            assert_eq!(conn.one::<i64>(sql("SELECT count(*) FROM kinds"))?, 2048);
            stopped
        })
        .await;
    assert!(matches!(stopped, Err(Error::Busy)));

    let nested = store
        .read(|conn| {
            conn.for_each(sql("SELECT id FROM kinds"), |_: i64| {
                conn.one::<i64>(sql("SELECT count(*) FROM kinds")).map(drop)
            })
        })
        .await;
    assert!(matches!(nested, Err(Error::Broken(_))));
});

on_both!(closing_finishes_what_waits, |target: Target| async move {
    let store = open(&target).await;
    let waiting: Vec<_> = (1..=200)
        .map(|id| {
            let store = store.clone();
            tokio::spawn(async move { store.write(move |tx| insert(tx, id)).await })
        })
        .collect();
    while count(&store).await == 0 {
        tokio::task::yield_now().await;
    }
    let clone = store.clone();
    store.close().await;
    let mut stored = 0;
    for write in waiting {
        match write.await.unwrap() {
            Ok(_) => stored += 1,
            // Those that had not been queued before the door closed.
            Err(error) => assert!(matches!(error, Error::Unavailable)),
        }
    }
    assert!(matches!(clone.write(|tx| insert(tx, 1000)).await, Err(Error::Unavailable)));
    assert!(matches!(clone.ping().await, Err(Error::Unavailable)));
    let again = open(&target).await;
    again.ping().await.unwrap();
    assert_eq!(count(&again).await, stored);
    again.close().await;
});

on_both!(a_closure_nobody_waits_for_is_not_begun, |target: Target| async move {
    let store = open(&target).await;
    let (begun, hold) = (Arc::new(AtomicU32::new(0)), std::time::Duration::from_millis(300));
    let mut busy: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(move |_| {
                        std::thread::sleep(hold);
                        Ok::<_, Error>(())
                    })
                    .await
            })
        })
        .collect();
    tokio::time::sleep(hold / 6).await;
    let (counter, other) = (begun.clone(), store.clone());
    let abandoned = tokio::spawn(async move {
        other
            .write(move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Error>(())
            })
            .await
    });
    tokio::time::sleep(hold / 6).await;
    abandoned.abort();
    for write in busy.drain(..) {
        write.await.unwrap().unwrap();
    }
    store.ping().await.unwrap();
    assert_eq!(begun.load(Ordering::SeqCst), 0);
});
