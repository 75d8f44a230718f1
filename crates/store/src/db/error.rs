//! What can go wrong in the database, in the terms the application decides by.
//! Promise: the same mistake gives the same variant on both databases; no message holds a value from a row.
//! Not here: retries (`postgres.rs`).

use rusqlite::ffi;

/// What a statement or a closure came to when it did not succeed. Nothing it did remains, unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique constraint forbids the row. Holds the constraint's name: `<table>_<columns>_key`, `<table>_pkey` or
    /// the index's own name.
    #[error("the row would break the constraint {0}")]
    Conflict(String),
    /// A row would refer to one that is not there, or one that is referred to would go away.
    #[error("a reference between rows would be broken")]
    ForeignKey,
    /// A CHECK constraint forbids the row; holds its name.
    #[error("the row would break the check {0}")]
    Check(String),
    /// The database cannot be reached, or was lost before it told how a commit ended: the outcome is then unknown.
    #[error("the database is not available")]
    Unavailable,
    /// The disk that holds the database is full.
    #[error("the disk of the database is full")]
    Full,
    /// More closures wait than the queue holds; this one was not run.
    #[error("too many database operations are waiting")]
    Busy,
    /// The statement took too long and was stopped.
    #[error("the database operation took too long")]
    TimedOut,
    /// The closure panicked.
    #[error("a database operation panicked")]
    Panicked,
    /// A mistake in the program or damage in the database: somebody must look at it.
    #[error("the database operation is broken")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the database said, without the values it may have quoted in its detail.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
struct Said {
    code: String,
    message: String,
}

/// Mistakes that this crate itself finds in a statement or a closure.
#[derive(Debug, thiserror::Error)]
pub(super) enum Mistake {
    #[error("column {column} of the row holds {found}, wanted {wanted}")]
    Column { column: usize, found: &'static str, wanted: &'static str },
    #[error("the row has {columns} columns, {read} were read")]
    Columns { columns: usize, read: usize },
    #[error("the statement gave {0} rows where one was wanted")]
    Rows(&'static str),
    #[error("an earlier statement of the closure failed, and the closure went on")]
    WentOn,
    #[error("a row callback used its own connection")]
    Nested,
}

impl From<Mistake> for Error {
    fn from(mistake: Mistake) -> Self {
        Self::Broken(Box::new(mistake))
    }
}

impl Error {
    /// Whether this is a conflict on the given constraint. `on` is either its whole name (`users_email_key`) or only
    /// the columns, joined by `_` (`email`).
    pub fn conflict_on(&self, on: &str) -> bool {
        let Self::Conflict(name) = self else {
            return false;
        };
        let columns = name.strip_suffix("_key").and_then(|rest| rest.strip_suffix(on));
        name == on || columns.is_some_and(|table| table.ends_with('_'))
    }

    /// An error of the same kind for another closure that shared the transaction.
    pub(super) fn same_for_others(&self) -> Self {
        match self {
            Self::Full => Self::Full,
            Self::TimedOut => Self::TimedOut,
            _ => Self::Unavailable,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_extended_error_code() else {
            return Self::Broken(Box::new(error));
        };
        let message = match &error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.as_str(),
            _ => "",
        };
        match (code, code & 0xff) {
            (ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID, _) => {
                Self::Conflict(unique_name(message, true))
            }
            (ffi::SQLITE_CONSTRAINT_UNIQUE, _) => Self::Conflict(unique_name(message, false)),
            (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, _) => Self::ForeignKey,
            (ffi::SQLITE_CONSTRAINT_CHECK, _) => Self::Check(after_colon(message).to_owned()),
            (_, ffi::SQLITE_FULL) => Self::Full,
            (_, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN) => {
                tracing::warn!(code, "SQLite could not reach its file: {error}");
                Self::Unavailable
            }
            (_, ffi::SQLITE_INTERRUPT) => Self::TimedOut,
            _ => Self::Broken(Box::new(error)),
        }
    }
}

fn after_colon(message: &str) -> &str {
    message.split_once(": ").map_or(message, |(_, rest)| rest)
}

/// PostgreSQL's name for what SQLite describes as `UNIQUE constraint failed: users.owner_id, users.name` (columns) or
/// `UNIQUE constraint failed: index 'name'` (indexes over expressions).
fn unique_name(message: &str, primary: bool) -> String {
    let what = after_colon(message);
    if let Some(name) = what.strip_prefix("index '") {
        return name.trim_end_matches('\'').to_owned();
    }
    let mut table = "";
    let mut columns = String::new();
    for (owner, column) in what.split(", ").filter_map(|part| part.split_once('.')) {
        table = owner;
        columns.push_str(column);
        columns.push('_');
    }
    if primary { format!("{table}_pkey") } else { format!("{table}_{columns}key") }
}

/// Whether the connection is of no more use after this error.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        // Class 57: the server shuts down, crashed, or ended the session; class 08: connection exceptions; 25P03: the
        // session's transaction was idle for too long (PostgreSQL 15, appendix A).
        Some(said) => {
            let code = said.code().code();
            code.starts_with("08") || (code.starts_with("57P") && code != "57P04") || code == "25P03"
        }
        None => error.is_closed() || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>()),
    }
}

/// Whether running the whole closure again may succeed: serialization failures and deadlocks, and plans that a
/// migration on another node made stale (PostgreSQL 15, appendix A and section 13.5).
pub(super) fn is_retryable(error: &tokio_postgres::Error) -> bool {
    matches!(error.code().map(|state| state.code()), Some("40001" | "40P01")) || is_stale_plan(error)
}

/// Whether a cached statement no longer fits the schema ("cached plan must not change result type").
pub(super) fn is_stale_plan(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|said| {
        said.code().code() == "26000"
            || (said.code().code() == "0A000" && said.routine() == Some("RevalidateCachedQuery"))
    })
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if is_lost(&error) {
            return Self::Unavailable;
        }
        let Some(said) = error.as_db_error() else {
            return Self::Broken(Box::new(error));
        };
        let constraint = || said.constraint().unwrap_or_default().to_owned();
        match said.code().code() {
            "23505" | "23P01" => Self::Conflict(constraint()),
            "23503" => Self::ForeignKey,
            "23514" => Self::Check(constraint()),
            "57014" | "55P03" => Self::TimedOut,
            "53100" => Self::Full,
            "40001" | "40P01" | "53200" | "53300" => Self::Unavailable,
            code => Self::Broken(Box::new(Said { code: code.to_owned(), message: said.message().to_owned() })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_speaks_of_columns_and_we_of_constraints() {
        for (message, primary, name) in [
            ("UNIQUE constraint failed: users.email_folded", false, "users_email_folded_key"),
            ("UNIQUE constraint failed: tags.media_id, tags.name", false, "tags_media_id_name_key"),
            ("UNIQUE constraint failed: users.id", true, "users_pkey"),
            ("UNIQUE constraint failed: index 'users_lower_key'", false, "users_lower_key"),
        ] {
            assert_eq!(unique_name(message, primary), name);
        }
    }

    #[test]
    fn conflicts_are_found_by_name_or_by_columns() {
        let conflict = Error::Conflict("users_email_folded_key".into());
        assert!(conflict.conflict_on("users_email_folded_key"));
        assert!(conflict.conflict_on("email_folded"));
        assert!(!conflict.conflict_on("mail_folded"));
        assert!(!conflict.conflict_on("name"));
        assert!(!Error::ForeignKey.conflict_on("email_folded"));
    }
}
