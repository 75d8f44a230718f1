//! From a command line to the command: one line for each in [`run`].
//! Promise: settings are read only for commands that use them. Not here: exit codes and how failures are shown (`main`).

pub mod health;

use crate::cli::{Cli, Command, SettingsFlags};
use crate::settings::{Settings, SettingsError};
use std::error::Error;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// `health`: the server is not ready.
    #[error(transparent)]
    Health(#[from] health::NotReady),
}

/// Runs the command to its end.
pub fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Health => Ok(health::run(&settings(cli.settings)?, &mut std::io::stdout())?),
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
