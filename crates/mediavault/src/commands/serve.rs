//! `serve`: runs the vault until a signal ends it; requests under way are finished.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use mv_app::App;
use mv_app::events::dispatch;
use mv_app::jobs::schedule;
use mv_app::processing::runner;
use mv_app::webhooks::deliver;
use mv_http::{router, server};
use tokio::net::TcpListener;

use super::one_line;
use crate::open_files;
use crate::reload::{self, Again};
use crate::settings::Settings;
use crate::tls::{self, Keeper, TlsError};
use crate::wire::{self, Machine, OpenFailure, Sharing, Vault};
use crate::{jwt_key, shutdown, telemetry};

/// Why the server did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeFailure {
    /// Logs.
    #[error("logging cannot be started")]
    Telemetry(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The address.
    #[error("cannot listen on {address}; another one is chosen with --listen")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The vault.
    #[error(transparent)]
    Open(#[from] OpenFailure),
    /// The first administrator.
    #[error("the administrator of the settings cannot be made")]
    Admin(#[source] mv_app::Error),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The link to the first administrator's account.
    #[error("the setup link cannot be made")]
    Setup(#[source] mv_app::Error),
    /// The system.
    #[error("the system refused")]
    System(#[from] io::Error),
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// `ServeFailure`.
pub async fn run(settings: &Settings) -> Result<(), ServeFailure> {
    let _telemetry = telemetry::start(&settings.log).map_err(ServeFailure::Telemetry)?;
    let stop = shutdown::on_signal()?;
    let hangup = reload::on_hangup()?;
    let listen = |source| ServeFailure::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
    let bound = listener.local_addr()?;
    let public_url = settings.public_url_at(bound);
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let limit = open_files::raise();
    let vault = wire::open(settings, public_url.to_string(), Machine::default(), Sharing::Alone).await?;
    vault.first_admin(settings).await.map_err(ServeFailure::Admin)?;
    let timetable = tokio::spawn(schedule::run(vault.app.clone(), stop.clone()));
    let dispatcher = tokio::spawn(dispatch::run(vault.app.clone(), stop.clone()));
    let deliverer = tokio::spawn(deliver::run(vault.app.clone(), stop.clone()));
    let processing = tokio::spawn(runner::run(vault.app.clone(), stop.clone()));
    let certificate = tls::prepare(settings, &public_url, bound, Machine::default().clock)?;
    let setup = vault.app.setup_link().await.map_err(ServeFailure::Setup)?;
    let fingerprint = certificate.as_ref().and_then(|ready| ready.fingerprint.clone());
    // A start that fails says one thing alone: why.
    if let Some(limit) = limit.filter(|limit| *limit < open_files::WANTED) {
        tracing::warn!(limit, "the system lets this server open {limit} files and sockets only");
    }
    banner(settings, &vault, &public_url.to_string(), setup.as_deref(), fingerprint.as_deref())?;
    let mut again = vec![keys_again(vault.app.clone(), settings.jwt_key_file.clone())];
    let mut encrypted = None;
    if let Some(tls::Ready { config, keeper, .. }) = certificate {
        encrypted = Some(config);
        match keeper {
            Keeper::Look(certificates) => again.push(Box::new(move || certificates.look())),
            Keeper::Fetch(renewal) => drop(tokio::spawn(stop.clone().run_until_cancelled_owned(renewal.run()))),
        }
    }
    tokio::spawn(reload::run(hangup, again, stop.clone()));
    let options =
        server::Options { shutdown_grace: settings.shutdown_grace, tls: encrypted, ..server::Options::default() };
    server::serve(listener, router::router(wire::app_state(vault.app.clone(), settings)), options, stop).await?;
    // The timetable stops with the same signal; what it was doing may be done twice.
    timetable.abort();
    dispatcher.abort();
    // Deliveries under way have a moment to end; it began with the signal.
    // Jobs under way too.
    if processing.await.is_err() {
        tracing::error!("the processing of files ended out of order");
    }
    if deliverer.await.is_err() {
        tracing::error!("deliveries to webhooks ended out of order");
    }
    vault.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Reads the keys of access tokens again.
fn keys_again(app: Arc<App>, path: PathBuf) -> Again {
    Box::new(move || match jwt_key::load(&path) {
        Ok(keys) => {
            if app.replace_jwt_keys(keys) {
                tracing::info!("the keys of access tokens have changed; the first one of the file signs from now on");
            }
        }
        Err(error) => tracing::error!("the keys of access tokens stay as they were: {}", one_line(&error)),
    })
}

/// Four lines for a person at a terminal, and one more for a certificate that nobody else vouches for; a closed pipe is
/// no reason to fail. The setup link is a secret: it goes there
/// alone, never into the log.
fn banner(
    settings: &Settings,
    vault: &Vault,
    public_url: &str,
    setup: Option<&str>,
    fingerprint: Option<&str>,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let keys = settings.root_key_file.display();
    let second = match setup {
        Some(link) => format!("Make the first administrator (once, within 30 minutes): {link}"),
        None => format!("API and docs: {public_url}/api/docs"),
    };
    let mut lines = format!(
        "Media Vault {} at {public_url}\n{second}\nData: {}\nBack up {keys} (fingerprint {}): without it nothing can be read\n",
        env!("CARGO_PKG_VERSION"),
        settings.data_dir.display(),
        vault.key_fingerprint,
    );
    if let Some(fingerprint) = fingerprint {
        lines.push_str(&format!("Certificate made here, SHA-256 {fingerprint}\n"));
    }
    match out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
