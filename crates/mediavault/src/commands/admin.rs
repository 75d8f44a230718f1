//! `admin create` and `admin reset-password`: for whoever owns the machine, also beside a running server.

use std::io::{self, Write};
use std::time::Duration;

use mv_app::accounts::register::NewAccount;

use crate::cli::{AdminCommand, CreateAdmin, PasswordFlags, ResetPassword};
use crate::password::{self, PasswordError};
use crate::settings::{Secret, Settings};
use crate::wire::{self, Machine, OpenFailure, Sharing, Vault};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminFailure {
    /// The password was not given.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The vault.
    #[error(transparent)]
    Open(#[from] OpenFailure),
    /// What was given is not acceptable; names each field.
    #[error("{0}")]
    Refused(String),
    /// The vault failed.
    #[error("the vault failed")]
    App(#[source] mv_app::Error),
    /// Standard output.
    #[error("the answer cannot be written")]
    Output(#[from] io::Error),
}

/// A running server sees a change of another process within this time.
const NOTICED: Duration = Duration::from_millis(500);

/// Runs the command.
///
/// # Errors
/// `AdminFailure`.
pub async fn run(settings: &Settings, command: AdminCommand) -> Result<(), AdminFailure> {
    let secret = |flags: &PasswordFlags| password::read(flags.password_stdin);
    let (login, secret) = match &command {
        AdminCommand::Create(CreateAdmin { email, password, .. }) => (email.clone(), secret(password)?),
        AdminCommand::ResetPassword(ResetPassword { email, password }) => (email.clone(), secret(password)?),
    };
    let vault = wire::open(settings, String::new(), Machine::default(), Sharing::Beside).await?;
    let line = change(&vault, command, &login, &secret).await;
    if vault.served_elsewhere {
        tokio::time::sleep(NOTICED).await;
    }
    vault.close().await;
    writeln!(io::stdout(), "{}", line?)?;
    Ok(())
}

async fn change(vault: &Vault, command: AdminCommand, login: &str, secret: &Secret) -> Result<String, AdminFailure> {
    let changed = match command {
        AdminCommand::Create(CreateAdmin { username, .. }) => {
            let account = NewAccount {
                email: login.to_owned(),
                password: secret.expose().to_owned(),
                username,
                display_name: None,
            };
            vault
                .app
                .create_admin(account)
                .await
                .map(|user| format!("administrator {} was made: {}", user.email, user.id))
        }
        AdminCommand::ResetPassword(_) => {
            let reset = vault.app.reset_password(login, secret.expose()).await;
            reset.map(|user| format!("{} has a new password; its sessions and links have ended", user.email))
        }
    };
    changed.map_err(|error| match error {
        mv_app::Error::Api(refused) => AdminFailure::Refused(sentence(&refused)),
        other => AdminFailure::App(other),
    })
}

fn sentence(refused: &mv_core::Error) -> String {
    let fields: Vec<String> =
        refused.details.iter().map(|detail| format!("{}: {}", detail.field, detail.message)).collect();
    if fields.is_empty() { refused.message.to_string() } else { fields.join("; ") }
}
