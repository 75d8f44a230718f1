//! The schema's steps: applied once, in order, by one process at a time; a newer schema is refused.

use mv_store::{Migration, OpenError, Options, Store, Target, sql};

use crate::scratch::{SCHEMA, on_both, open, options, with_file};

const TWO: &[Migration] = &[
    Migration { name: "0001_test", sqlite: SCHEMA[0].sqlite, postgres: SCHEMA[0].postgres },
    Migration {
        name: "0002_more",
        sqlite: "ALTER TABLE owners ADD COLUMN age INTEGER",
        postgres: "ALTER TABLE owners ADD COLUMN age BIGINT",
    },
];

const BROKEN: &[Migration] = &[
    Migration { name: "0001_test", sqlite: SCHEMA[0].sqlite, postgres: SCHEMA[0].postgres },
    Migration {
        name: "0002_broken",
        sqlite: "ALTER TABLE owners ADD COLUMN age INTEGER; ALTER TABLE nowhere ADD COLUMN age INTEGER",
        postgres: "ALTER TABLE owners ADD COLUMN age BIGINT; ALTER TABLE nowhere ADD COLUMN age BIGINT",
    },
];

fn with(migrations: &'static [Migration]) -> Options {
    let mut options = options();
    options.migrations = migrations;
    options
}

on_both!(a_newer_schema_is_refused_and_an_older_one_brought_up, |target: Target| async move {
    assert_eq!(Store::pending(&target, &with(TWO)).await.unwrap(), ["0001_test", "0002_more"]);
    open(&target).await.close().await;
    assert_eq!(Store::pending(&target, &with(TWO)).await.unwrap(), ["0002_more"]);
    assert_eq!(Store::migrate(&target, &with(TWO)).await.unwrap(), ["0002_more"]);
    assert!(Store::migrate(&target, &with(TWO)).await.unwrap().is_empty());
    let refused = Store::open(target.clone(), with(SCHEMA)).await.err();
    assert!(matches!(refused, Some(OpenError::Newer { found: 2, known: 1 })), "{refused:?}");
    let text = "INSERT INTO owners (id, name, age) VALUES (1, 'a', 7)";
    let store = Store::open(target.clone(), with(TWO)).await.unwrap();
    store.write(move |tx| tx.changed(sql(text))).await.unwrap();
    store.close().await;
});

on_both!(a_step_that_fails_leaves_nothing, |target: Target| async move {
    open(&target).await.close().await;
    let failed = Store::open(target.clone(), with(BROKEN)).await.err();
    assert!(matches!(failed, Some(OpenError::Step { name: "0002_broken", .. })), "{failed:?}");
    assert_eq!(Store::migrate(&target, &with(TWO)).await.unwrap(), ["0002_more"]);
});

on_both!(several_processes_may_start_together, |target: Target| async move {
    let opening: Vec<_> = (0..4).map(|_| tokio::spawn(Store::open(target.clone(), with(TWO)))).collect();
    for opened in opening {
        let store = opened.await.unwrap().unwrap();
        store.ping().await.unwrap();
        store.close().await;
    }
});

on_both!(the_schema_of_this_crate_applies, |target: Target| async move {
    let store = Store::open(target.clone(), with(mv_store::MIGRATIONS)).await.unwrap();
    let steps: Vec<String> =
        store.read(|conn| conn.all(sql("SELECT name FROM schema_migrations ORDER BY number"))).await.unwrap();
    assert_eq!(steps, mv_store::MIGRATIONS.iter().map(|step| step.name).collect::<Vec<_>>());
    store.close().await;
});

#[tokio::test]
async fn an_older_file_is_copied_first() {
    with_file(|target| async move {
        let Target::Sqlite(path) = target.clone() else { panic!("not a file") };
        let store = open(&target).await;
        store.write(|tx| tx.changed(sql("INSERT INTO owners (id, name) VALUES (1, 'a')"))).await.unwrap();
        store.close().await;
        Store::migrate(&target, &with(TWO)).await.unwrap();
        let copy = Target::Sqlite(path.with_file_name("vault.db.schema-0001"));
        assert_eq!(Store::pending(&copy, &with(TWO)).await.unwrap(), ["0002_more"]);
        let old = open(&copy).await;
        assert_eq!(old.read(|conn| conn.one::<String>(sql("SELECT name FROM owners"))).await.unwrap(), "a");
        old.close().await;
    })
    .await;
}
