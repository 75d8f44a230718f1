//! The one table of settings: key, type, default, meaning, and whether its part exists in this version.
//! Promises: every key of the contract ("Running it") is a row, and nothing else names a key or a default.
//! Not here: reading values (`value`), where they come from (`load`), rules between settings (`check`).

/// What a setting takes, and how its text form is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An IP address with its port.
    Address,
    /// A file or folder; a relative one counts from the working directory.
    Path,
    /// Any text on one line.
    Text,
    /// Text that is never printed.
    Secret,
    /// `true` or `false`.
    Switch,
    /// A whole number within these bounds.
    Number {
        /// The smallest allowed.
        least: u64,
        /// The largest allowed.
        most: u64,
    },
    /// A number of bytes, at least this many: an integer, or text with a unit such as `50 GiB`.
    Bytes {
        /// The smallest allowed.
        least: u64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Several texts; in the environment and in flags written as a JSON list.
    List,
}

/// What holds when nobody sets a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// This value, in its text form.
    Is(&'static str),
    /// No value. Setting the empty text means the same.
    Nothing,
    /// Worked out at the start from other settings, as described.
    From(&'static str),
}

/// Whether this version has what the setting is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It has.
    Here,
    /// It has not yet; the text names what is missing. Any value but the default stops the start.
    Later(&'static str),
}

/// One row of [`TABLE`].
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Which one.
    pub key: Key,
    /// Its name, with a dot between section and key.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds without it.
    pub default: Default,
    /// Whether its part exists.
    pub part: Part,
    /// What it does, in one line.
    pub doc: &'static str,
}

impl Setting {
    /// The environment variable of this setting: `limits.max_upload_bytes` is `MEDIAVAULT_LIMITS__MAX_UPLOAD_BYTES`.
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.to_ascii_uppercase().replace('.', "__"))
    }
}

/// What every environment variable of the settings begins with.
pub const VARIABLE_PREFIX: &str = "MEDIAVAULT_";

macro_rules! settings {
    ($($key:ident $name:literal $kind:expr, $default:expr, $part:expr, $doc:literal;)*) => {
        /// Names a row of [`TABLE`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Key {
            $(#[doc = $doc] $key,)*
        }

        /// Every setting, in the order of the contract.
        pub const TABLE: &[Setting] = &[
            $(Setting { key: Key::$key, name: $name, kind: $kind, default: $default, part: $part, doc: $doc },)*
        ];
    };
}

impl Key {
    /// Its row. The macro makes rows and keys together, so the index always exists.
    pub const fn row(self) -> &'static Setting {
        &TABLE[self as usize]
    }
}

/// Byte counts and other numbers end here, because both databases keep them as signed 64-bit integers.
pub const MOST: u64 = i64::MAX as u64;

/// The highest rate limit: the time of each request that counts is kept.
const RATES: u64 = mv_app::limits::MOST_PER_MINUTE as u64;

const fn number(least: u64, most: u64) -> Kind {
    Kind::Number { least, most }
}

const HERE: Part = Part::Here;
const NODES: Part = Part::Later("several nodes");
const SHARES: Part = Part::Later("shares");
const CONTENT: Part = Part::Later("a content address of its own");

settings! {
    Listen "listen" Kind::Address, Default::Is("127.0.0.1:8080"), HERE,
        "Address and port to listen on (`--listen`). An address that other machines can reach needs a certificate (`tls.*`), `trusted_proxies`, or a `public_url` of this machine.";
    DataDir "data_dir" Kind::Path, Default::Is("mediavault-data"), HERE,
        "Folder for the database, the files and the keys (`--data-dir`).";
    DatabaseUrl "database_url" Kind::Secret, Default::Is("sqlite"), HERE,
        "`sqlite` (a file under `data_dir`), `sqlite:PATH`, or `postgres://user:password@host/name`.";
    StorageUrl "storage_url" Kind::Text, Default::Is("file"), HERE,
        "Where the bytes live: `file` is a folder under `data_dir`. `s3://bucket/prefix` comes in a later version.";
    RedisUrl "redis_url" Kind::Secret, Default::Nothing, NODES,
        "Redis, needed where several nodes run.";
    PublicUrl "public_url" Kind::Text, Default::From("from `listen`"), HERE,
        "The address people type, such as `https://vault.example.org`, without a path. Links are made with it.";
    TrustedProxies "trusted_proxies" Kind::List, Default::Is("[]"), HERE,
        "Addresses or networks of the proxies in front, such as `[\"10.0.0.0/8\"]`. Only their `X-Forwarded-*` headers are believed, and `X-Forwarded-Proto` must then say https.";
    Registration "registration" Kind::Choice(&["open", "invite", "closed"]), Default::Is("open"), HERE,
        "Who may register: everybody, whoever has an invite of an administrator's, or nobody, not even with an invite.";
    AdminEmail "admin.email" Kind::Text, Default::Nothing, HERE,
        "E-mail of the first administrator, made at the start when there is none. Needs `admin.password`.";
    AdminPassword "admin.password" Kind::Secret, Default::Nothing, HERE,
        "Password of that administrator, 8 to 256 characters. Needs `admin.email`.";
    TlsCert "tls.cert" Kind::Path, Default::Nothing, HERE,
        "Certificate chain (PEM), the server's own certificate first. Read again when it changes: within a minute, or at once on SIGHUP. Needs `tls.key`.";
    TlsKey "tls.key" Kind::Path, Default::Nothing, HERE,
        "Private key of that certificate (PEM). Read again together with it.";
    TlsAcmeDomains "tls.acme_domains" Kind::List, Default::Is("[]"), HERE,
        "Names to fetch a certificate for by ACME (tls-alpn-01: port 443 of each must reach this server directly, so not together with `trusted_proxies`).";
    TlsAcmeEmail "tls.acme_email" Kind::Text, Default::Nothing, HERE,
        "E-mail given to the ACME authority.";
    TlsAcmeDirectory "tls.acme_directory" Kind::Text, Default::Is("https://acme-v02.api.letsencrypt.org/directory"), HERE,
        "Directory of the ACME authority. Setting `tls.acme_domains` agrees to its terms.";
    TlsAcmeRoots "tls.acme_roots" Kind::Path, Default::Nothing, HERE,
        "Certificates (PEM) that vouch for the authority's own server, where it is one of your own.";
    TlsSelfSigned "tls.self_signed" Kind::Switch, Default::Is("false"), HERE,
        "Make a self-signed certificate under `data_dir` and renew it (`--tls-self-signed`). Its fingerprint is printed at the start.";
    CorsAllowedOrigins "cors.allowed_origins" Kind::List, Default::Is("[]"), HERE,
        "Origins whose pages may call the API, credentials included, such as `[\"https://app.example.org\"]`. Signed links may then be shown by pages elsewhere too.";
    LimitsAnonymous "limits.anonymous_per_minute" number(1, RATES), Default::Is("60"), HERE,
        "Requests a minute for an anonymous address.";
    LimitsAuthenticated "limits.authenticated_per_minute" number(1, RATES), Default::Is("1000"), HERE,
        "Requests a minute for a user.";
    LimitsApiKey "limits.api_key_per_minute" number(1, RATES), Default::Is("5000"), HERE,
        "Requests a minute for an API key.";
    LimitsDelivery "limits.delivery_per_minute" number(1, RATES), Default::Is("6000"), HERE,
        "Deliveries of content a minute for a user or a signed link's maker.";
    LimitsShare "limits.share_per_minute" number(1, RATES), Default::Is("1200"), SHARES,
        "Requests a minute for a share and an address.";
    MaxUploadBytes "limits.max_upload_bytes" Kind::Bytes { least: 1 }, Default::Is("50 GiB"), HERE,
        "Largest file that may be uploaded.";
    DefaultQuotaBytes "limits.default_quota_bytes" Kind::Bytes { least: 0 }, Default::Nothing, HERE,
        "Space for each new user; without it there is no limit.";
    WebhooksAllowPrivate "webhooks.allow_private_networks" Kind::Switch, Default::Is("false"), HERE,
        "Whether webhooks may reach addresses that are not of the public internet: this machine, private networks, link-local ones. With `--dev` this machine may be reached anyway.";
    TrashRetentionDays "trash.retention_days" number(1, 36_500), Default::Is("30"), HERE,
        "Days that an item stays in the trash before it is gone.";
    TrashTombstoneDays "trash.tombstone_days" number(1, 36_500), Default::Is("3650"), HERE,
        "Days that the vault remembers which bytes were deleted for good.";
    EventsRetentionDays "events.retention_days" number(1, 36_500), Default::Is("30"), HERE,
        "Days that events can be read again.";
    SmtpUrl "smtp.url" Kind::Secret, Default::Nothing, HERE,
        "Mail server: `smtps://user:password@host`, or `smtp://user:password@host?tls=required` where TLS begins after the greeting. Needs `smtp.from`.";
    SmtpFrom "smtp.from" Kind::Text, Default::Nothing, HERE,
        "Sender of the mails, such as `Media Vault <vault@example.org>`. Needs `smtp.url`.";
    UsersLookup "users.lookup" Kind::Choice(&["exact", "off"]), Default::Is("exact"), HERE,
        "Whether users find each other by their exact e-mail or username.";
    KeysFile "keys.file" Kind::Path, Default::From("`keys/root.key` beside the database"), HERE,
        "The root key (mode 0600), made when missing. Without it nothing can be read: back it up.";
    KeysJwtFile "keys.jwt_file" Kind::Path, Default::From("`keys/jwt.key` beside the database"), HERE,
        "The key that signs access tokens (mode 0600), made when missing.";
    MetricsToken "metrics.token" Kind::Secret, Default::Nothing, HERE,
        "Bearer token for `/metrics`; without it only this machine may read them.";
    ContentUrl "content_url" Kind::Text, Default::Nothing, CONTENT,
        "Address that content is served from, apart from the pages.";
    ProcessingSandbox "processing.sandbox" Kind::Choice(&["on", "off"]), Default::Is("on"), HERE,
        "Whether files are looked at inside a sandbox. `off` is for systems without seccomp: a hostile file can then do what the server can.";
    ProcessingCacheBytes "processing.cache_bytes" Kind::Bytes { least: 0 }, Default::Is("5 GiB"), HERE,
        "Room under `data_dir/cache` for pictures that can be made again.";
    DatabaseConnections "database.connections" number(1, 500), Default::Is("16"), HERE,
        "Connections to the database.";
    ShutdownGraceSeconds "shutdown.grace_seconds" number(0, 3600), Default::Is("30"), HERE,
        "Seconds that requests under way may take to finish after SIGTERM.";
    WebhooksPorts "webhooks.ports" Kind::Text, Default::Is("any"), HERE,
        "Ports that webhooks may reach: `any` but those where no receiver of HTTP lives (mail, databases, remote shells), or exactly those of a list such as `443, 8443`.";
    LogFormat "log.format" Kind::Choice(&["text", "json"]), Default::From("`text` on a terminal, else `json`"), HERE,
        "How log lines look.";
    LogLevel "log.level" Kind::Text, Default::Is("info"), HERE,
        "`error`, `warn`, `info`, `debug`, `trace` or `off`, also for a part alone: `info,mv_http=debug`.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::value;
    use std::collections::BTreeSet;

    #[test]
    fn rows_stand_where_their_keys_point() {
        for setting in TABLE {
            assert_eq!(setting.key.row().name, setting.name);
            assert!(!setting.doc.contains(['\n', '|']), "{}", setting.name);
        }
        let names: BTreeSet<_> = TABLE.iter().map(|setting| setting.name).collect();
        let variables: BTreeSet<_> = TABLE.iter().map(Setting::variable).collect();
        assert_eq!((names.len(), variables.len()), (TABLE.len(), TABLE.len()), "a name twice");
    }

    #[test]
    fn every_default_can_be_read() {
        for setting in TABLE {
            if let Default::Is(text) = setting.default {
                value::from_text(setting, text).unwrap_or_else(|_| panic!("{}", setting.name));
            }
        }
    }

    #[test]
    fn variables_are_named_as_the_contract_says() {
        assert_eq!(Key::LimitsAnonymous.row().variable(), "MEDIAVAULT_LIMITS__ANONYMOUS_PER_MINUTE");
        assert_eq!(Key::DataDir.row().variable(), "MEDIAVAULT_DATA_DIR");
    }

    /// Two are ours: authorities other than the default one need them.
    #[test]
    fn has_every_key_of_the_contract() {
        let contract = "listen data_dir database_url storage_url redis_url public_url trusted_proxies registration \
            admin.email admin.password tls.cert tls.key tls.acme_domains tls.acme_email \
            tls.acme_directory tls.acme_roots tls.self_signed \
            cors.allowed_origins limits.anonymous_per_minute limits.authenticated_per_minute limits.api_key_per_minute \
            limits.delivery_per_minute limits.share_per_minute limits.max_upload_bytes limits.default_quota_bytes \
            webhooks.allow_private_networks trash.retention_days trash.tombstone_days events.retention_days \
            smtp.url smtp.from users.lookup keys.file keys.jwt_file metrics.token content_url processing.sandbox \
            processing.cache_bytes database.connections shutdown.grace_seconds webhooks.ports log.format log.level";
        let ours: Vec<_> = TABLE.iter().map(|setting| setting.name).collect();
        assert_eq!(ours, contract.split_whitespace().collect::<Vec<_>>());
    }
}
