//! `check`: database and blobs against each other. Needs the data folder for itself. Exit code 1 where anything is wrong.

use std::io::{self, Write};

use mv_app::ops::check::Depth;

use crate::cli::CheckFlags;
use crate::settings::Settings;
use crate::wire::{self, Machine, OpenFailure, Sharing};

/// Why it is not well, or not known.
#[derive(Debug, thiserror::Error)]
pub enum CheckFailure {
    /// The vault.
    #[error(transparent)]
    Open(#[from] OpenFailure),
    /// The check broke off.
    #[error("the check broke off")]
    App(#[from] mv_app::Error),
    /// Something is wrong; it is printed above.
    #[error("{0} problems")]
    Problems(usize),
    /// Standard output.
    #[error("the answer cannot be written")]
    Output(#[from] io::Error),
}

/// Runs the command.
///
/// # Errors
/// `CheckFailure`.
pub async fn run(settings: &Settings, flags: &CheckFlags) -> Result<(), CheckFailure> {
    let vault = wire::open(settings, String::new(), Machine::default(), Sharing::Alone).await?;
    let report = vault.app.check(if flags.quick { Depth::Quick } else { Depth::Full }).await;
    vault.close().await;
    let report = report?;
    let mut out = io::stdout();
    for problem in &report.problems {
        writeln!(out, "{problem}")?;
    }
    let (blobs, bytes, orphans) = (report.blobs, report.bytes, report.orphans);
    writeln!(out, "{blobs} blobs, {bytes} bytes, {orphans} files without a row, {} problems", report.problems.len())?;
    if report.problems.is_empty() { Ok(()) } else { Err(CheckFailure::Problems(report.problems.len())) }
}
