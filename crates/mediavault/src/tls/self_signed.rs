//! A certificate that the server makes for itself, kept in one file with its key.
//! Promises: the file is for its owner alone and always whole; the certificate is replaced a month before it ends and
//! when its names no longer fit, its key stays.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use mv_core::Timestamp;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use zeroize::Zeroizing;

use super::pair::{Pair, TlsError};
use crate::private_file;

const DAY: Duration = Duration::from_secs(86_400);
/// How long one lasts: what browsers accept at most (CA/Browser Forum, Baseline Requirements 6.3.2, until 2026).
const LIFE_DAYS: u32 = 397;
/// How long before its end the next one is made.
const AHEAD_DAYS: u32 = 30;

/// What the certificate is for: this machine by its usual names, the public URL's host, and the address listened on.
pub(super) fn names(public_host: &str, listen: IpAddr) -> Vec<String> {
    let public = public_host.trim_start_matches('[').trim_end_matches(']');
    let public = public.parse::<IpAddr>().map_or_else(|_| public.to_owned(), |address| address.to_string());
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.insert(public);
    if !listen.is_unspecified() {
        names.insert(listen.to_canonical().to_string());
    }
    names.into_iter().collect()
}

/// The certificate of this folder; made where there is none that fits.
pub(super) fn read_or_make(folder: &Path, names: &[String], now: Timestamp) -> Result<Pair, TlsError> {
    let path = folder.join("self-signed.pem");
    let failed = |source| TlsError::System { path: path.clone(), source };
    match Pair::read(&path, &path) {
        Ok(pair) if fits(&pair, names, now) => return Ok(pair),
        Err(TlsError::System { source, .. }) if source.kind() != io::ErrorKind::NotFound => return Err(failed(source)),
        _ => {}
    }
    // A key that can be read goes on serving: whoever trusts it need not be asked again.
    let old = std::fs::read_to_string(&path).map(Zeroizing::new).ok();
    let key = match old.and_then(|text| KeyPair::from_pem(&text).ok()) {
        Some(key) => key,
        None => KeyPair::generate()?,
    };
    // The key comes first: that is where it is looked for when the certificate is renewed.
    let text = Zeroizing::new(format!("{}{}", *Zeroizing::new(key.serialize_pem()), make(&key, names, now)?));
    private_file::replace(&path, text.as_bytes()).map_err(failed)?;
    Pair::read(&path, &path)
}

fn fits(pair: &Pair, names: &[String], now: Timestamp) -> bool {
    pair.names.iter().eq(names.iter()) && pair.ends > now.plus(DAY * AHEAD_DAYS)
}

fn make(key: &KeyPair, names: &[String], now: Timestamp) -> Result<String, TlsError> {
    let mut certificate = CertificateParams::new(names)?;
    certificate.distinguished_name.push(DnType::CommonName, "Media Vault");
    certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let today = date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(now.seconds()).unwrap_or(0));
    // A day back, for clients whose clocks are behind.
    certificate.not_before = today - DAY;
    certificate.not_after = today + DAY * (LIFE_DAYS - 1);
    Ok(certificate.self_signed(key)?.pem())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn made_once_renewed_in_time_and_when_names_change() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tls");
        let own = names("vault.example.org", "192.0.2.1".parse().unwrap());
        assert_eq!(own, ["127.0.0.1", "192.0.2.1", "::1", "localhost", "vault.example.org"]);
        let now = Timestamp::from_seconds(1_800_000_000);
        let first = read_or_make(&folder, &own, now).unwrap();
        let file = folder.join("self-signed.pem");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        assert_eq!(first.ends, now.plus(DAY * 396));
        let again = read_or_make(&folder, &own, now.plus(DAY * 365)).unwrap();
        assert_eq!(again.text, first.text, "it lasts");
        let next = read_or_make(&folder, &own, now.plus(DAY * 367)).unwrap();
        assert!(next.text != first.text && next.ends > first.ends, "a month before its end it is replaced");
        assert_eq!(next.key.key.public_key(), first.key.key.public_key(), "its key stays");
        let other = names("[2001:db8::1]", "0.0.0.0".parse().unwrap());
        let renamed = read_or_make(&folder, &other, now.plus(DAY * 367)).unwrap();
        assert_eq!(renamed.names.iter().collect::<Vec<_>>(), ["127.0.0.1", "2001:db8::1", "::1", "localhost"]);
        std::fs::write(&file, "nothing").unwrap();
        assert_ne!(read_or_make(&folder, &other, now).unwrap().text, renamed.text, "a broken one is made anew");
        assert_eq!(mode(&file), 0o600);
    }
}
