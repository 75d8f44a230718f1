//! What the settings say about TLS, and about the origins of other pages: one source of certificates, names that can be
//! certified, origins as browsers write them.
//! Not here: the certificates themselves (`tls`, `acme`); which addresses need them (`check`).

use super::check::{rule, wrong};
use super::load::Loaded;
use super::schema::Key;
use super::{PublicUrl, SettingsError};
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Where certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Nowhere: plain HTTP.
    Off,
    /// From these files (PEM).
    Files {
        /// The chain, the server's own certificate first.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Made here.
    SelfSigned,
    /// Fetched by ACME (RFC 8555).
    Acme(Acme),
}

/// How certificates are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The names to certify, in lower case; at least one.
    pub domains: Vec<String>,
    /// Whom the authority may write to.
    pub email: Option<String>,
    /// The authority's directory.
    pub directory: String,
    /// Who vouches for the authority's own server, where it is none of the well-known ones (PEM).
    pub roots: Option<PathBuf>,
}

/// The source of certificates.
pub(super) fn tls(loaded: &Loaded) -> Result<Tls, SettingsError> {
    let files = files(loaded)?;
    let acme = acme(loaded)?;
    let self_signed = loaded.switch(Key::TlsSelfSigned).then_some(Tls::SelfSigned);
    let mut sources = [(Key::TlsCert, files), (Key::TlsSelfSigned, self_signed), (Key::TlsAcmeDomains, acme)]
        .into_iter()
        .filter_map(|(key, tls)| Some((key, tls?)));
    let Some((first, tls)) = sources.next() else { return Ok(Tls::Off) };
    match sources.next() {
        Some((second, _)) => {
            let reason =
                format!("says where certificates come from, and so does {}: set one of them", first.row().name);
            Err(rule(loaded, second, reason))
        }
        None => Ok(tls),
    }
}

fn files(loaded: &Loaded) -> Result<Option<Tls>, SettingsError> {
    match (loaded.text(Key::TlsCert), loaded.text(Key::TlsKey)) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(rule(loaded, Key::TlsCert, "needs tls.key beside it".into())),
        (None, Some(_)) => Err(rule(loaded, Key::TlsKey, "needs tls.cert beside it".into())),
        (Some(cert), Some(key)) => Ok(Some(Tls::Files { cert: cert.into(), key: key.into() })),
    }
}

fn acme(loaded: &Loaded) -> Result<Option<Tls>, SettingsError> {
    let domains = loaded.list(Key::TlsAcmeDomains);
    if domains.is_empty() {
        return match loaded.text(Key::TlsAcmeEmail) {
            Some(_) => Err(rule(loaded, Key::TlsAcmeEmail, "needs tls.acme_domains beside it".into())),
            None => Ok(None),
        };
    }
    if !loaded.list(Key::TrustedProxies).is_empty() {
        let reason = "cannot be used together with trusted_proxies: the authority must reach this server itself, so the \
                      proxy that ends TLS is the one to fetch certificates";
        return Err(rule(loaded, Key::TlsAcmeDomains, reason.into()));
    }
    let mut names = Vec::new();
    for domain in domains {
        let name = domain.to_ascii_lowercase();
        // A host without scheme and port, and a name: addresses are not certified by ACME's usual authorities.
        let is_host = format!("https://{name}").parse::<PublicUrl>().is_ok_and(|url| url.host() == name);
        if !is_host || name.starts_with('[') || name.parse::<Ipv4Addr>().is_ok() {
            let expected = "a list of names such as [\"vault.example.org\"]";
            return Err(wrong(loaded, Key::TlsAcmeDomains, expected, Some(domain)));
        }
        names.push(name);
    }
    let email = loaded.text(Key::TlsAcmeEmail);
    if let Some(email) = email.as_ref().filter(|email| !email.contains('@') || email.contains([' ', ','])) {
        return Err(wrong(loaded, Key::TlsAcmeEmail, "an e-mail address", Some(email.clone())));
    }
    let directory = loaded.text(Key::TlsAcmeDirectory).unwrap_or_default();
    if !directory.starts_with("https://") {
        return Err(wrong(loaded, Key::TlsAcmeDirectory, "an address that begins with https://", Some(directory)));
    }
    let roots = loaded.text(Key::TlsAcmeRoots).map(PathBuf::from);
    Ok(Some(Tls::Acme(Acme { domains: names, email, directory, roots })))
}

/// The origins whose pages may read answers (contract section 8), as browsers write them (RFC 6454 section 6.2).
pub(super) fn allowed_origins(loaded: &Loaded) -> Result<Vec<String>, SettingsError> {
    let parse = |text: String| {
        let expected = "a list of origins such as [\"https://app.example.org\"], each in full: neither * nor null";
        let origin = text.parse::<PublicUrl>().map(|origin| origin.to_string());
        origin.map_err(|_| {
            wrong(loaded, Key::CorsAllowedOrigins, expected, Some(text).filter(|text| !text.contains('@')))
        })
    };
    loaded.list(Key::CorsAllowedOrigins).into_iter().map(parse).collect()
}
