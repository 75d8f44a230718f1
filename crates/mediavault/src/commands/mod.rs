//! From a command line to the command: one line for each in [`run`].
//! Promise: settings are read only for commands that use them. Not here: exit codes and how failures are shown (`main`).

pub mod admin;
pub mod check;
pub mod health;
pub mod migrate;
pub mod openapi;
pub mod reprocess;
pub mod rotate_root_key;
pub mod serve;
pub mod worker;

use crate::cli::{Cli, Command, SettingsFlags};
use crate::settings::{Settings, SettingsError};
use std::error::Error;
use std::process::ExitCode;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The runtime.
    #[error("the system refused")]
    System(#[from] std::io::Error),
    /// `serve`.
    #[error(transparent)]
    Serve(#[from] serve::ServeFailure),
    /// `admin`.
    #[error(transparent)]
    Admin(#[from] admin::AdminFailure),
    /// `rotate-root-key`.
    #[error(transparent)]
    RotateRootKey(#[from] rotate_root_key::RotateFailure),
    /// `migrate`.
    #[error(transparent)]
    Migrate(#[from] migrate::MigrateFailure),
    /// `check`.
    #[error(transparent)]
    Check(#[from] check::CheckFailure),
    /// `reprocess`.
    #[error(transparent)]
    Reprocess(#[from] reprocess::ReprocessFailure),
    /// `health`: the server is not ready.
    #[error(transparent)]
    Health(#[from] health::NotReady),
}

/// Runs the command to its end.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    arm_failpoint();
    if let Command::Worker(flags) = cli.command {
        return Ok(worker::run(flags));
    }
    serve_or_manage(cli).map(|()| ExitCode::SUCCESS)
}

fn serve_or_manage(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve => Ok(runtime()?.block_on(serve::run(&settings(cli.settings)?))?),
        Command::Admin(command) => Ok(runtime()?.block_on(admin::run(&settings(cli.settings)?, command))?),
        Command::Migrate => Ok(runtime()?.block_on(migrate::run(&settings(cli.settings)?))?),
        Command::RotateRootKey => Ok(runtime()?.block_on(rotate_root_key::run(&settings(cli.settings)?))?),
        Command::Check(flags) => Ok(runtime()?.block_on(check::run(&settings(cli.settings)?, &flags))?),
        Command::Reprocess(flags) => Ok(runtime()?.block_on(reprocess::run(&settings(cli.settings)?, &flags))?),
        Command::Worker(_) => Ok(()),
        Command::Openapi => Ok(openapi::run(&mut std::io::stdout())?),
        Command::Health => Ok(health::run(&settings(cli.settings)?, &mut std::io::stdout())?),
    }
}

/// Short reads of the database run on the runtime's own threads, on as many at once as there are cores; twice as many
/// threads keep the server answering while a disk is slow.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2 * cores).enable_all().build()
}

/// Crash tests name the step at which the process is to die, and the how many-th time: `C5` or `C5:3`. Builds for
/// users have no crash points and do not look.
fn arm_failpoint() {
    if !mv_blobs::failpoint::ENABLED {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "no setting: builds for users have nothing to set")]
    if let Ok(point) = std::env::var("MEDIAVAULT_FAILPOINT") {
        let (name, nth) = point.split_once(':').unwrap_or((&point, "1"));
        mv_blobs::failpoint::arm(name, nth.parse().unwrap_or(1));
    }
}

fn settings(flags: SettingsFlags) -> Result<Settings, SettingsError> {
    Settings::read(&flags.sources()?)
}

/// An error and what caused it, on one line: `cannot read the settings file x: No such file`.
pub fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line.split(char::is_control).filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_fit_on_one_line() {
        let source = std::io::Error::other("not\r\nthere\x1b[31m");
        let failure = Failure::from(SettingsError::Unreadable { path: "vault.toml".into(), source });
        assert_eq!(one_line(&failure), "cannot read the settings file vault.toml: not there [31m");
    }
}
