//! `admin`: accounts, invites and links for whoever owns the machine, also beside a running server.

use std::io::{self, Write};
use std::time::Duration;

use mv_app::accounts::invites::NewInvite;
use mv_app::accounts::operator::Act;
use mv_app::accounts::register::NewAccount;
use mv_app::{App, Creation};
use mv_core::entropy::SystemEntropy;
use mv_core::{Client, Clock, Role, SystemClock};

use crate::cli::{Account, AdminCommand, CreateAdmin, Invite, ResetPassword, RotateJwtKey};
use crate::jwt_key::{self, JwtKeyError};
use crate::password::{self, PasswordError};
use crate::settings::{Secret, Settings};
use crate::wire::{self, Machine, OpenFailure, Sharing};

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

/// Accounts read at once for the list.
const PAGE: u32 = 500;

/// Runs the command.
///
/// # Errors
/// `AdminFailure`.
pub async fn run(settings: &Settings, command: AdminCommand) -> Result<(), AdminFailure> {
    let secret = match &command {
        // Only the file of the keys is changed: neither the vault nor its database is opened.
        AdminCommand::RotateJwtKey(flags) => return rotate(settings, flags),
        AdminCommand::Create(CreateAdmin { password, .. })
        | AdminCommand::ResetPassword(ResetPassword { password, .. }) => Some(password::read(password.password_stdin)?),
        _ => None,
    };
    let public_url = settings.public_url_at(settings.listen).to_string();
    let vault = wire::open(settings, public_url, Machine::default(), Sharing::Beside).await?;
    let done = change(&vault.app, command, secret.as_ref().map_or("", Secret::expose)).await;
    if vault.served_elsewhere {
        tokio::time::sleep(NOTICED).await;
    }
    vault.close().await;
    let lines = done.map_err(|error| match error {
        mv_app::Error::Api(refused) => AdminFailure::Refused(sentence(&refused)),
        other => AdminFailure::App(other),
    })?;
    Ok(io::stdout().lock().write_all(lines.as_bytes())?)
}

fn rotate(settings: &Settings, flags: &RotateJwtKey) -> Result<(), AdminFailure> {
    let path = &settings.jwt_key_file;
    let line = if flags.prune {
        let dropped = jwt_key::prune(path, SystemClock::default().now())?;
        format!("{dropped} old keys were dropped from {}\n", path.display())
    } else {
        jwt_key::rotate(path, &SystemEntropy)?;
        let path = path.display();
        format!("{path} has a new key on top; drop the old ones in an hour: mediavault admin rotate-jwt-key --prune\n")
    };
    Ok(io::stdout().lock().write_all(line.as_bytes())?)
}

/// Does it; gives what is to be printed.
async fn change(app: &App, command: AdminCommand, secret: &str) -> mv_app::Result<String> {
    let (login, act, said) = match command {
        AdminCommand::Create(CreateAdmin { email, username, .. }) => {
            let account = NewAccount { email, password: secret.to_owned(), username, ..NewAccount::default() };
            let user = app.create_admin(account).await?;
            return Ok(format!("administrator {} was made: {}\n", user.email, user.id));
        }
        AdminCommand::ResetPassword(ResetPassword { email, .. }) => {
            let user = app.reset_password(&email, secret).await?;
            return Ok(format!("{} has a new password; its sessions and links have ended\n", user.email));
        }
        // Done before a vault was opened.
        AdminCommand::RotateJwtKey(_) => return Ok(String::new()),
        AdminCommand::List => return list(app).await,
        AdminCommand::ResetLink(Account { login }) => {
            let user = app.account_of(&login).await?;
            return Ok(app.create_reset_link(None, user.id, &Client::default(), Creation::default()).await? + "\n");
        }
        AdminCommand::Invite(invite) => return invited(app, invite).await,
        AdminCommand::Disable(Account { login }) => (login, Act::Disable, "is disabled; its sessions have ended"),
        AdminCommand::Enable(Account { login }) => (login, Act::Enable, "is enabled"),
        AdminCommand::Promote(Account { login }) => (login, Act::Promote, "is an administrator"),
        AdminCommand::Demote(Account { login }) => (login, Act::Demote, "is a plain user"),
        AdminCommand::EndSessions(Account { login }) => (login, Act::EndSessions, "has no session any more"),
    };
    let user = app.act_on_account(&login, act).await?;
    Ok(format!("{} {said}\n", user.email))
}

async fn invited(app: &App, invite: Invite) -> mv_app::Result<String> {
    let wanted = NewInvite {
        email: invite.email,
        role: invite.admin.then_some(Role::Admin),
        quota_bytes: invite.quota_bytes,
        expires_at: Some(app.now().plus(Duration::from_secs(u64::from(invite.days) * 86_400))),
    };
    let (_, url) = app.create_invite(None, wanted, &Client::default(), Creation::default()).await?;
    Ok(url + "\n")
}

/// One account a line, with a tab between. No name that an account can have holds a tab or a line end.
async fn list(app: &App) -> mv_app::Result<String> {
    let (mut lines, mut after) = (String::new(), None);
    loop {
        let users = app.accounts_any(after, PAGE).await?;
        for user in &users {
            let standing = if user.disabled { "disabled" } else { "enabled" };
            let username = user.username.as_deref().unwrap_or("-");
            let fields = [&user.id.to_string(), user.role.as_str(), standing, &user.email, username];
            lines.push_str(&fields.join("\t"));
            lines.push('\n');
        }
        match users.last() {
            Some(last) if users.len() == PAGE as usize => after = Some(last.id),
            _ => return Ok(lines),
        }
    }
}

fn sentence(refused: &mv_core::Error) -> String {
    let fields: Vec<String> =
        refused.details.iter().map(|detail| format!("{}: {}", detail.field, detail.message)).collect();
    if fields.is_empty() { refused.message.to_string() } else { fields.join("; ") }
}
