//! Closures that share a commit do not share their fate: exactly the good ones are stored.

use mv_store::{Error, Store, Target, Tx, sql};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::scratch::{on_both, open};

/// How a closure behaves after it wrote its rows.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Good,
    Fails,
    Panics,
    Conflicts,
    /// Breaks a constraint that is looked at only by COMMIT.
    BreaksAtCommit,
    GoesOn,
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Good),
        1 => Just(Fate::Fails),
        1 => Just(Fate::Panics),
        1 => Just(Fate::Conflicts),
        1 => Just(Fate::BreaksAtCommit),
        1 => Just(Fate::GoesOn),
    ]
}

fn act(tx: &Tx, round: i64, number: i64, fate: Fate) -> Result<i64, Error> {
    let id = round * 1000 + number;
    tx.changed(sql("INSERT INTO owners (id, name) VALUES ($1, $2)").bind(id).bind(format!("{id}")))?;
    tx.changed(sql("INSERT INTO notes (id, owner_id, title) VALUES ($1, $1, $2)").bind(id).bind(format!("{id}")))?;
    let again = sql("INSERT INTO owners (id, name) VALUES ($1, 'again')").bind(id);
    match fate {
        Fate::Good => {}
        Fate::Fails => return Err(Error::Busy),
        Fate::Panics => panic!("on purpose"),
        Fate::Conflicts => drop(tx.changed(again)?),
        Fate::BreaksAtCommit => drop(tx.changed(sql("UPDATE notes SET late_owner_id = -1 WHERE id = $1").bind(id))?),
        Fate::GoesOn => drop(tx.changed(again)),
    }
    Ok(id)
}

/// Runs all at once; each reads its rows back as soon as it is answered.
async fn round(store: &Store, round: i64, fates: Vec<Fate>) -> Result<(), TestCaseError> {
    let mut running = Vec::new();
    for (number, fate) in (1i64..).zip(fates.iter().copied()) {
        let store = store.clone();
        running.push(tokio::spawn(async move {
            let result = store.write(move |tx| act(tx, round, number, fate)).await;
            if let Ok(id) = &result {
                let id = *id;
                let seen: i64 = store
                    .read(move |conn| conn.one(sql("SELECT count(*) FROM notes WHERE id = $1").bind(id)))
                    .await
                    .unwrap();
                assert_eq!(seen, 1, "answered before it was stored");
            }
            result
        }));
    }
    let mut good = Vec::new();
    for (fate, task) in fates.iter().zip(running) {
        match (fate, task.await.unwrap()) {
            (Fate::Good, Ok(id)) => good.push(id),
            (Fate::Fails, Err(Error::Busy))
            | (Fate::Panics, Err(Error::Panicked))
            | (Fate::Conflicts, Err(Error::Conflict(_)))
            | (Fate::BreaksAtCommit, Err(Error::ForeignKey))
            | (Fate::GoesOn, Err(Error::Broken(_))) => {}
            (fate, result) => prop_assert!(false, "{fate:?} was answered {result:?}"),
        }
    }
    let stored: Vec<i64> = store
        .read(move |conn| {
            conn.all(
                sql("SELECT o.id FROM owners o JOIN notes n ON n.owner_id = o.id WHERE o.id / 1000 = $1 ORDER BY o.id")
                    .bind(round),
            )
        })
        .await
        .unwrap();
    prop_assert_eq!(stored, good);
    Ok(())
}

on_both!(exactly_the_good_ones_are_stored, |target: Target| async move {
    let store = open(&target).await;
    let runtime = tokio::runtime::Handle::current();
    let checked = tokio::task::spawn_blocking(move || {
        let next = std::cell::Cell::new(1);
        let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
        let done = runner.run(&prop::collection::vec(any_fate(), 1..60), |fates| {
            let number = next.replace(next.get() + 1);
            runtime.block_on(round(&store, number, fates))
        });
        done.map_err(|failure| failure.to_string())
    });
    checked.await.unwrap().unwrap();
});
