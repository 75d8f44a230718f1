//! TLS of the server's own: which versions and protocols it speaks, and whose certificate it shows.
//! Promises: TLS 1.2 and 1.3 by one provider of cryptography; a certificate that changes is shown from the next
//! connection on, and one that cannot be used never takes the place of one that can.
//! Not here: the handshake (`mv_http::server`), who may listen without TLS (`settings::check`).

mod acme;
mod pair;
mod self_signed;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use mv_core::Clock;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::commands::one_line;
use crate::settings::{PublicUrl, Settings, Tls};

pub use acme::Renewal;
use pair::Pair;
pub use pair::TlsError;

/// What the server needs to speak TLS.
pub struct Ready {
    /// For the accept loop.
    pub config: Arc<ServerConfig>,
    /// What keeps the certificate fresh.
    pub keeper: Keeper,
    /// The certificate's SHA-256, where people must compare it themselves.
    pub fingerprint: Option<String>,
}

/// What keeps a certificate fresh.
pub enum Keeper {
    /// Looks again from time to time.
    Look(Arc<Certificates>),
    /// Fetches a new one when it is due.
    Fetch(Renewal),
}

/// Reads, makes or asks for the certificate that the settings name; `None` where they name none. `bound` is where the
/// server listens.
///
/// # Errors
/// Where there is no usable certificate to begin with. ACME begins without one and fetches it while the server runs.
pub fn prepare(
    settings: &Settings,
    public_url: &PublicUrl,
    bound: SocketAddr,
    clock: Arc<dyn Clock>,
) -> Result<Option<Ready>, TlsError> {
    let source = match &settings.tls {
        Tls::Off => return Ok(None),
        Tls::Acme(acme) => {
            let renewal = Renewal::new(acme, &settings.data_dir)?;
            let config = server_config(renewal.resolver(), &[acme::PROOF])?;
            return Ok(Some(Ready { config, keeper: Keeper::Fetch(renewal), fingerprint: None }));
        }
        Tls::Files { cert, key } => Source::Files { cert: cert.clone(), key: key.clone() },
        Tls::SelfSigned => Source::SelfSigned {
            folder: settings.data_dir.join("tls"),
            names: self_signed::names(public_url.host(), bound.ip()),
        },
    };
    let is_ours = matches!(source, Source::SelfSigned { .. });
    let certificates = Arc::new(Certificates::new(source, clock)?);
    let fingerprint = is_ours.then(|| certificates.fingerprint());
    let config = server_config(certificates.clone(), &[])?;
    Ok(Some(Ready { config, keeper: Keeper::Look(certificates), fingerprint }))
}

fn server_config(resolver: Arc<dyn ResolvesServerCert>, more: &[&[u8]]) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    let protocols: [&[u8]; 2] = [b"h2", b"http/1.1"];
    config.alpn_protocols = protocols.iter().chain(more).map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

/// The one provider of cryptography in the process.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Where a certificate is looked for.
enum Source {
    Files { cert: PathBuf, key: PathBuf },
    SelfSigned { folder: PathBuf, names: Vec<String> },
}

/// The certificate that is shown, and where the next one comes from.
pub struct Certificates {
    source: Source,
    clock: Arc<dyn Clock>,
    held: RwLock<Held>,
}

struct Held {
    pair: Pair,
    /// What was wrong when it was last looked, so that it is told once.
    complaint: Option<String>,
}

impl Certificates {
    fn new(source: Source, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let pair = read(&source, clock.as_ref())?;
        tracing::info!("the certificate is good until {}", pair.ends);
        Ok(Self { source, clock, held: RwLock::new(Held { pair, complaint: None }) })
    }

    /// Looks for another certificate and shows it from now on. One that cannot be used is told in the log.
    pub fn look(&self) {
        let read = read(&self.source, self.clock.as_ref());
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(pair) if pair.text == held.pair.text => held.complaint = None,
            Ok(pair) => {
                tracing::info!("showing a new certificate, good until {}", pair.ends);
                *held = Held { pair, complaint: None };
            }
            Err(error) => {
                let complaint = one_line(&error);
                if held.complaint.as_ref() != Some(&complaint) {
                    tracing::error!("the certificate cannot be replaced, the old one stays: {complaint}");
                    held.complaint = Some(complaint);
                }
            }
        }
    }

    fn fingerprint(&self) -> String {
        self.held.read().unwrap_or_else(PoisonError::into_inner).pair.fingerprint()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.held.read().unwrap_or_else(PoisonError::into_inner).pair.key.clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

fn read(source: &Source, clock: &dyn Clock) -> Result<Pair, TlsError> {
    match source {
        Source::Files { cert, key } => Pair::read(cert, key),
        Source::SelfSigned { folder, names } => self_signed::read_or_make(folder, names, clock.now()),
    }
}
