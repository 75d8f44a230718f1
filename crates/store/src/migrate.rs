//! The schema and its steps: numbered pairs of texts, applied in order, each in one transaction.
//! Promise: a step is applied once or not at all, also when several processes start together; a schema that is newer
//! than this program, or that other texts made, is refused. An older SQLite file is copied first.
//! Not here: the way back. Steps only go forward.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use mv_core::Timestamp;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Client;

use crate::db::sqlite::{Role, check_library, connect, make_file, sync_directory_of};
use crate::db::{Dialect, Options, Store, Target, postgres};

/// One step of the schema. Its number is its place in the list, counted from 1, and its name begins with it.
#[derive(Debug)]
pub struct Migration {
    /// Such as `0001_accounts`.
    pub name: &'static str,
    /// What SQLite runs; no `BEGIN` or `COMMIT` in it.
    pub sqlite: &'static str,
    /// What PostgreSQL runs; no `BEGIN` or `COMMIT` in it.
    pub postgres: &'static str,
}

impl Migration {
    fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }

    fn checksum(&self, dialect: Dialect) -> [u8; 32] {
        Sha256::digest(self.text(dialect)).into()
    }
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("migrations/", $name, ".sqlite.sql")),
            postgres: include_str!(concat!("migrations/", $name, ".postgres.sql")),
        }),*]
    };
}

/// The schema of this version. Released steps never change; new ones are appended.
pub const MIGRATIONS: &[Migration] = migrations![
    "0001_accounts",
    "0002_blobs",
    "0003_media",
    "0004_collections",
    "0005_events",
    "0006_idempotency",
    "0007_audit",
    "0008_keys",
    "0009_account_links",
    "0010_deletions",
    "0011_administration",
    "0012_event_order",
    "0013_tokens_of_keys",
    "0014_event_tickets",
    "0015_webhooks",
    "0016_examinations",
];

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite library is one that can lose data.
    #[error("SQLite {0} can lose data, 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
    /// A newer program has migrated the database.
    #[error(
        "the database has schema {found}, this version knows only up to {known}: start a newer version, or restore the copy made before the update"
    )]
    Newer {
        /// The number of the database's last step.
        found: u32,
        /// The number of this program's last step.
        known: u32,
    },
    /// The database was made by other texts than this program's, or a step is missing.
    #[error("step {name} of the schema is not the one that made this database")]
    Changed {
        /// The step's name here.
        name: &'static str,
    },
    /// A step failed; the database is as it was before that step.
    #[error("step {name} of the schema failed")]
    Step {
        /// The step's name.
        name: &'static str,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A step left rows that refer to rows which are not there.
    #[error("step {name} of the schema broke a reference between rows")]
    Dangling {
        /// The step's name.
        name: &'static str,
    },
    /// The PostgreSQL URL cannot be read.
    #[error("the database URL cannot be read")]
    Address(#[source] tokio_postgres::Error),
    /// No connection to the PostgreSQL server.
    #[error("the PostgreSQL server cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The PostgreSQL server is not fit; the text says why.
    #[error("{0}")]
    Server(String),
    /// The database file, its copy or its directory cannot be used.
    #[error("the database file cannot be used")]
    File(#[source] io::Error),
    /// The file system cannot hold SQLite's write-ahead log.
    #[error("the file system of the database file does not support a write-ahead log")]
    NoLog,
    /// Another process held the SQLite file for too long.
    #[error("the database file is locked by another process")]
    Locked,
    /// No thread could be started.
    #[error("no thread could be started for the database")]
    Thread(#[source] io::Error),
    /// The database refused something else.
    #[error("the database cannot be opened")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Store {
    /// The names of the steps that this database still needs, in order. Changes nothing and makes no file.
    pub async fn pending(target: &Target, options: &Options) -> Result<Vec<&'static str>, OpenError> {
        let migrations = options.migrations;
        let applied = match target {
            Target::Sqlite(path) => {
                let path = path.clone();
                off_runtime(move || {
                    if !path.exists() {
                        return Ok(Vec::new());
                    }
                    applied_sqlite(&connect(&path, Role::Reader { cache_kib: 2048 })?)
                })
                .await?
            }
            Target::Postgres(url) => {
                let config = postgres::configure(url, &options.application_name)?;
                applied_postgres(&postgres::connect_for_schema(&config).await?).await?
            }
        };
        let dialect = if matches!(target, Target::Sqlite(_)) { Dialect::Sqlite } else { Dialect::Postgres };
        let done = count_applied(&applied, migrations, dialect)?;
        Ok(migrations.iter().skip(done).map(|step| step.name).collect())
    }

    /// Brings the schema up to date without starting anything else. Returns the names of the steps it applied.
    pub async fn migrate(target: &Target, options: &Options) -> Result<Vec<&'static str>, OpenError> {
        match target {
            Target::Sqlite(path) => {
                let (path, options) = (path.clone(), options.clone());
                off_runtime(move || migrate_sqlite(&path, &options)).await
            }
            Target::Postgres(url) => {
                let config = postgres::configure(url, &options.application_name)?;
                migrate_postgres(&postgres::connect_for_schema(&config).await?, options).await
            }
        }
    }
}

/// Runs blocking work beside the runtime's own threads.
pub(crate) async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|stopped| Err(OpenError::Thread(io::Error::other(stopped))))
}

/// A step as the database remembers it.
type Applied = (i64, Vec<u8>);

/// How many steps the database has: a beginning of ours, with the same texts.
fn count_applied(applied: &[Applied], known: &'static [Migration], dialect: Dialect) -> Result<usize, OpenError> {
    if let Some((last, _)) = applied.last()
        && usize::try_from(*last).is_ok_and(|last| last > known.len())
    {
        let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        return Err(OpenError::Newer { found: number(*last), known: number(known.len() as i64) });
    }
    for (step, (number, (stored, checksum))) in known.iter().zip((1i64..).zip(applied)) {
        if number != *stored || step.checksum(dialect) != checksum.as_slice() {
            return Err(OpenError::Changed { name: step.name });
        }
    }
    Ok(applied.len().min(known.len()))
}

fn applied_sqlite(connection: &Connection) -> Result<Vec<Applied>, OpenError> {
    let exists = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations')";
    if !connection.query_row(exists, [], |row| row.get::<_, bool>(0))? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT number, checksum FROM schema_migrations ORDER BY number")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Applies to the SQLite file what it lacks. Each step looks anew what is there, under the write lock, so that two
/// processes can do this together.
pub(crate) fn migrate_sqlite(path: &Path, options: &Options) -> Result<Vec<&'static str>, OpenError> {
    check_library()?;
    make_file(path).map_err(OpenError::File)?;
    let connection = connect(path, Role::Writer)?;
    // Steps may have to rebuild tables that others refer to; references are checked before each commit instead.
    connection.execute_batch("PRAGMA foreign_keys=OFF")?;
    let mut names = Vec::new();
    loop {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let applied = applied_sqlite(&connection)?;
        let done = count_applied(&applied, options.migrations, Dialect::Sqlite)?;
        let Some(step) = options.migrations.get(done) else {
            break;
        };
        if done > 0 && names.is_empty() {
            copy_sqlite(path, done)?;
        }
        let failed = |source: rusqlite::Error| OpenError::Step { name: step.name, source: source.into() };
        connection.execute_batch(step.sqlite).map_err(failed)?;
        let has_dangling = connection.prepare("PRAGMA foreign_key_check")?.exists([])?;
        if has_dangling {
            return Err(OpenError::Dangling { name: step.name });
        }
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
                                                           checksum BLOB NOT NULL, applied_at INTEGER NOT NULL) STRICT",
        )?;
        connection.execute(
            "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
            (done as i64 + 1, step.name, step.checksum(Dialect::Sqlite), options.clock.now().micros()),
        )?;
        connection.execute_batch("COMMIT").map_err(failed)?;
        tracing::info!(migration.name = step.name, "applied step {} of the schema", step.name);
        names.push(step.name);
    }
    // Closing the connection ends the empty transaction.
    Ok(names)
}

/// Where the copy of a file goes that has so many steps: `vault.db.schema-0003` beside it.
fn copy_path(path: &Path, steps: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema-{steps:04}"));
    PathBuf::from(name)
}

/// Copies the file as it is. The caller holds the write lock, so nothing changes meanwhile; the copy takes its final
/// name only when it is whole and on the disk.
fn copy_sqlite(path: &Path, steps: usize) -> Result<(), OpenError> {
    let target = copy_path(path, steps);
    let mut unfinished = target.clone().into_os_string();
    unfinished.push(".part");
    let unfinished = PathBuf::from(unfinished);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(OpenError::File(error)),
        _ => {}
    }
    // An empty file of the right mode: VACUUM INTO fills it (sqlite.org/lang_vacuum.html, "VACUUM with an INTO clause").
    make_file(&unfinished).map_err(OpenError::File)?;
    let name = unfinished.to_str().ok_or_else(|| OpenError::File(io::Error::other("the path is not UTF-8")))?;
    // The copy reads the file through a connection of its own, since the caller's is in a transaction. It is not
    // `query_only`, which would forbid writing the copy; being opened read-only it cannot change the original.
    let reader = connect(path, Role::Reader { cache_kib: 2048 })?;
    reader.execute_batch("PRAGMA query_only=OFF")?;
    reader.execute("VACUUM INTO ?1", [name])?;
    drop(reader);
    File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, &target))
        .and_then(|()| sync_directory_of(&target))
        .map_err(OpenError::File)?;
    tracing::info!("copied the database to {} before changing its schema", target.display());
    Ok(())
}

async fn applied_postgres(client: &Client) -> Result<Vec<Applied>, OpenError> {
    let exists = client.query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[]).await?;
    if !exists.try_get::<_, bool>(0)? {
        return Ok(Vec::new());
    }
    let rows = client.query("SELECT number::bigint, checksum FROM schema_migrations ORDER BY number", &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Only this program's migrations take this advisory lock: "mv schema" as a number.
const LOCK: i64 = 0x6d76_2073_6368_656d;

/// Applies to the PostgreSQL database what it lacks, while all others who would do the same wait. The lock goes with
/// the connection if anything fails.
pub(crate) async fn migrate_postgres(client: &Client, options: &Options) -> Result<Vec<&'static str>, OpenError> {
    client.batch_execute(&format!("SET lock_timeout='120s'; SELECT pg_advisory_lock({LOCK})")).await?;
    // A step that cannot get its table lock soon must not make everybody else queue behind it.
    client.batch_execute("SET lock_timeout='5s'").await?;
    let done = count_applied(&applied_postgres(client).await?, options.migrations, Dialect::Postgres)?;
    let mut names = Vec::new();
    for (step, number) in options.migrations.iter().zip(1i32..).skip(done) {
        apply_postgres(client, step, number, options.clock.now())
            .await
            .map_err(|source| OpenError::Step { name: step.name, source: source.into() })?;
        tracing::info!(migration.name = step.name, "applied step {} of the schema", step.name);
        names.push(step.name);
    }
    client.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")).await?;
    Ok(names)
}

async fn apply_postgres(
    client: &Client,
    step: &Migration,
    number: i32,
    now: Timestamp,
) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("BEGIN READ WRITE").await?;
    client.batch_execute(step.postgres).await?;
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,
                                                           checksum BYTEA NOT NULL, applied_at BIGINT NOT NULL)",
        )
        .await?;
    client
        .execute(
            "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
            &[&number, &step.name, &step.checksum(Dialect::Postgres).as_slice(), &now.micros()],
        )
        .await?;
    client.batch_execute("COMMIT").await
}

#[cfg(test)]
mod tests {
    use super::*;

    static KNOWN: [Migration; 2] = [
        Migration { name: "0001_a", sqlite: "a", postgres: "A" },
        Migration { name: "0002_b", sqlite: "b", postgres: "B" },
    ];

    fn applied(number: i64, text: &str) -> Applied {
        (number, Sha256::digest(text).to_vec())
    }

    #[test]
    fn only_a_beginning_of_our_own_steps_is_accepted() {
        let count = |steps: &[Applied]| count_applied(steps, &KNOWN, Dialect::Sqlite);
        assert!(matches!(count(&[]), Ok(0)));
        assert!(matches!(count(&[applied(1, "a")]), Ok(1)));
        assert!(matches!(count(&[applied(1, "a"), applied(2, "b")]), Ok(2)));
        assert!(matches!(count(&[applied(1, "A")]), Err(OpenError::Changed { name: "0001_a" })));
        assert!(matches!(count(&[applied(2, "b")]), Err(OpenError::Changed { name: "0001_a" })));
        let newer = [applied(1, "a"), applied(2, "b"), applied(3, "c")];
        assert!(matches!(count(&newer), Err(OpenError::Newer { found: 3, known: 2 })));
    }

    #[test]
    fn names_are_numbered_as_they_stand() {
        for (step, number) in MIGRATIONS.iter().zip(1..) {
            assert!(step.name.starts_with(&format!("{number:04}_")), "{}", step.name);
        }
    }
}
