//! `admin create`, `admin reset-password` and `admin rotate-jwt-key`: for whoever owns the machine, also beside a running server.

use std::io::{self, Write};
use std::time::Duration;

use mv_app::accounts::register::NewAccount;
use mv_core::{Clock, SystemClock};
use mv_core::entropy::SystemEntropy;

use crate::cli::{AdminCommand, CreateAdmin, PasswordFlags, ResetPassword, RotateJwtKey};
use crate::jwt_key::{self, JwtKeyError};
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
    /// The keys of access tokens.
    #[error(transparent)]
    JwtKey(#[from] JwtKeyError),
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
        // Only the file of the keys is changed, so neither the vault nor its database is opened.
        AdminCommand::RotateJwtKey(flags) => return rotate(settings, flags),
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

fn rotate(settings: &Settings, flags: &RotateJwtKey) -> Result<(), AdminFailure> {
    let path = &settings.jwt_key_file;
    let line = if flags.prune {
        let dropped = jwt_key::prune(path, SystemClock::default().now())?;
        format!("{dropped} old keys were dropped from {}", path.display())
    } else {
        jwt_key::rotate(path, &SystemEntropy)?;
        let path = path.display();
        format!("{path} has a new key on top; drop the old ones in an hour: mediavault admin rotate-jwt-key --prune")
    };
    Ok(writeln!(io::stdout(), "{line}")?)
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
        AdminCommand::RotateJwtKey(_) => return Ok(String::new()),
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
