//! `migrate`: brings the database to this version's schema. `serve` does it too; this is for doing it beforehand.

use std::io::{self, Write};

use mv_store::{OpenError, Store};

use crate::settings::Settings;
use crate::wire::{self, Machine, OpenFailure};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum MigrateFailure {
    /// The database.
    #[error("the database cannot be migrated")]
    Database(#[from] OpenError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] OpenFailure),
    /// Standard output.
    #[error("the answer cannot be written")]
    Output(#[from] io::Error),
}

/// Runs the command.
///
/// # Errors
/// `MigrateFailure`.
pub async fn run(settings: &Settings) -> Result<(), MigrateFailure> {
    wire::make_folder(&settings.data_dir)?;
    let steps = Store::migrate(&wire::target(settings), &wire::store_options(settings, &Machine::default())).await?;
    let mut out = io::stdout();
    for step in &steps {
        writeln!(out, "{step}")?;
    }
    writeln!(out, "{} steps done", steps.len())?;
    Ok(())
}
