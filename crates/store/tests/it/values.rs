//! Values survive the way in and out, on both databases, in every type and as NULL.

use mv_core::{Timestamp, UserId};
use mv_store::{Error, Store, Target, row, sql};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use crate::scratch::{on_both, open};

#[derive(Debug, Clone, PartialEq)]
struct Kinds {
    flag: Option<bool>,
    small: Option<i16>,
    medium: Option<i32>,
    large: Option<i64>,
    ratio: Option<f64>,
    label: Option<String>,
    content: Option<Vec<u8>>,
    ident: Option<Uuid>,
}

row!(Kinds { flag, small, medium, large, ratio, label, content, ident });

fn any_kinds() -> impl Strategy<Value = Kinds> {
    let ratio = prop_oneof![any::<i32>().prop_map(f64::from), prop::num::f64::NORMAL];
    let numbers = (any::<Option<bool>>(), any::<Option<i16>>(), any::<Option<i32>>(), any::<Option<i64>>());
    let rest = (
        prop::option::of(ratio),
        prop::option::of("[^\\x00]{0,20}"),
        any::<Option<Vec<u8>>>(),
        prop::option::of(any::<u128>().prop_map(Uuid::from_u128)),
    );
    (numbers, rest).prop_map(|((flag, small, medium, large), (ratio, label, content, ident))| Kinds {
        flag,
        small,
        medium,
        large,
        ratio,
        label,
        content,
        ident,
    })
}

async fn there_and_back(store: &Store, id: i64, kinds: Kinds) -> Result<(Kinds, Kinds), Error> {
    let returned = store
        .write(move |tx| {
            tx.one(
                sql("INSERT INTO kinds (id, flag, small, medium, large, ratio, label, content, ident)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                     RETURNING flag, small, medium, large, ratio, label, content, ident")
                .bind(id)
                .bind(kinds.flag)
                .bind(kinds.small)
                .bind(kinds.medium)
                .bind(kinds.large)
                .bind(kinds.ratio)
                .bind(kinds.label.clone())
                .bind(kinds.content.clone())
                .bind(kinds.ident),
            )
        })
        .await?;
    let read = "SELECT flag, small, medium, large, ratio, label, content, ident FROM kinds WHERE id = $1";
    Ok((returned, store.read(move |conn| conn.one(sql(read).bind(id))).await?))
}

on_both!(every_kind_of_value_survives, |target: Target| async move {
    let store = open(&target).await;
    let runtime = tokio::runtime::Handle::current();
    let checked = tokio::task::spawn_blocking(move || {
        let next = std::cell::Cell::new(1);
        let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
        let done = runner.run(&any_kinds(), |kinds| {
            let id = next.replace(next.get() + 1);
            let (returned, read) = runtime.block_on(there_and_back(&store, id, kinds.clone())).unwrap();
            prop_assert_eq!(&returned, &kinds);
            prop_assert_eq!(&read, &kinds);
            Ok(())
        });
        done.map_err(|failure| failure.to_string())
    });
    checked.await.unwrap().unwrap();
});

on_both!(ids_and_times_are_kept_exactly, |target: Target| async move {
    let store = open(&target).await;
    let (id, at) = (UserId::from_uuid(Uuid::from_u128(7)), Timestamp::from_micros(-1));
    let text = "INSERT INTO kinds (id, ident, large, content) VALUES (1, $1, $2, $3) RETURNING ident, large, content";
    let back: (UserId, Timestamp, [u8; 3]) =
        store.write(move |tx| tx.one(sql(text).bind(id).bind(at).bind([1u8, 2, 3]))).await.unwrap();
    assert_eq!(back, (id, at, [1, 2, 3]));
});

on_both!(placeholders_repeat_and_go_beyond_nine, |target: Target| async move {
    let store = open(&target).await;
    store
        .write(|tx| {
            let mut insert =
                sql("INSERT INTO kinds (id, small, medium, large, ratio, label, content, flag, ident) VALUES
                                  ($10, $2, $3, $4, $5, '$1', $7, $8, $9), ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
            for number in 1..=5i64 {
                insert = insert.bind(number);
            }
            tx.changed(insert.bind("six").bind([7u8]).bind(true).bind(Uuid::nil()).bind(10i64))
        })
        .await
        .unwrap();
    let rows: Vec<(i64, i64, String)> =
        store.read(|conn| conn.all(sql("SELECT id, large, label FROM kinds ORDER BY id"))).await.unwrap();
    assert_eq!(rows, [(1, 4, "six".to_owned()), (10, 4, "$1".to_owned())]);
});

on_both!(lists_and_filters, |target: Target| async move {
    let store = open(&target).await;
    store
        .write(|tx| {
            for id in 1..=10i64 {
                tx.changed(sql("INSERT INTO kinds (id, large) VALUES ($1, $2)").bind(id).bind(id * 10))?;
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    let found = |ids: Vec<i64>| {
        store.read(move |conn| {
            let mut query = sql("SELECT id FROM kinds WHERE large > $1").bind(20i64);
            query.push(" AND id IN ").push_list(ids.clone()).push(" ORDER BY id");
            conn.all::<i64>(query)
        })
    };
    assert_eq!(found(vec![1, 5, 3]).await.unwrap(), [3, 5]);
    assert_eq!(found(vec![9]).await.unwrap(), [9]);
    assert!(found(vec![]).await.unwrap().is_empty());
});

on_both!(rows_that_are_not_as_expected_are_errors, |target: Target| async move {
    let store = open(&target).await;
    let wrong = |text: &'static str| store.read(move |conn| conn.optional::<i64>(sql(text)));
    assert!(matches!(wrong("SELECT 'text'").await, Err(Error::Broken(_))));
    assert!(matches!(wrong("SELECT CAST(NULL AS BIGINT)").await, Err(Error::Broken(_))));
    assert!(matches!(wrong("SELECT CAST(1 AS BIGINT), 2").await, Err(Error::Broken(_))));
    assert!(matches!(wrong("SELECT CAST(1 AS BIGINT) UNION ALL SELECT 2").await, Err(Error::Broken(_))));
    assert!(matches!(wrong("SELECT 1 WHERE 1 = 0").await, Ok(None)));
    let missing = store.read(|conn| conn.one::<i64>(sql("SELECT 1 WHERE 1 = 0"))).await;
    assert!(matches!(missing, Err(Error::Broken(_))));
    let too_few = store.read(|conn| conn.all::<i64>(sql("SELECT id FROM kinds WHERE id = $1"))).await;
    assert!(matches!(too_few, Err(Error::Broken(_))));
    let too_big = store.read(|conn| conn.all::<i64>(sql("SELECT id FROM kinds WHERE id = $1").bind(u64::MAX))).await;
    assert!(matches!(too_big, Err(Error::Broken(_))));
});
