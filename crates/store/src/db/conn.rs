//! What a closure gets: `Conn` to read and `Tx` to read and write, over either driver.
//! Promise: both databases treat a closure alike; after a failed statement a transaction can only be given up.
//! Not here: when a transaction begins and ends (`sqlite_writer.rs`, `postgres.rs`).

use std::cell::Cell as Flag;
use std::ops::Deref;
use std::rc::Rc;

use super::error::{Error, Mistake};
use super::row::{FromRow, Row};
use super::sql::{Sql, per};
use super::{Dialect, postgres_session, sqlite};

/// The two drivers' connections.
pub(super) enum Backend {
    Sqlite(Rc<sqlite::Session>),
    Postgres(Rc<postgres_session::Session>),
}

/// Whether to go on after a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    More,
    Stop,
}

/// A connection to read through. Statements that change something are refused by the database.
pub struct Conn {
    backend: Backend,
    /// How a statement of the running write closure failed.
    spoilt: Flag<Option<Spoilt>>,
    /// Set while a row callback runs.
    streaming: Flag<bool>,
    /// Set while the running closure is one that writes.
    writing: Flag<bool>,
    /// Set once the running closure has recorded an event.
    eventful: Flag<bool>,
}

/// Why a transaction can only be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoilt {
    DiskFull,
    Otherwise,
}

impl Conn {
    pub(super) fn new(backend: Backend) -> Self {
        Self {
            backend,
            spoilt: Flag::new(None),
            streaming: Flag::new(false),
            writing: Flag::new(false),
            eventful: Flag::new(false),
        }
    }

    /// Which kind of database this is.
    pub fn dialect(&self) -> Dialect {
        match self.backend {
            Backend::Sqlite(_) => Dialect::Sqlite,
            Backend::Postgres(_) => Dialect::Postgres,
        }
    }

    /// How many bytes the database takes on its disk, as it says itself.
    pub fn size_bytes(&self) -> Result<u64, Error> {
        self.one(per(
            self,
            "SELECT p.page_count * s.page_size FROM pragma_page_count() p, pragma_page_size() s",
            "SELECT pg_database_size(current_database())",
        ))
    }

    /// The row, or nothing if there is none. More than one row is a mistake (`Broken`).
    pub fn optional<T: FromRow>(&self, statement: Sql) -> Result<Option<T>, Error> {
        let mut found = None;
        self.rows(&statement, &mut |row| {
            if found.is_some() {
                return Err(Mistake::Rows("several").into());
            }
            found = Some(row.whole()?);
            Ok(Flow::More)
        })?;
        Ok(found)
    }

    /// The one row. None or more than one is a mistake (`Broken`).
    pub fn one<T: FromRow>(&self, statement: Sql) -> Result<T, Error> {
        match self.optional(statement)? {
            Some(row) => Ok(row),
            None => Err(self.note(Mistake::Rows("no").into())),
        }
    }

    /// All rows, in the order of the statement.
    pub fn all<T: FromRow>(&self, statement: Sql) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        self.rows(&statement, &mut |row| {
            rows.push(row.whole()?);
            Ok(Flow::More)
        })?;
        Ok(rows)
    }

    /// Hands the rows over one by one, without holding all of them, until the callback returns an error. The callback
    /// must not use the connection.
    pub fn for_each<T, E, F>(&self, statement: Sql, mut callback: F) -> Result<(), E>
    where
        T: FromRow,
        E: From<Error>,
        F: FnMut(T) -> Result<(), E>,
    {
        let mut stopped = None;
        self.rows(&statement, &mut |row| {
            let value = row.whole()?;
            Ok(match callback(value) {
                Ok(()) => Flow::More,
                Err(error) => {
                    stopped = Some(error);
                    Flow::Stop
                }
            })
        })?;
        stopped.map_or(Ok(()), Err)
    }

    /// Runs the statement and shows each row to `each`.
    fn rows(&self, statement: &Sql, each: &mut dyn FnMut(Row<'_>) -> Result<Flow, Error>) -> Result<(), Error> {
        self.may_go_on()?;
        let _streaming = Streaming::begin(&self.streaming);
        let result = match &self.backend {
            Backend::Sqlite(session) => session.rows(statement, each),
            Backend::Postgres(session) => session.rows(statement, each),
        };
        result.map_err(|error| self.note(error))
    }

    fn may_go_on(&self) -> Result<(), Error> {
        if self.streaming.get() {
            return Err(self.note(Mistake::Nested.into()));
        }
        if self.spoilt.get().is_some() { Err(Mistake::WentOn.into()) } else { Ok(()) }
    }

    /// Remembers that the transaction is spoilt.
    fn note(&self, error: Error) -> Error {
        if self.writing.get() {
            let disk_full = matches!(error, Error::Full);
            self.spoilt.set(Some(if disk_full { Spoilt::DiskFull } else { Spoilt::Otherwise }));
        }
        error
    }
}

/// Marks a connection as busy with rows, also when the callback panics.
struct Streaming<'c>(&'c Flag<bool>);

impl<'c> Streaming<'c> {
    fn begin(flag: &'c Flag<bool>) -> Self {
        flag.set(true);
        Self(flag)
    }
}

impl Drop for Streaming<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// A transaction: reads like a [`Conn`], and writes. `INSERT .. RETURNING` is read by `optional`, `one` or `all`.
pub struct Tx(Conn);

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.0
    }
}

impl Tx {
    pub(super) fn new(conn: Conn) -> Self {
        Self(conn)
    }

    /// Runs a statement that gives no rows back; returns how many rows it changed.
    pub fn changed(&self, statement: Sql) -> Result<u64, Error> {
        self.0.may_go_on()?;
        let result = match &self.0.backend {
            Backend::Sqlite(session) => session.changed(&statement),
            Backend::Postgres(session) => session.changed(&statement),
        };
        result.map_err(|error| self.0.note(error))
    }

    /// Tells those who wait for events of this closure's, once it is committed.
    pub(crate) fn note_event(&self) {
        self.0.eventful.set(true);
    }

    /// Whether the closure at work has recorded an event.
    pub(super) fn is_eventful(&self) -> bool {
        self.0.eventful.get()
    }

    /// Makes ready for a closure; failed statements of one that writes spoil the transaction.
    pub(super) fn begin_closure(&self, writing: bool) {
        self.0.writing.set(writing);
        self.0.spoilt.set(None);
        self.0.eventful.set(false);
    }

    /// Whether and how a statement of the last write closure failed, so that nothing of it may be committed.
    pub(super) fn spoilt(&self) -> Option<Spoilt> {
        self.0.spoilt.get()
    }
}
