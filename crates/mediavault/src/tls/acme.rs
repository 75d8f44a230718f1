//! Certificates by ACME (RFC 8555), proven by tls-alpn-01 (RFC 8737) on the port that is served anyway.
//! Promises: what was fetched is kept under `data_dir/acme` for its owner alone; a new one is fetched after two thirds
//! of the life of the old one; failures are told in the log and tried again, and the old one stays as long as it lasts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ResolvesServerCert;
use rustls::{ClientConfig, RootCertStore};
use rustls_acme::{AccountCache, AcmeConfig, AcmeState, CertCache, EventOk};
use sha2::{Digest, Sha256};

use super::pair::TlsError;
use super::provider;
use crate::private_file;
use crate::settings::Acme;

/// The protocol in which names are proven (RFC 8737 section 3).
pub(super) const PROOF: &[u8] = b"acme-tls/1";

/// Fetches certificates as they become due.
pub struct Renewal {
    state: AcmeState<io::Error>,
}

impl Renewal {
    pub(super) fn new(acme: &Acme, data_dir: &Path) -> Result<Self, TlsError> {
        let mut config = AcmeConfig::new(&acme.domains)
            .directory(&acme.directory)
            .contact(acme.email.iter().map(|email| format!("mailto:{email}")));
        if let Some(roots) = &acme.roots {
            config = config.client_tls_config(Arc::new(client_config(roots)?));
        }
        Ok(Self { state: config.cache(Kept { folder: data_dir.join("acme") }).state() })
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        self.state.resolver()
    }

    /// Runs for ever.
    pub async fn run(mut self) {
        while let Some(event) = self.state.next().await {
            match event {
                Ok(EventOk::DeployedCachedCert) => tracing::info!("showing the certificate fetched before"),
                Ok(EventOk::DeployedNewCert) => tracing::info!("showing a new certificate of the ACME authority"),
                Ok(EventOk::CertCacheStore | EventOk::AccountCacheStore) => {}
                Err(error) => tracing::error!("the certificate cannot be fetched, trying again: {error}"),
            }
        }
    }
}

/// For an authority of the operator's own: only these vouch for it.
fn client_config(roots: &Path) -> Result<ClientConfig, TlsError> {
    let broken = || TlsError::Form { path: roots.to_owned(), what: "certificate" };
    let text = std::fs::read(roots).map_err(|source| TlsError::System { path: roots.to_owned(), source })?;
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&text) {
        store.add(root.map_err(|_| broken())?)?;
    }
    if store.is_empty() {
        return Err(broken());
    }
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(store).with_no_client_auth())
}

/// Keeps what was fetched: a file for each account and each set of names, told apart by authority.
struct Kept {
    folder: PathBuf,
}

impl Kept {
    fn path(&self, kind: &str, parts: &[String], directory: &str) -> PathBuf {
        let mut hash = Sha256::new();
        for part in parts.iter().map(String::as_str).chain([directory]) {
            hash.update(part);
            hash.update([0]);
        }
        let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{kind}-{name}.pem"))
    }
}

fn load(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl CertCache for Kept {
    type EC = io::Error;

    async fn load_cert(&self, domains: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        load(&self.path("certificate", domains, directory))
    }

    async fn store_cert(&self, domains: &[String], directory: &str, text: &[u8]) -> io::Result<()> {
        private_file::replace(&self.path("certificate", domains, directory), text)
    }
}

#[async_trait]
impl AccountCache for Kept {
    type EA = io::Error;

    async fn load_account(&self, contact: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        load(&self.path("account", contact, directory))
    }

    async fn store_account(&self, contact: &[String], directory: &str, key: &[u8]) -> io::Result<()> {
        private_file::replace(&self.path("account", contact, directory), key)
    }
}
