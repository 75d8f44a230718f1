//! `reprocess`: puts items into the queue of a server, which may run beside it; without one they wait for the next start.

use std::io::{self, Write};

use clap::Args;
use mv_store::examinations::Wanted;

use crate::settings::Settings;
use crate::wire::{self, Machine, OpenFailure, Sharing};

/// Flags of `reprocess`: which items.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ReprocessFlags {
    /// Items of which nothing is known, such as those from before this version could look at files.
    #[arg(long)]
    pub missing: bool,
    /// Items that failed.
    #[arg(long)]
    pub failed: bool,
    /// Every item.
    #[arg(long)]
    pub all: bool,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ReprocessFailure {
    /// The vault.
    #[error(transparent)]
    Open(#[from] OpenFailure),
    /// The queue.
    #[error("the items cannot be put into the queue")]
    App(#[from] mv_app::Error),
    /// Standard output.
    #[error("the answer cannot be written")]
    Output(#[from] io::Error),
}

/// Runs the command.
///
/// # Errors
/// `ReprocessFailure`.
pub async fn run(settings: &Settings, flags: &ReprocessFlags) -> Result<(), ReprocessFailure> {
    let wanted = match (flags.missing, flags.failed) {
        (true, _) => Wanted::Missing,
        (_, true) => Wanted::Failed,
        _ => Wanted::All,
    };
    let vault = wire::open(settings, String::new(), Machine::default(), Sharing::Beside).await?;
    let served = vault.served_elsewhere;
    let count = vault.app.reprocess(wanted).await;
    vault.close().await;
    let when = if served { "the running server is looking at them" } else { "they wait for the server's next start" };
    writeln!(io::stdout(), "{} items; {when}", count?)?;
    Ok(())
}
