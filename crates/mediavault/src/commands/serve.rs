//! `serve`: runs the vault until a signal ends it; requests under way are finished.

use std::io::{self, Write};
use std::net::SocketAddr;

use mv_app::events::dispatch;
use mv_app::jobs::schedule;
use mv_http::{router, server};
use tokio::net::TcpListener;

use crate::settings::Settings;
use crate::wire::{self, Machine, OpenFailure, Sharing, Vault};
use crate::{shutdown, telemetry};

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
    let listen = |source| ServeFailure::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
    let public_url = settings.public_url_at(listener.local_addr()?).to_string();
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let vault = wire::open(settings, public_url.clone(), Machine::default(), Sharing::Alone).await?;
    vault.first_admin(settings).await.map_err(ServeFailure::Admin)?;
    let timetable = tokio::spawn(schedule::run(vault.app.clone(), stop.clone()));
    let dispatcher = tokio::spawn(dispatch::run(vault.app.clone(), stop.clone()));
    let setup = vault.app.setup_link().await.map_err(ServeFailure::Setup)?;
    banner(settings, &vault, &public_url, setup.as_deref())?;
    let options = server::Options { shutdown_grace: settings.shutdown_grace, ..server::Options::default() };
    server::serve(listener, router::router(wire::app_state(vault.app.clone(), settings)), options, stop).await?;
    // The timetable stops with the same signal; what it was doing may be done twice.
    timetable.abort();
    dispatcher.abort();
    vault.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Four lines for a person at a terminal; a closed pipe is no reason to fail. The setup link is a secret: it goes there
/// alone, never into the log.
fn banner(settings: &Settings, vault: &Vault, public_url: &str, setup: Option<&str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let keys = settings.root_key_file.display();
    let second = match setup {
        Some(link) => format!("Make the first administrator (once, within 30 minutes): {link}"),
        None => format!("API and docs: {public_url}/api/docs"),
    };
    let lines = format!(
        "Media Vault {} at {public_url}\n{second}\nData: {}\nBack up {keys} (fingerprint {}): without it nothing can be read\n",
        env!("CARGO_PKG_VERSION"),
        settings.data_dir.display(),
        vault.key_fingerprint,
    );
    match out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
