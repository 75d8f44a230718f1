//! A certificate chain and its private key, read from PEM (RFC 7468) and found to belong together.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mv_core::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::provider;

/// Why a certificate cannot be used; each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The system refused.
    #[error("cannot use {path}")]
    System {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Not what it should hold.
    #[error("{path} holds no {what} (PEM)")]
    Form {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The two do not go together, or cannot be used.
    #[error("the certificate {path} and its key cannot be used")]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// A certificate cannot be made.
    #[error("no certificate can be made")]
    Make(#[from] rcgen::Error),
    /// The library refuses its settings.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// A usable certificate.
#[derive(Debug)]
pub(super) struct Pair {
    /// What it was read from, to tell another one by.
    pub(super) text: Zeroizing<Vec<u8>>,
    /// For handshakes.
    pub(super) key: Arc<CertifiedKey>,
    /// The second after which it is not valid.
    pub(super) ends: Timestamp,
    /// Names and addresses that it is for.
    pub(super) names: BTreeSet<String>,
}

impl Pair {
    /// From the file of the chain and that of the key; they may be the same.
    pub(super) fn read(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let open = |path: &Path| {
            fs::read(path).map(Zeroizing::new).map_err(|source| TlsError::System { path: path.to_owned(), source })
        };
        let (mut text, key_text) = (open(cert)?, open(key)?);
        let no_chain = || TlsError::Form { path: cert.to_owned(), what: "certificate" };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| no_chain())?;
        let (ends, names) = chain.first().and_then(|leaf| facts(leaf)).ok_or_else(no_chain)?;
        let secret = PrivateKeyDer::from_pem_slice(&key_text)
            .map_err(|_| TlsError::Form { path: key.to_owned(), what: "private key" })?;
        let certified = CertifiedKey::from_der(chain, secret, &provider())
            .map_err(|source| TlsError::Pair { path: cert.to_owned(), source })?;
        text.extend_from_slice(&key_text);
        Ok(Self { text, key: Arc::new(certified), ends, names })
    }

    /// SHA-256 of the certificate as browsers show it: pairs of digits in upper case, colons between.
    pub(super) fn fingerprint(&self) -> String {
        let leaf = self.key.cert.first().map_or(&[][..], |leaf| leaf.as_ref());
        Sha256::digest(leaf).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }
}

/// When a certificate ends, and what it is for (RFC 5280 sections 4.1.2.5 and 4.2.1.6).
fn facts(leaf: &[u8]) -> Option<(Timestamp, BTreeSet<String>)> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let ends = Timestamp::from_seconds(certificate.validity().not_after.timestamp());
    let alternatives = certificate.subject_alternative_name().ok()?;
    let names = alternatives.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    Some((ends, names.iter().filter_map(text).collect()))
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}
