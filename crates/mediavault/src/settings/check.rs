//! Rules between settings, and the step from texts and numbers to types.
//! Promise: the public-address rule of the contract (section 1) holds for every [`Settings`] made here.
//! Not here: where values come from (`load`), and what needs the disk or the network to be known.

use super::error::SettingsError;
use super::load::Loaded;
use super::schema::Key;
use super::tls::{allowed_origins, tls};
use super::{Database, Exposure, FirstAdmin, Network, PublicUrl, Registration, Secret, Settings, Tls};
use crate::telemetry::{Format, Log, parse_level};
use mv_app::limits::Limits;
use mv_app::mail::{BadSmtp, Smtp};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;

/// Types and checks what was loaded. `dev` is the local-development mode.
pub(super) fn check(loaded: &Loaded, dev: bool) -> Result<Settings, SettingsError> {
    let listen = listen(loaded)?;
    let public_url = public_url(loaded)?;
    let trusted_proxies = trusted_proxies(loaded)?;
    let tls = tls(loaded)?;
    if tls != Tls::Off && public_url.as_ref().is_some_and(|url| !url.is_secure()) {
        return Err(rule(
            loaded,
            Key::PublicUrl,
            "begins with http://, but the server has a certificate: say https://".into(),
        ));
    }
    let exposure = exposure(loaded, (listen, &tls), public_url.as_ref(), dev)?;
    let data_dir = PathBuf::from(loaded.text(Key::DataDir).unwrap_or_default());
    let database = database(loaded, &data_dir, dev)?;
    let keys = keys_folder(&database, &data_dir);
    let key_file = |key: Key, name: &str| loaded.text(key).map_or_else(|| keys.join(name), PathBuf::from);
    let days = |key: Key| Duration::from_secs(loaded.number(key).unwrap_or(0).saturating_mul(DAY));
    storage(loaded)?;
    let mut settings = Settings {
        listen,
        dev,
        exposure,
        root_key_file: key_file(Key::KeysFile, "root.key"),
        jwt_key_file: key_file(Key::KeysJwtFile, "jwt.key"),
        data_dir,
        database,
        database_connections: loaded.number(Key::DatabaseConnections).and_then(|n| n.try_into().ok()).unwrap_or(1),
        public_url,
        trusted_proxies,
        tls,
        allowed_origins: allowed_origins(loaded)?,
        registration: registration(loaded),
        first_admin: first_admin(loaded)?,
        limits: limits(loaded),
        max_upload_bytes: loaded.number(Key::MaxUploadBytes).unwrap_or(0),
        default_quota_bytes: loaded.number(Key::DefaultQuotaBytes),
        trash_retention: days(Key::TrashRetentionDays),
        events_retention: days(Key::EventsRetentionDays),
        tombstone_retention: days(Key::TrashTombstoneDays),
        webhooks_private: loaded.switch(Key::WebhooksAllowPrivate),
        webhooks_ports: webhooks_ports(loaded)?,
        processing_sandbox: loaded.text(Key::ProcessingSandbox).as_deref() != Some("off"),
        processing_cache_bytes: loaded.number(Key::ProcessingCacheBytes).unwrap_or(0),
        smtp: smtp(loaded)?,
        users_lookup: loaded.text(Key::UsersLookup).as_deref() != Some("off"),
        metrics_token: loaded.text(Key::MetricsToken).map(Secret::new),
        shutdown_grace: Duration::from_secs(loaded.number(Key::ShutdownGraceSeconds).unwrap_or(0)),
        log: log(loaded)?,
        warnings: Vec::new(),
    };
    settings.warnings = warnings(&settings);
    Ok(settings)
}

fn limits(loaded: &Loaded) -> Limits {
    // Their bounds in the table fit.
    let limit = |key: Key| loaded.number(key).and_then(|n| n.try_into().ok()).unwrap_or(1);
    Limits {
        anonymous: limit(Key::LimitsAnonymous),
        user: limit(Key::LimitsAuthenticated),
        api_key: limit(Key::LimitsApiKey),
        delivery: limit(Key::LimitsDelivery),
    }
}

fn listen(loaded: &Loaded) -> Result<SocketAddr, SettingsError> {
    let text = loaded.text(Key::Listen).unwrap_or_default();
    text.parse().map_err(|_| wrong(loaded, Key::Listen, super::value::expected(Key::Listen.row().kind), Some(text)))
}

fn public_url(loaded: &Loaded) -> Result<Option<PublicUrl>, SettingsError> {
    let Some(text) = loaded.text(Key::PublicUrl) else { return Ok(None) };
    // An address with a user name in it may hold a password too.
    let shown = Some(text.clone()).filter(|text| !text.contains('@'));
    let expected = "an address such as https://vault.example.org, without path, query or user name";
    text.parse().map(Some).map_err(|_| wrong(loaded, Key::PublicUrl, expected, shown))
}

fn trusted_proxies(loaded: &Loaded) -> Result<Vec<Network>, SettingsError> {
    let parse = |text: String| {
        let expected = "a list of IP addresses and networks such as [\"10.0.0.0/8\"]";
        text.parse().map_err(|_| wrong(loaded, Key::TrustedProxies, expected, Some(text)))
    };
    loaded.list(Key::TrustedProxies).into_iter().map(parse).collect()
}

/// The public-address rule: plain HTTP on an address that others can reach needs a reason.
fn exposure(
    loaded: &Loaded,
    (listen, tls): (SocketAddr, &Tls),
    public: Option<&PublicUrl>,
    dev: bool,
) -> Result<Exposure, SettingsError> {
    if listen.ip().to_canonical().is_loopback() {
        return Ok(Exposure::Loopback);
    }
    if !loaded.list(Key::TrustedProxies).is_empty() {
        return Ok(Exposure::Proxied);
    }
    if *tls != Tls::Off {
        return Ok(Exposure::Encrypted);
    }
    if dev || public.is_some_and(PublicUrl::is_this_machine) {
        return Ok(Exposure::ThisHostOnly);
    }
    Err(rule(
        loaded,
        Key::Listen,
        format!(
            "is {listen}, which other machines can reach without encryption: give it a certificate (tls.cert and tls.key, \
             tls.acme_domains or --tls-self-signed), or set trusted_proxies to the proxy in front \
             that speaks https, or public_url=http://localhost:{port} if only this machine can reach the port, or listen \
             on 127.0.0.1:{port}",
            port = listen.port()
        ),
    ))
}

fn database(loaded: &Loaded, data_dir: &Path, dev: bool) -> Result<Database, SettingsError> {
    let text = loaded.text(Key::DatabaseUrl).unwrap_or_default();
    if text == "sqlite" {
        return Ok(Database::Sqlite(data_dir.join("mediavault.sqlite")));
    }
    if let Some(path) = text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest)) {
        return match path {
            "" => Err(wrong(loaded, Key::DatabaseUrl, "sqlite, or sqlite: and the path of a file", None)),
            path => Ok(Database::Sqlite(PathBuf::from(path))),
        };
    }
    let server = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
    if server.is_none_or(str::is_empty) {
        let expected = "sqlite, sqlite:PATH or postgres://user:password@host/name";
        return Err(wrong(loaded, Key::DatabaseUrl, expected, None));
    }
    if dev {
        let reason = "is a PostgreSQL database, which --dev does not use: leave one of the two out";
        return Err(rule(loaded, Key::DatabaseUrl, reason.into()));
    }
    Ok(Database::Postgres(Secret::new(text)))
}

/// Beside the database: in its folder, or under `data_dir` where the database is on a server.
fn keys_folder(database: &Database, data_dir: &Path) -> PathBuf {
    match database {
        Database::Sqlite(file) => file.parent().unwrap_or(Path::new("")).join("keys"),
        Database::Postgres(_) => data_dir.join("keys"),
    }
}

fn storage(loaded: &Loaded) -> Result<(), SettingsError> {
    let text = loaded.text(Key::StorageUrl).unwrap_or_default();
    if text == "file" {
        return Ok(());
    }
    if text.starts_with("s3://") {
        return Err(later(loaded, Key::StorageUrl, "S3 storage"));
    }
    // Not shown: a mistyped s3 address may hold a secret key.
    Err(wrong(loaded, Key::StorageUrl, "file", None))
}

fn registration(loaded: &Loaded) -> Registration {
    match loaded.text(Key::Registration).as_deref() {
        Some("closed") => Registration::Closed,
        Some("invite") => Registration::Invite,
        _ => Registration::Open,
    }
}

/// `any`, or numbers with commas between.
fn webhooks_ports(loaded: &Loaded) -> Result<Option<Vec<u16>>, SettingsError> {
    let text = loaded.text(Key::WebhooksPorts).unwrap_or_default();
    if text == "any" {
        return Ok(None);
    }
    let port = |word: &str| word.trim().parse().ok().filter(|port| *port > 0 && !word.contains('+'));
    let ports: Option<Vec<u16>> = text.split(',').map(port).collect();
    let expected = "any, or ports with commas between, such as \"443, 8443\"";
    ports.map(Some).ok_or_else(|| wrong(loaded, Key::WebhooksPorts, expected, Some(text)))
}

fn smtp(loaded: &Loaded) -> Result<Option<Smtp>, SettingsError> {
    let (url, from) = match (loaded.text(Key::SmtpUrl), loaded.text(Key::SmtpFrom)) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(rule(loaded, Key::SmtpFrom, "needs smtp.url beside it".into())),
        (Some(_), None) => return Err(rule(loaded, Key::SmtpUrl, "needs smtp.from beside it".into())),
        (Some(url), Some(from)) => (url, from),
    };
    match Smtp::new(&url, &from) {
        Ok(smtp) => Ok(Some(smtp)),
        // Not shown: it may hold a password.
        Err(BadSmtp::Url) => {
            Err(wrong(loaded, Key::SmtpUrl, "the address of a mail server such as smtps://host", None))
        }
        Err(BadSmtp::From) => {
            let expected = "an address such as Media Vault <vault@example.org>";
            Err(wrong(loaded, Key::SmtpFrom, expected, Some(from)))
        }
    }
}

fn first_admin(loaded: &Loaded) -> Result<Option<FirstAdmin>, SettingsError> {
    let (email, password) = match (loaded.text(Key::AdminEmail), loaded.text(Key::AdminPassword)) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(rule(loaded, Key::AdminPassword, "needs admin.email beside it".into())),
        (Some(_), None) => return Err(rule(loaded, Key::AdminEmail, "needs admin.password beside it".into())),
        (Some(email), Some(password)) => (email, password),
    };
    // Only what cannot be an address at all; the account's own rules follow when it is made.
    let plausible = email.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if !plausible || email.contains(char::is_whitespace) {
        return Err(wrong(loaded, Key::AdminEmail, "an e-mail address", Some(email)));
    }
    if !(8..=256).contains(&password.chars().count()) {
        return Err(wrong(loaded, Key::AdminPassword, "8 to 256 characters long", None));
    }
    Ok(Some(FirstAdmin { email, password: Secret::new(password) }))
}

fn log(loaded: &Loaded) -> Result<Log, SettingsError> {
    let format = match loaded.text(Key::LogFormat).as_deref() {
        Some("text") => Some(Format::Text),
        Some("json") => Some(Format::Json),
        _ => None,
    };
    let text = loaded.text(Key::LogLevel).unwrap_or_default();
    let expected = "error, warn, info, debug, trace or off, or several such as info,mv_http=debug";
    let level = parse_level(&text).map_err(|_| wrong(loaded, Key::LogLevel, expected, Some(text)))?;
    Ok(Log { format, level })
}

fn warnings(settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    let listen = settings.listen;
    let url = settings.public_url_at(listen);
    if settings.exposure == Exposure::ThisHostOnly {
        lines.push(format!(
            "listening on {listen} without encryption: make sure that only this machine can reach the port; requests to \
             another host than {} are refused",
            url.host()
        ));
    }
    if settings.exposure == Exposure::Proxied && settings.public_url.is_none() {
        lines.push(format!("public_url is not set: links will begin with {url}"));
    }
    if settings.exposure == Exposure::Proxied && settings.public_url.is_some() && !url.is_secure() {
        lines.push(format!("public_url is {url}, but behind trusted_proxies only https requests are answered"));
    }
    if url.is_secure() && settings.trusted_proxies.is_empty() && settings.tls == Tls::Off {
        lines.push(
            "public_url is https but trusted_proxies is empty: all visitors look like the proxy and share its limits"
                .into(),
        );
    }
    if let (Tls::Acme(acme), Some(url)) = (&settings.tls, &settings.public_url)
        && acme.domains.iter().all(|domain| domain != url.host())
    {
        lines.push(format!("public_url is {url}, but tls.acme_domains does not name its host"));
    }
    if settings.webhooks_private {
        lines.push(
            "webhooks.allow_private_networks is true: every user can make this server send requests into its networks"
                .into(),
        );
    }
    for network in settings.trusted_proxies.iter().filter(|network| network.is_everything()) {
        lines.push(format!("trusted_proxies has {network}: anybody can then claim any address and https"));
    }
    lines
}

pub(super) fn wrong(loaded: &Loaded, key: Key, expected: impl Into<String>, shown: Option<String>) -> SettingsError {
    SettingsError::wrong(loaded.origin(key), key.row().name, expected, shown)
}

pub(super) fn rule(loaded: &Loaded, key: Key, reason: String) -> SettingsError {
    SettingsError::Rule { origin: loaded.origin(key), key: key.row().name, reason }
}

fn later(loaded: &Loaded, key: Key, part: &'static str) -> SettingsError {
    SettingsError::Later { origin: loaded.origin(key), key: key.row().name, part }
}
