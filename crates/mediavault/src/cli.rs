//! The command line: commands and flags. Flags that are settings go into the settings' sources as they stand.
//! Promises: no secret is ever an argument; a wrong command line ends with exit code 2.
//! Not here: what the commands do (`commands`), where else settings come from (`settings::load`).

use crate::commands::reprocess::ReprocessFlags;
use crate::commands::worker::WorkerFlags;
use crate::settings::{Flag, SettingsError, Sources};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// A self-hosted home for photos, videos and files.
#[derive(Debug, Parser)]
#[command(name = "mediavault", version, arg_required_else_help = true)]
pub struct Cli {
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingsFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line, program name first. An error is a wrong command line, or a call for help or version.
    pub fn read(arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let cli = Self::try_parse_from(&arguments)?;
        // clap drops what stands before the command when the same flag stands after it too; no setting may vanish so.
        let written = arguments.iter().filter(|argument| is_settings_flag(argument)).count();
        if written != cli.settings.count() {
            let reason = "write each settings flag on one side of the command only";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, reason));
        }
        Ok(cli)
    }
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the vault until a signal ends it.
    Serve,
    /// Make, list and change accounts, also beside a running server.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Bring the database to this version's schema.
    Migrate,
    /// Give a vault that is not served a new root key; the old one is kept beside it.
    RotateRootKey,
    /// Compare database and files with each other; the server must be stopped.
    Check(CheckFlags),
    /// Have items looked at again, also beside a running server.
    Reprocess(ReprocessFlags),
    /// Print the description of the API (OpenAPI 3.1).
    Openapi,
    /// Ask a running server on this machine whether it is ready; exit code 0 if so, else 1.
    Health,
    /// Look at files for a server; started by it alone.
    #[command(hide = true)]
    Worker(WorkerFlags),
}

/// Flags about settings; every command takes them.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsFlags {
    /// Address and port to listen on.
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Folder for the database, the files and the keys.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// Settings file; without it MEDIAVAULT_CONFIG, then mediavault.toml here.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Any setting by its key, such as limits.max_upload_bytes="2 GiB"; can be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
    /// Local development: plain HTTP on any address, and webhooks to this machine.
    #[arg(long, global = true)]
    pub dev: bool,
    /// TLS with a certificate made here; its fingerprint is printed at the start.
    #[arg(long, global = true)]
    pub tls_self_signed: bool,
}

impl SettingsFlags {
    /// These flags with this process's environment and settings file.
    pub fn sources(self) -> Result<Sources, SettingsError> {
        let (flags, dev, config) = self.into_parts();
        Sources::of_process(flags, dev, config)
    }

    fn count(&self) -> usize {
        let words = [self.dev, self.tls_self_signed];
        let single = [self.listen.is_some(), self.data_dir.is_some(), self.config.is_some()].into_iter().chain(words);
        self.set.len() + single.filter(|given| *given).count()
    }

    fn into_parts(self) -> (Vec<Flag>, bool, Option<PathBuf>) {
        let set = self.set.into_iter().map(|(name, value)| Flag { shown: format!("--set {name}"), name, value });
        let self_signed = self.tls_self_signed.then(|| "true".to_owned());
        let named = [
            ("--listen", "listen", self.listen),
            ("--data-dir", "data_dir", self.data_dir),
            ("--tls-self-signed", "tls.self_signed", self_signed),
        ];
        let named = named.into_iter().filter_map(|(shown, name, value)| {
            Some(Flag { shown: shown.to_owned(), name: name.to_owned(), value: value? })
        });
        // The flag with a name of its own is the more deliberate one, so it comes last and wins.
        (set.chain(named).collect(), self.dev, self.config)
    }
}

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct CheckFlags {
    /// Compare database and files by size only, without reading every byte.
    #[arg(long)]
    pub quick: bool,
}

/// Commands about administrators.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Make an administrator.
    Create(CreateAdmin),
    /// Give an account a new password.
    ResetPassword(ResetPassword),
    /// Sign access tokens with a new key from now on; nobody is logged out. A running server notices within a minute, or
    /// at once on SIGHUP.
    RotateJwtKey(RotateJwtKey),
    /// List the accounts: id, role, whether enabled, e-mail, username.
    List,
    /// Forbid an account's use and end its sessions.
    Disable(Account),
    /// Allow an account's use again.
    Enable(Account),
    /// Make an account an administrator's.
    Promote(Account),
    /// Make an account a plain user's.
    Demote(Account),
    /// End an account's sessions.
    EndSessions(Account),
    /// Print a link to a new password for an account; it works once, for an hour.
    ResetLink(Account),
    /// Print an invite to register; it works once.
    Invite(Invite),
}

/// Which account.
#[derive(Debug, Args)]
pub struct Account {
    /// Its e-mail address or username.
    pub login: String,
}

/// Flags of `admin invite`.
#[derive(Debug, Args)]
pub struct Invite {
    /// The only address that may register with it.
    #[arg(long)]
    pub email: Option<String>,
    /// Invite an administrator.
    #[arg(long)]
    pub admin: bool,
    /// Bytes that the account may hold; without it the server's default.
    #[arg(long)]
    pub quota_bytes: Option<u64>,
    /// Days that the invite holds.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=365))]
    pub days: u16,
}

/// Flags of `admin create`.
#[derive(Debug, Args)]
pub struct CreateAdmin {
    /// E-mail address of the new account.
    #[arg(long)]
    pub email: String,
    /// A second login name.
    #[arg(long)]
    pub username: Option<String>,
    /// How the password comes in.
    #[command(flatten)]
    pub password: PasswordFlags,
}

/// Flags of `admin reset-password`.
#[derive(Debug, Args)]
pub struct ResetPassword {
    /// E-mail address of the account.
    #[arg(long)]
    pub email: String,
    /// How the password comes in.
    #[command(flatten)]
    pub password: PasswordFlags,
}

/// Flags of `admin rotate-jwt-key`.
#[derive(Debug, Args)]
pub struct RotateJwtKey {
    /// Instead drop the keys that no longer sign; an hour after the last rotation at the earliest.
    #[arg(long)]
    pub prune: bool,
}

/// How a password comes in; never as an argument, which other users of the machine could see.
#[derive(Debug, Args)]
pub struct PasswordFlags {
    /// Read the password from the first line of standard input instead of asking.
    #[arg(long)]
    pub password_stdin: bool,
}

fn is_settings_flag(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    ["--listen", "--data-dir", "--config", "--set", "--dev", "--tls-self-signed"]
        .iter()
        .any(|flag| bytes.strip_prefix(flag.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"=")))
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
        AdminCommand::augment_subcommands(clap::Command::new("admin")).debug_assert();
        CheckFlags::augment_args(clap::Command::new("check")).debug_assert();
    }

    #[test]
    fn settings_flags_stand_before_or_after_the_command() {
        for line in [
            "mediavault health --listen 127.0.0.1:9 --data-dir d --config c.toml --dev --set a.b=c=d --set e=",
            "mediavault --listen 127.0.0.1:9 --data-dir d --config c.toml --dev --set a.b=c=d --set e= health",
        ] {
            let (flags, dev, config) = parse(line).unwrap().settings.into_parts();
            let flags: Vec<_> = flags.iter().map(|f| format!("{}|{}|{}", f.shown, f.name, f.value)).collect();
            assert_eq!(
                flags,
                ["--set a.b|a.b|c=d", "--set e|e|", "--listen|listen|127.0.0.1:9", "--data-dir|data_dir|d"],
                "{line}"
            );
            assert!(dev);
            assert_eq!(config, Some(PathBuf::from("c.toml")));
        }
    }

    #[test]
    fn no_settings_flag_is_lost() {
        for line in [
            "mediavault --set a=1 health --set b=2",
            "mediavault --set=a=1 health --set b=2",
            "mediavault --listen a health --listen b",
            "mediavault --listen=a health --listen=b",
            "mediavault --dev health --dev",
            "mediavault --tls-self-signed health --tls-self-signed",
            "mediavault health --listen a --listen b",
        ] {
            assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::ArgumentConflict, "{line}");
        }
        let (flags, ..) = parse("mediavault health --set a=--set --set b=--dev").unwrap().settings.into_parts();
        assert_eq!(flags.iter().map(|flag| flag.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn wrong_command_lines_are_usage_errors() {
        for line in [
            "mediavault",
            "mediavault fly",
            "mediavault health --colour",
            "mediavault health --set a",
            "mediavault health --set =a",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn version_and_help_are_no_errors() {
        let version = parse("mediavault --version").unwrap_err();
        assert_eq!((version.kind(), version.exit_code()), (ErrorKind::DisplayVersion, 0));
        assert_eq!(version.to_string(), format!("mediavault {}\n", env!("CARGO_PKG_VERSION")));
        assert_eq!(parse("mediavault --help").unwrap_err().exit_code(), 0);
    }

    #[test]
    fn passwords_are_no_arguments() {
        #[derive(Debug, Parser)]
        struct Admin {
            #[command(subcommand)]
            command: AdminCommand,
        }
        let parse = |line: &str| Admin::try_parse_from(line.split(' '));
        let admin = parse("admin create --email a@b.ch --username a --password-stdin").unwrap();
        let AdminCommand::Create(create) = admin.command else { panic!("another command") };
        assert_eq!((create.email.as_str(), create.username.as_deref()), ("a@b.ch", Some("a")));
        assert!(create.password.password_stdin);
        let admin = parse("admin reset-password --email a@b.ch").unwrap();
        let AdminCommand::ResetPassword(reset) = admin.command else { panic!("another command") };
        assert!(reset.email == "a@b.ch" && !reset.password.password_stdin);
        let admin = parse("admin invite --email a@b.ch --admin --quota-bytes 5 --days 365").unwrap();
        let AdminCommand::Invite(invite) = admin.command else { panic!("another command") };
        assert_eq!((invite.admin, invite.quota_bytes, invite.days), (true, Some(5), 365));
        for line in ["admin invite --days 0", "admin invite --days 366", "admin disable", "admin promote a b"] {
            assert!(parse(line).is_err(), "{line}");
        }
        for line in
            ["admin create", "admin create --email a@b.ch --password x", "admin reset-password --email a@b.ch x"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
