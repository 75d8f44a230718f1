//! The settings of a vault: read from flags, environment and file, checked, and typed.
//! Promise: whoever holds a [`Settings`] holds values that are well-formed and go together; its `Debug` has no secrets.
//! Not here: what is done with them (`wire` and the commands).

mod check;
mod error;
mod load;
mod nearest;
mod network;
mod public_url;
pub mod reference;
pub mod schema;
mod tls;
mod value;

pub use error::{Origin, SettingsError};
pub use load::{Flag, Sources};
pub use network::{Network, NotANetwork};
pub use public_url::{NotAnOrigin, PublicUrl};
pub use tls::{Acme, Tls};

use crate::telemetry::Log;
use mv_app::limits::Limits;
use mv_app::mail::Smtp;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be set, as the rest of the program uses it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Local-development mode (`--dev`).
    pub dev: bool,
    /// How plain connections are kept from strangers.
    pub exposure: Exposure,
    /// Folder for everything that has no place of its own.
    pub data_dir: PathBuf,
    /// The database.
    pub database: Database,
    /// How many connections to it.
    pub database_connections: u16,
    /// The address people use, if it was set; [`Settings::public_url_at`] has the default.
    pub public_url: Option<PublicUrl>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// Where certificates come from.
    pub tls: Tls,
    /// Origins whose pages may call the API, as browsers write them.
    pub allowed_origins: Vec<String>,
    /// Who may register.
    pub registration: Registration,
    /// The administrator to make when there is none.
    pub first_admin: Option<FirstAdmin>,
    /// How many requests a minute pass.
    pub limits: Limits,
    /// Largest upload in bytes.
    pub max_upload_bytes: u64,
    /// Quota of new users in bytes; none means no limit.
    pub default_quota_bytes: Option<u64>,
    /// How long the trash keeps an item.
    pub trash_retention: Duration,
    /// How long events can be read again.
    pub events_retention: Duration,
    /// How long deleted bytes are remembered.
    pub tombstone_retention: Duration,
    /// Whether webhooks may reach private networks.
    pub webhooks_private: bool,
    /// The ports that webhooks may reach; none means any at which receivers may live.
    pub webhooks_ports: Option<Vec<u16>>,
    /// Whether files are looked at inside a sandbox.
    pub processing_sandbox: bool,
    /// Room for pictures that can be made again, in bytes.
    pub processing_cache_bytes: u64,
    /// Whether people find each other by their exact e-mail or username.
    pub users_lookup: bool,
    /// The root key's file.
    pub root_key_file: PathBuf,
    /// The file of the key that signs access tokens.
    pub jwt_key_file: PathBuf,
    /// The mail server, if there is one.
    pub smtp: Option<Smtp>,
    /// Bearer token for `/metrics`; without one only loopback may read them.
    pub metrics_token: Option<Secret>,
    /// How long requests under way may take after SIGTERM.
    pub shutdown_grace: Duration,
    /// What is logged, and how.
    pub log: Log,
    /// What the operator should hear at the start, one line each.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Reads all sources, highest first: flags, environment, file, defaults; then checks what they say together.
    pub fn read(sources: &Sources) -> Result<Self, SettingsError> {
        check::check(&load::load(sources)?, sources.dev)
    }

    /// The address people use: what was set, else that of the socket the server listens on.
    pub fn public_url_at(&self, bound: SocketAddr) -> PublicUrl {
        self.public_url.clone().unwrap_or_else(|| match &self.tls {
            Tls::Off => PublicUrl::of_socket(bound),
            Tls::Files { .. } | Tls::SelfSigned => PublicUrl::of_tls_socket(bound, None),
            Tls::Acme(acme) => PublicUrl::of_tls_socket(bound, acme.domains.first().map(String::as_str)),
        })
    }
}

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// SQLite in this file.
    Sqlite(PathBuf),
    /// PostgreSQL at this URL, which may hold a password.
    Postgres(Secret),
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Whoever has an invite.
    Invite,
    /// Nobody.
    Closed,
}

/// How plain HTTP is kept from strangers ("All endpoints require HTTPS", contract section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// Only this machine reaches the address.
    Loopback,
    /// A trusted proxy is in front; requests must come with `X-Forwarded-Proto: https`.
    Proxied,
    /// The server has a certificate.
    Encrypted,
    /// Other machines might reach the port, but only requests to this machine's own names are meant: a `Host` other
    /// than that of the public URL gets 421.
    ThisHostOnly,
}

/// The administrator to make when there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstAdmin {
    /// E-mail address.
    pub email: String,
    /// Password, 8 to 256 characters.
    pub password: Secret,
}

/// Text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests;
