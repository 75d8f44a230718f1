//! What can go wrong while measuring: the machine refuses, a server answers wrongly, or a subject lacks a part.
//! Promise: every error names what was being done, so that one line in the report is enough.
//! Not here: HTTP error answers during a load (they are counted by status, see `client::load`).

use std::io;

/// A reason for which a figure could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The operating system refused something; `doing` says what.
    #[error("{doing}: {source}")]
    System {
        /// What was being tried, as a gerund phrase.
        doing: String,
        /// The system's own reason.
        source: io::Error,
    },
    /// A server answered otherwise than its interface says.
    #[error("{0}")]
    Wrong(String),
    /// The subject has no such part, or could not be installed or started here: the cell stays empty.
    #[error("{0}")]
    Missing(String),
}

/// The result of everything in this program.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Gives an operating-system error the sentence that makes it readable.
pub(crate) trait Doing<T> {
    /// Turns the error into [`Error::System`]; `what` is only called when there is one.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::System { doing: what(), source: source.into() })
    }
}
