//! A database of its own for each test, with a small schema, gone when the test ends.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mv_core::SystemClock;
use mv_store::{Migration, Options, Store, Target};
use tokio_postgres::{Client, NoTls};

pub(crate) const SCHEMA: &[Migration] = &[Migration {
    name: "0001_test",
    sqlite: "CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
             CREATE UNIQUE INDEX owners_name_key ON owners (name);
             CREATE TABLE notes (id INTEGER PRIMARY KEY,
                                 owner_id INTEGER REFERENCES owners (id) DEFERRABLE INITIALLY IMMEDIATE,
                                 late_owner_id INTEGER REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED,
                                 folder TEXT NOT NULL DEFAULT '', title TEXT, stars INTEGER,
                                 CONSTRAINT stars_in_range CHECK (stars BETWEEN 1 AND 5), UNIQUE (folder, title)) STRICT;
             CREATE UNIQUE INDEX notes_loud_key ON notes (upper(title)) WHERE folder = 'loud';
             CREATE TABLE kinds (id INTEGER PRIMARY KEY, flag INTEGER, small INTEGER, medium INTEGER, large INTEGER,
                                 ratio REAL, label TEXT, content BLOB, ident BLOB) STRICT;",
    postgres: "CREATE TABLE owners (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE);
               CREATE TABLE notes (id BIGINT PRIMARY KEY,
                                   owner_id BIGINT REFERENCES owners (id) DEFERRABLE INITIALLY IMMEDIATE,
                                   late_owner_id BIGINT REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED,
                                   folder TEXT NOT NULL DEFAULT '', title TEXT, stars BIGINT,
                                   CONSTRAINT stars_in_range CHECK (stars BETWEEN 1 AND 5), UNIQUE (folder, title));
               CREATE UNIQUE INDEX notes_loud_key ON notes (upper(title)) WHERE folder = 'loud';
               CREATE TABLE kinds (id BIGINT PRIMARY KEY, flag BOOLEAN, small SMALLINT, medium INTEGER, large BIGINT,
                                   ratio DOUBLE PRECISION, label TEXT, content BYTEA, ident UUID);
               CREATE FUNCTION fail_with(code TEXT) RETURNS BIGINT LANGUAGE plpgsql AS
                   $$ BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = 'as asked'; END $$;
               CREATE FUNCTION die() RETURNS TRIGGER LANGUAGE plpgsql AS
                   $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$;
               CREATE TABLE deadly (id BIGINT PRIMARY KEY);
               CREATE CONSTRAINT TRIGGER deadly_dies AFTER INSERT ON deadly DEFERRABLE INITIALLY DEFERRED
                   FOR EACH ROW EXECUTE FUNCTION die();",
}];

/// The options of a test.
pub(crate) fn options() -> Options {
    let mut options = Options::new(Arc::new(SystemClock::default()));
    options.connections = 6;
    options.allow_unsafe_postgres = true;
    options.migrations = SCHEMA;
    options
}

#[expect(clippy::disallowed_methods, reason = "the suite learns its server from the environment")]
fn server() -> String {
    std::env::var("MEDIAVAULT_TEST_POSTGRES_URL").expect(
        "MEDIAVAULT_TEST_POSTGRES_URL must name a PostgreSQL superuser, such as postgres://postgres@127.0.0.1/postgres",
    )
}

/// A plain connection, past the store.
pub(crate) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the test server answers");
    tokio::spawn(connection);
    client
}

/// Runs a test with a SQLite file that does not exist yet.
pub(crate) async fn with_file<F: Future>(test: impl FnOnce(Target) -> F) {
    let directory = tempfile::tempdir().unwrap();
    test(Target::Sqlite(directory.path().join("vault.db"))).await;
}

/// Runs a test with an empty PostgreSQL database. A test that panics leaves its database behind.
pub(crate) async fn with_database<F: Future>(test: impl FnOnce(Target) -> F) {
    with_database_made("", test).await;
}

/// As `with_database`, but text sorts as English has it instead of by its bytes.
pub(crate) async fn with_database_in_a_language<F: Future>(test: impl FnOnce(Target) -> F) {
    with_database_made("TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'", test).await;
}

async fn with_database_made<F: Future>(how: &str, test: impl FnOnce(Target) -> F) {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let name = format!("mv_store_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    let admin = client(&server()).await;
    admin.batch_execute(&format!("CREATE DATABASE {name} {how}")).await.unwrap();
    let (start, _) = server().rsplit_once('/').map(|(start, end)| (start.to_owned(), end.to_owned())).unwrap();
    test(Target::Postgres(format!("{start}/{name}"))).await;
    admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

/// The store of a test over this target.
pub(crate) async fn open(target: &Target) -> Store {
    Store::open(target.clone(), options()).await.unwrap()
}

/// `on_both!(name, |target| async move { ... })` makes the tests `name::sqlite` and `name::postgres`.
macro_rules! on_both {
    ($name:ident, $test:expr) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                crate::scratch::with_file($test).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                crate::scratch::with_database($test).await;
            }
        }
    };
}
pub(crate) use on_both;
