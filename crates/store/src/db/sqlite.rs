//! SQLite: how connections are opened and set, how statements run, and the threads that read.
//! Promise: readers cannot write; the library is never one with the WAL-reset bug; the file is the owner's alone.
//! Not here: writing (`sqlite_writer.rs`), migrations (`migrate.rs`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use mv_core::Clock;
use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags};

use super::conn::{Backend, Conn, Flow};
use super::error::Error;
use super::job::{Job, Queue, Taken};
use super::row::{Row, Source};
use super::sql::{Sql, for_sqlite};
use super::sqlite_writer::Writer;
use super::{Lanes, Opened, Options, READS_WAITING, SLOW_WAITING, WRITES_WAITING};
use crate::migrate::{self, OpenError};

/// Statements kept ready on each connection.
const STATEMENTS: usize = 256;
/// How long a closure in the slow lane may take.
const SLOW_LIMIT: Duration = Duration::from_secs(5);
/// How many steps of SQLite's machine pass between two looks at the clock; about a tenth of a millisecond.
const STEPS_PER_LOOK: i32 = 10_000;
/// The page cache of the writer, and of all readers together, in KiB.
const CACHE_KIB: usize = 65_536;
/// 3.51.3 ends the WAL-reset bug, which could lose committed data (sqlite.org/wal.html, section 11).
const OLDEST_GOOD: i32 = 3_051_003;

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    /// Reads and writes, waits for locks.
    Writer,
    /// Only reads; holds a cache of so many KiB.
    Reader { cache_kib: usize },
}

/// A connection with its rewritten texts. Lives on one thread.
pub(super) struct Session {
    connection: Connection,
    /// From `$n` texts to `?n` texts.
    texts: RefCell<HashMap<Box<str>, Box<str>>>,
}

impl Session {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, texts: RefCell::default() }
    }

    /// The driver's connection, for the writer's own statements.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs the statement and shows each row to `each`.
    pub(super) fn rows(
        &self,
        statement: &Sql,
        each: &mut dyn FnMut(Row<'_>) -> Result<Flow, Error>,
    ) -> Result<(), Error> {
        let mut prepared = self.prepare(statement)?;
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next()? {
            if each(Row::new(Source::Sqlite(row)))? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    /// Runs the statement and counts the rows it changed.
    pub(super) fn changed(&self, statement: &Sql) -> Result<u64, Error> {
        Ok(self.prepare(statement)?.raw_execute()? as u64)
    }

    fn prepare(&self, statement: &Sql) -> Result<CachedStatement<'_>, Error> {
        let text = statement.text();
        let mut prepared = if text.contains('$') {
            let mut texts = self.texts.borrow_mut();
            if texts.len() >= 2 * STATEMENTS {
                texts.clear();
            }
            if !texts.contains_key(text) {
                texts.insert(text.into(), for_sqlite(text).into());
            }
            self.connection.prepare_cached(texts.get(text).map_or(text, |rewritten| rewritten))?
        } else {
            self.connection.prepare_cached(text)?
        };
        let (given, wanted) = (statement.values().len(), prepared.parameter_count());
        if given != wanted {
            return Err(rusqlite::Error::InvalidParameterCount(given, wanted).into());
        }
        for (place, value) in statement.values().iter().enumerate() {
            prepared.raw_bind_parameter(place + 1, value)?;
        }
        Ok(prepared)
    }
}

/// Connections through which callers read on their own threads: a short read costs less than handing it over and
/// back. When all are in use, reads go to the reader threads, so callers never wait here.
pub(super) struct Idle(Mutex<Vec<Session>>);

impl Idle {
    fn sessions(&self) -> MutexGuard<'_, Vec<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the closure here, if a connection is free.
    pub(super) fn run(&self, job: &mut dyn Job<Conn>) -> bool {
        let Some(session) = self.sessions().pop() else { return false };
        let session = Rc::new(session);
        job.run(&Conn::new(Backend::Sqlite(session.clone())));
        // Nothing else holds it any more.
        if let Ok(session) = Rc::try_unwrap(session) {
            self.sessions().push(session);
        }
        true
    }

    /// Closes the connections that are free; one that is in use closes with the file's last lock.
    pub(super) fn close(&self) {
        self.sessions().clear();
    }
}

/// What the writer and the rest tell each other without waiting.
pub(super) struct Signals {
    /// Goes up with each commit of another process.
    pub(super) foreign_changes: Arc<AtomicU64>,
    /// Set where the log is to be emptied; the writer takes it back when that is done.
    pub(super) empty_log: Arc<AtomicBool>,
}

/// Opens the file, migrates it and starts the threads.
pub(super) fn open(path: &Path, options: &Options, signals: Signals) -> Result<Opened, OpenError> {
    migrate::migrate_sqlite(path, options)?;
    let reads = Arc::new(Queue::new(READS_WAITING));
    let slow = Arc::new(Queue::new(SLOW_WAITING));
    let writes = Arc::new(Queue::new(WRITES_WAITING));
    let readers = options.readers.max(1);
    let role = Role::Reader { cache_kib: (CACHE_KIB / readers / 2).max(8192) };
    let idle: Result<Vec<Session>, OpenError> = (0..readers).map(|_| connect(path, role).map(Session::new)).collect();
    let idle = Arc::new(Idle(Mutex::new(idle?)));
    // If a later step fails, this ends the threads that are already there.
    let lanes = Lanes::Sqlite { idle, reads: reads.clone(), slow: slow.clone(), writes: writes.clone() };
    let started = || -> Result<Vec<JoinHandle<()>>, OpenError> {
        let mut threads = Vec::new();
        for number in 0..readers {
            let (connection, queue) = (connect(path, role)?, reads.clone());
            threads.push(spawn(format!("db-read-{number}"), move || serve(connection, &queue, || {}))?);
        }
        let (mut connection, queue) = (connect(path, Role::Reader { cache_kib: 8192 })?, slow);
        let begin = limit(&mut connection, options.clock.clone())?;
        threads.push(spawn("db-slow".to_owned(), move || serve(connection, &queue, begin))?);
        let (connection, clock) = (connect(path, Role::Writer)?, options.clock.clone());
        let writer = Writer::prepare(connection, clock, signals)?;
        threads.push(spawn("db-write".to_owned(), move || writer.serve(&writes))?);
        Ok(threads)
    };
    match started() {
        Ok(threads) => Ok(Opened { lanes, threads }),
        Err(error) => {
            lanes.close();
            Err(error)
        }
    }
}

/// Refuses a library that can lose data. The linked one is built with this program, but a patch of the build could
/// change that.
pub(crate) fn check_library() -> Result<(), OpenError> {
    if rusqlite::version_number() < OLDEST_GOOD { Err(OpenError::OldSqlite(rusqlite::version())) } else { Ok(()) }
}

/// Makes the file if it is not there, readable by its owner alone; SQLite gives its log the same mode.
pub(crate) fn make_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all()?;
            sync_directory_of(path)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the names in the file's directory durable.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => File::open(directory)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Opens a connection with every setting that safety and speed ask for.
pub(crate) fn connect(path: &Path, role: Role) -> Result<Connection, OpenError> {
    // Turning the log on, and meeting a process that is just leaving, can be `SQLITE_BUSY` without regard to the time
    // given to wait for locks.
    for _ in 0..100 {
        match try_connect(path, role) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(error.into()),
            Ok(connection) => {
                let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
                let is_good = mode == "wal" || matches!(role, Role::Reader { .. });
                return if is_good { Ok(connection) } else { Err(OpenError::NoLog) };
            }
        }
    }
    Err(OpenError::Locked)
}

fn try_connect(path: &Path, role: Role) -> rusqlite::Result<Connection> {
    let (access, own) = match role {
        Role::Writer => (
            OpenFlags::SQLITE_OPEN_READ_WRITE,
            format!(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;
                 PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-{CACHE_KIB};"
            ),
        ),
        Role::Reader { cache_kib } => {
            (OpenFlags::SQLITE_OPEN_READ_ONLY, format!("PRAGMA query_only=ON; PRAGMA cache_size=-{cache_kib};"))
        }
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Without it SQLite looks at bound values to choose a plan, and so plans cached statements anew at each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(&own)?;
    connection.execute_batch(
        "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA secure_delete=ON;
         PRAGMA mmap_size=0;",
    )?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

pub(super) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new().name(name).spawn(body).map_err(OpenError::Thread)
}

/// A reader thread: runs closures until the queue is closed, calling `begin` before each.
fn serve(connection: Connection, queue: &Queue<Box<dyn Job<Conn>>>, begin: impl Fn()) {
    let conn = Conn::new(Backend::Sqlite(Rc::new(Session::new(connection))));
    loop {
        match queue.take(None) {
            Taken::Job(mut job) if job.wanted() => {
                begin();
                job.run(&conn);
                job.answer();
            }
            Taken::Job(_) | Taken::Nothing => {}
            Taken::Closed => break,
        }
    }
}

/// Lets statements on this connection end with `TimedOut` once `SLOW_LIMIT` has passed since the returned function
/// was called last.
fn limit(connection: &mut Connection, clock: Arc<dyn Clock>) -> rusqlite::Result<impl Fn() + Send + 'static> {
    let deadline = Arc::new(AtomicU64::new(u64::MAX));
    let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let (seen, looking) = (deadline.clone(), clock.clone());
    let is_over = move || micros(looking.mono()) > seen.load(Ordering::Relaxed);
    connection.progress_handler(STEPS_PER_LOOK, Some(is_over))?;
    Ok(move || deadline.store(micros(clock.mono() + SLOW_LIMIT), Ordering::Relaxed))
}
