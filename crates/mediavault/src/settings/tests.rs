//! Tests of settings as a whole: sources in, typed settings or one line out.

use super::*;
use proptest::prelude::*;

/// Sources from `flag:key=value`, `env:NAME=value`, `dev`, and lines of a file.
fn sources(parts: &[&str], file: &str) -> Sources {
    let mut sources = Sources::default();
    for part in parts {
        if *part == "dev" {
            sources.dev = true;
        } else if let Some((name, value)) = part.strip_prefix("flag:").and_then(|rest| rest.split_once('=')) {
            sources.flags.push(Flag { shown: format!("--set {name}"), name: name.into(), value: value.into() });
        } else if let Some((name, value)) = part.strip_prefix("env:").and_then(|rest| rest.split_once('=')) {
            sources.environment.push((name.into(), value.into()));
        } else {
            panic!("{part}");
        }
    }
    if !file.is_empty() {
        sources.file = Some(("vault.toml".into(), file.into()));
    }
    sources
}

fn read(parts: &[&str], file: &str) -> Settings {
    Settings::read(&sources(parts, file)).unwrap_or_else(|error| panic!("{parts:?} {file}: {error}"))
}

fn refusal(parts: &[&str], file: &str) -> String {
    match Settings::read(&sources(parts, file)) {
        Ok(_) => panic!("accepted: {parts:?} {file}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn defaults_are_the_contracts() {
    let settings = read(&[], "");
    assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.exposure, Exposure::Loopback);
    assert_eq!(settings.data_dir, PathBuf::from("mediavault-data"));
    assert_eq!(settings.database, Database::Sqlite("mediavault-data/mediavault.sqlite".into()));
    assert_eq!(settings.root_key_file, PathBuf::from("mediavault-data/keys/root.key"));
    assert_eq!(settings.jwt_key_file, PathBuf::from("mediavault-data/keys/jwt.key"));
    assert_eq!(settings.public_url_at(settings.listen).to_string(), "http://127.0.0.1:8080");
    assert_eq!(settings.registration, Registration::Open);
    assert_eq!(settings.first_admin, None);
    assert_eq!((settings.max_upload_bytes, settings.default_quota_bytes), (50 << 30, None));
    assert_eq!(settings.trash_retention, Duration::from_secs(30 * 86_400));
    assert_eq!(settings.tombstone_retention, Duration::from_secs(3650 * 86_400));
    assert_eq!(settings.metrics_token, None);
    assert_eq!((settings.database_connections, settings.shutdown_grace), (16, Duration::from_secs(30)));
    assert_eq!(settings.log.format, None);
    assert!(settings.trusted_proxies.is_empty() && settings.warnings.is_empty() && !settings.dev);
}

#[test]
fn where_webhooks_may_go() {
    let settings = read(&[], "");
    assert_eq!((settings.webhooks_private, settings.webhooks_ports), (false, None));
    let settings = read(&["flag:webhooks.allow_private_networks=true"], "[webhooks]\nports = '443, 8443'");
    assert_eq!((settings.webhooks_private, settings.webhooks_ports), (true, Some(vec![443, 8443])));
    assert!(settings.warnings.iter().any(|line| line.starts_with("webhooks.allow_private_networks")));
    for ports in ["443;80", "0", "65536", "+80", "", "443,", "all", "-1", "80 81"] {
        let said = refusal(&[&format!("env:MEDIAVAULT_WEBHOOKS__PORTS={ports}")], "");
        assert!(said.contains("webhooks.ports"), "{ports}: {said}");
    }
}

#[test]
fn the_higher_source_wins() {
    let file = "[limits]\nmax_upload_bytes = 1\n";
    let variable = "env:MEDIAVAULT_LIMITS__MAX_UPLOAD_BYTES=2";
    let flag = "flag:limits.max_upload_bytes=3";
    for (parts, file, bytes) in [
        (&[][..], "", 50 << 30),
        (&[], file, 1),
        (&[variable], "", 2),
        (&[variable], file, 2),
        (&[flag], file, 3),
        (&[flag, variable], file, 3),
        (&[flag, "flag:limits.max_upload_bytes=4"], "", 4),
    ] {
        assert_eq!(read(parts, file).max_upload_bytes, bytes, "{parts:?} {file}");
    }
}

#[test]
fn a_higher_source_can_take_a_value_back() {
    let file = "metrics.token = \"from the file\"";
    assert_eq!(read(&[], file).metrics_token, Some(Secret::new("from the file".into())));
    assert_eq!(read(&["env:MEDIAVAULT_METRICS__TOKEN="], file).metrics_token, None);
}

#[test]
fn every_kind_can_come_from_every_source() {
    let from_file = "listen = '127.0.0.1:1'\ntrusted_proxies = ['10.0.0.0/8', '::1']\nregistration = 'closed'\n\
        [limits]\ndefault_quota_bytes = '5 MB'\n[database]\nconnections = 0x10\n[admin]\nemail = 'a@b'\npassword = '12345678'\n\
        [log]\nformat = 'json'\nlevel = 'warn'";
    let from_environment = [
        "env:MEDIAVAULT_LISTEN=127.0.0.1:1",
        "env:MEDIAVAULT_TRUSTED_PROXIES=[\"10.0.0.0/8\", \"::1\"]",
        "env:MEDIAVAULT_REGISTRATION=closed",
        "env:MEDIAVAULT_LIMITS__DEFAULT_QUOTA_BYTES=5 MB",
        "env:MEDIAVAULT_DATABASE__CONNECTIONS=16",
        "env:MEDIAVAULT_ADMIN__EMAIL=a@b",
        "env:MEDIAVAULT_ADMIN__PASSWORD=12345678",
        "env:MEDIAVAULT_LOG__FORMAT=json",
        "env:MEDIAVAULT_LOG__LEVEL=warn",
    ];
    let from_flags = [
        "flag:listen=127.0.0.1:1",
        "flag:trusted_proxies=[\"10.0.0.0/8\", \"::1\"]",
        "flag:registration=closed",
        "flag:limits.default_quota_bytes=5 MB",
        "flag:database.connections=16",
        "flag:admin.email=a@b",
        "flag:admin.password=12345678",
        "flag:log.format=json",
        "flag:log.level=warn",
    ];
    for settings in [read(&[], from_file), read(&from_environment, ""), read(&from_flags, "")] {
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(format!("{:?}", settings.trusted_proxies), "[10.0.0.0/8, ::1/128]");
        assert_eq!(settings.registration, Registration::Closed);
        assert_eq!((settings.default_quota_bytes, settings.database_connections), (Some(5_000_000), 16));
        let admin = settings.first_admin.unwrap();
        assert_eq!((admin.email.as_str(), admin.password.expose()), ("a@b", "12345678"));
        assert_eq!(settings.log.format, Some(crate::telemetry::Format::Json));
        assert_eq!(settings.log.level, crate::telemetry::parse_level("warn").unwrap());
    }
}

/// Each wrong value, alone in a file, with the beginning of what must be said about it.
const WRONG: &[(&str, &str)] = &[
    ("listen = 8080", "setting \"listen\" must be an address with a port, such as 127.0.0.1:8080, not \"8080\""),
    ("listen = 'localhost:8080'", "setting \"listen\" must be an address with a port"),
    ("listen = '127.0.0.1'", "setting \"listen\" must be an address with a port"),
    ("data_dir = ''", "setting \"data_dir\" must be a path"),
    ("data_dir = true", "setting \"data_dir\" must be a path (in a file: in quotes), not \"true\""),
    ("data_dir = \"a\\nb\"", "setting \"data_dir\" must be a path (in a file: in quotes), not \"a\\nb\""),
    ("database_url = 'mysql://u:hidden@h/d'", "setting \"database_url\" must be sqlite, sqlite:PATH or postgres://"),
    ("database_url = 'postgres://'", "setting \"database_url\" must be sqlite, sqlite:PATH or postgres://"),
    ("database_url = 'sqlite:'", "setting \"database_url\" must be sqlite, or sqlite: and the path of a file"),
    ("storage_url = '/srv/files'", "setting \"storage_url\" must be file"),
    ("public_url = 'vault.example.org'", "setting \"public_url\" must be an address such as https://vault.example.org"),
    ("public_url = 'https://u:hidden@vault.example.org'", "setting \"public_url\" must be an address"),
    ("public_url = 'https://vault.example.org/path'", "setting \"public_url\" must be an address"),
    ("trusted_proxies = '10.0.0.0/8'", "setting \"trusted_proxies\" must be a list of texts"),
    ("trusted_proxies = [1]", "setting \"trusted_proxies\" must be a list of texts"),
    ("trusted_proxies = ['proxy']", "setting \"trusted_proxies\" must be a list of IP addresses and networks"),
    ("registration = 'maybe'", "setting \"registration\" must be open, invite or closed, not \"maybe\""),
    ("admin.email = 'a@b'", "setting \"admin.email\" needs admin.password"),
    ("admin.password = 'hidden-hidden'", "setting \"admin.password\" needs admin.email"),
    ("admin.password = 12345678", "setting \"admin.password\" must be text on one line (in a file: in quotes)"),
    ("admin = { email = 'a', password = 'hidden-hidden' }", "setting \"admin.email\" must be an e-mail address"),
    ("admin = { email = 'a@b', password = 'hidden' }", "setting \"admin.password\" must be 8 to 256 characters long"),
    ("limits.max_upload_bytes = 0", "setting \"limits.max_upload_bytes\" must be a number of bytes, 1 or more"),
    ("limits.max_upload_bytes = -1", "setting \"limits.max_upload_bytes\" must be a number of bytes"),
    ("limits.max_upload_bytes = 1.5", "setting \"limits.max_upload_bytes\" must be a number of bytes"),
    ("limits.max_upload_bytes = 'much'", "setting \"limits.max_upload_bytes\" must be a number of bytes"),
    ("limits.max_upload_bytes = 9223372036854775808", "setting \"limits.max_upload_bytes\" must be a number of bytes"),
    ("limits = 7", "there is no setting \"limits\""),
    ("trash.retention_days = 0", "setting \"trash.retention_days\" must be a whole number from 1 to 36500, not \"0\""),
    ("trash.retention_days = '30'", "setting \"trash.retention_days\" must be a whole number"),
    ("trash.tombstone_days = 40000", "setting \"trash.tombstone_days\" must be a whole number from 1 to 36500"),
    ("database.connections = 0", "setting \"database.connections\" must be a whole number from 1 to 500"),
    ("shutdown.grace_seconds = 1979-05-27", "setting \"shutdown.grace_seconds\" must be a whole number"),
    ("log.format = 'xml'", "setting \"log.format\" must be text or json"),
    ("log.level = 'inof'", "setting \"log.level\" must be error, warn, info"),
    ("listen.port = 1", "setting \"listen\" must be an address"),
];

#[test]
fn wrong_values_are_refused_with_place_key_and_expectation() {
    for (line, said) in WRONG {
        let refusal = refusal(&[], &format!("# first line\n\n{line}\n"));
        assert!(refusal.starts_with(&format!("vault.toml line 3: {said}")), "{line}: {refusal}");
        assert!(!refusal.contains("hidden"), "{refusal}");
        assert!(!refusal.contains(char::is_control), "{refusal}");
    }
}

#[test]
fn places_are_named() {
    for (parts, file, said) in [
        (&["env:MEDIAVAULT_LISTEN=x"][..], "", "variable MEDIAVAULT_LISTEN: setting \"listen\" must be "),
        (&["flag:listen=x"], "", "flag --set listen: setting \"listen\" must be "),
        (&[], "a = ", "vault.toml line 1: "),
        (&[], "\n\nlisten = 'x'\nlisten = 'y'", "vault.toml line 4: "),
        (&["env:MEDIAVAULT_TRUSTED_PROXIES=10.0.0.1"], "", "variable MEDIAVAULT_TRUSTED_PROXIES: setting"),
    ] {
        let refusal = refusal(parts, file);
        assert!(refusal.starts_with(said) && !refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn a_wrong_type_is_refused_even_where_another_source_wins() {
    let refusal = refusal(&["flag:database.connections=1"], "database.connections = 'x'");
    assert!(refusal.starts_with("vault.toml line 1: "), "{refusal}");
}

#[test]
fn unknown_settings_name_the_nearest() {
    for (parts, file, said) in [
        (&["flag:lisen=x"][..], "", "flag --set lisen: there is no setting \"lisen\"; the nearest is \"listen\""),
        (
            &["env:MEDIAVAULT_LIMITS_MAX_UPLOAD_BYTES=1"],
            "",
            "variable MEDIAVAULT_LIMITS_MAX_UPLOAD_BYTES belongs to no setting; the nearest is \"MEDIAVAULT_LIMITS__MAX_UPLOAD_BYTES\"",
        ),
        (
            &[],
            "[trash]\nretention = 3",
            "vault.toml line 2: there is no setting \"trash.retention\"; the nearest is \"trash.retention_days\"",
        ),
        (&[], "[trush]\nretention_days = 3", "vault.toml line 1: there is no setting \"trush\""),
        (&[], "\n[vault.deep]\nx = 1", "vault.toml line 2: there is no setting \"vault\"; docs/reference/settings.md"),
        (
            &[],
            "retention_days = 3",
            "vault.toml line 1: there is no setting \"retention_days\"; the nearest is \"trash.ret",
        ),
        (&["env:MEDIAVAULT_PORT=8080"], "", "variable MEDIAVAULT_PORT belongs to no setting"),
        (&["env:MEDIAVAULT_COLOUR=hidden"], "", "variable MEDIAVAULT_COLOUR belongs to no setting; docs/reference"),
        (&["env:MEDIAVAULT_=hidden"], "", "variable MEDIAVAULT_ belongs to no setting"),
    ] {
        let refusal = refusal(parts, file);
        assert!(refusal.starts_with(said), "{parts:?} {file}: {refusal}");
        assert!(!refusal.contains("hidden"), "{refusal}");
    }
}

#[test]
fn foreign_variables_are_left_alone() {
    let parts: Vec<String> = [
        "PATH=/bin",
        "MEDIAVAULTX=1",
        "MEDIAVAULT_CONFIG=/etc/vault.toml",
        "MEDIAVAULT_TEST_UPDATE=1",
        "MEDIAVAULT_FAILPOINT=u3",
        "MEDIAVAULT_SERVICE_HOST=10.0.0.1",
        "MEDIAVAULT_SERVICE_PORT=80",
        "MEDIAVAULT_SERVICE_PORT_HTTP=80",
        "MEDIAVAULT_PORT=tcp://10.0.0.1:80",
        "MEDIAVAULT_PORT_80_TCP=tcp://10.0.0.1:80",
        "MEDIAVAULT_PORT_80_TCP_ADDR=10.0.0.1",
        "MEDIAVAULT_DB_SERVICE_HOST=10.0.0.1",
        "MEDIAVAULT_DB_PORT=tcp://10.0.0.1:80",
        "MEDIAVAULT_DB_PORT_80_TCP_PROTO=tcp",
    ]
    .iter()
    .map(|variable| format!("env:{variable}"))
    .collect();
    read(&parts.iter().map(String::as_str).collect::<Vec<_>>(), "");
}

#[test]
fn later_settings_are_refused() {
    for (line, said) in [
        ("redis_url = 'redis://u:hidden@h'", "setting \"redis_url\": this version does not have several nodes yet"),
        ("limits.share_per_minute = 1", "setting \"limits.share_per_minute\": this version"),
        ("content_url = 'https://c.org'", "setting \"content_url\": this version"),
        ("storage_url = 's3://bucket/x'", "setting \"storage_url\": this version does not have S3 storage yet"),
    ] {
        let refusal = refusal(&[], line);
        assert_eq!(
            refusal.strip_prefix("vault.toml line 1: ").map(|rest| rest.starts_with(said)),
            Some(true),
            "{refusal}"
        );
        assert!(!refusal.contains("hidden"), "{refusal}");
    }
}

#[test]
fn later_settings_may_say_their_default() {
    for setting in schema::TABLE {
        let (schema::Part::Later(_), schema::Default::Is(text)) = (setting.part, setting.default) else { continue };
        read(&[&format!("env:{}={text}", setting.variable())], "");
    }
    read(&["env:MEDIAVAULT_REDIS_URL="], "");
    read(&["env:MEDIAVAULT_LIMITS__ANONYMOUS_PER_MINUTE=60"], "processing.cache_bytes = 5368709120");
}

#[test]
fn secrets_are_redacted() {
    let settings = read(
        &[
            "flag:admin.email=a@b",
            "flag:admin.password=hidden-admin",
            "flag:metrics.token=hidden-token",
            "flag:database_url=postgres://u:hidden-db@h/d",
        ],
        "",
    );
    let debug = format!("{settings:?}");
    assert!(debug.contains("[secret]") && !debug.contains("hidden"), "{debug}");
    assert_eq!(settings.database, Database::Postgres(Secret::new("postgres://u:hidden-db@h/d".into())));
    assert_eq!(settings.root_key_file, PathBuf::from("mediavault-data/keys/root.key"));
    let wrong = refusal(&["flag:metrics.token=hidden\ntoken"], "");
    assert!(!wrong.contains("hidden"), "{wrong}");
}

#[test]
fn plain_http_for_others_needs_a_reason() {
    use Exposure::{Encrypted, Loopback, Proxied, ThisHostOnly};
    let proxies = "flag:trusted_proxies=[\"10.0.0.1\"]";
    for (parts, exposure) in [
        (&["flag:listen=127.0.0.1:80"][..], Some(Loopback)),
        (&["flag:listen=127.9.9.9:80"], Some(Loopback)),
        (&["flag:listen=[::1]:80"], Some(Loopback)),
        (&["flag:listen=[::ffff:127.0.0.1]:80"], Some(Loopback)),
        (&["flag:listen=127.0.0.1:80", proxies], Some(Loopback)),
        (&["flag:listen=127.0.0.1:80", "flag:public_url=https://vault.example.org"], Some(Loopback)),
        (&["flag:listen=0.0.0.0:80"], None),
        (&["flag:listen=[::]:80"], None),
        (&["flag:listen=192.168.1.2:80"], None),
        (&["flag:listen=0.0.0.0:80", proxies], Some(Proxied)),
        (&["flag:listen=0.0.0.0:80", "flag:trusted_proxies=[]"], None),
        (&["flag:listen=0.0.0.0:80", proxies, "flag:public_url=http://localhost"], Some(Proxied)),
        (&["flag:listen=0.0.0.0:80", "flag:public_url=http://localhost"], Some(ThisHostOnly)),
        (&["flag:listen=0.0.0.0:80", "flag:public_url=http://localhost:9/"], Some(ThisHostOnly)),
        (&["flag:listen=[::]:80", "flag:public_url=http://127.0.0.1:9"], Some(ThisHostOnly)),
        (&["flag:listen=0.0.0.0:80", "flag:public_url=https://localhost:9"], None),
        (&["flag:listen=0.0.0.0:80", "flag:public_url=http://192.168.1.2"], None),
        (&["flag:listen=0.0.0.0:80", "flag:public_url=https://vault.example.org"], None),
        (&["flag:listen=0.0.0.0:80", "flag:public_url=http://localhost.example.org"], None),
        (&["flag:listen=0.0.0.0:80", "dev"], Some(ThisHostOnly)),
        (&["flag:listen=0.0.0.0:80", "flag:tls.self_signed=true"], Some(Encrypted)),
        (&["flag:listen=0.0.0.0:80", "flag:tls.cert=c", "flag:tls.key=k"], Some(Encrypted)),
        (&["flag:listen=0.0.0.0:443", "flag:tls.acme_domains=[\"a.org\"]"], Some(Encrypted)),
        (&["flag:listen=0.0.0.0:80", "flag:tls.self_signed=true", proxies], Some(Proxied)),
        (&["flag:listen=127.0.0.1:80", "dev"], Some(Loopback)),
    ] {
        match exposure {
            Some(exposure) => assert_eq!(read(parts, "").exposure, exposure, "{parts:?}"),
            None => {
                let refusal = refusal(parts, "");
                assert!(refusal.starts_with("flag --set listen: setting \"listen\" is "), "{refusal}");
                for cure in [
                    "tls.cert",
                    "--tls-self-signed",
                    "trusted_proxies",
                    "public_url=http://localhost:80",
                    "127.0.0.1:80",
                ] {
                    assert!(refusal.contains(cure), "{refusal}");
                }
            }
        }
    }
}

#[test]
fn one_source_of_certificates() {
    for (file, said) in [
        ("tls.cert = 'c'", "setting \"tls.cert\" needs tls.key"),
        ("tls.key = 'k'", "setting \"tls.key\" needs tls.cert"),
        ("tls = { cert = 'c', key = 'k', self_signed = true }", "setting \"tls.self_signed\" says where"),
        ("tls = { acme_domains = ['a.org'], self_signed = true }", "setting \"tls.acme_domains\" says where"),
        ("tls.acme_email = 'a@b.org'", "setting \"tls.acme_email\" needs tls.acme_domains"),
        ("tls = { acme_domains = ['a.org'], acme_email = 'a' }", "setting \"tls.acme_email\" must be an e-mail"),
        ("tls = { acme_domains = ['a.org'], acme_directory = 'http://a' }", "setting \"tls.acme_directory\" must be"),
        ("trusted_proxies = ['10.0.0.1']\ntls.acme_domains = ['a.org']", "setting \"tls.acme_domains\" cannot be used"),
        ("public_url = 'http://a.org'\ntls.self_signed = true", "setting \"public_url\" begins with http://"),
    ] {
        let refusal = refusal(&[], file);
        assert!(refusal.contains(said), "{file}: {refusal}");
    }
    for name in ["", "*.a.org", "https://a.org", "a.org:443", "192.0.2.1", "[::1]", "a_b.org", "a org"] {
        let refusal = refusal(&[], &format!("tls.acme_domains = ['{name}']"));
        assert!(refusal.contains("tls.acme_domains"), "{name}: {refusal}");
    }
    let settings = read(&["flag:listen=0.0.0.0:443"], "tls.acme_domains = ['A.org', 'b.org']");
    let Tls::Acme(acme) = &settings.tls else { panic!("{:?}", settings.tls) };
    assert_eq!(acme.domains, ["a.org", "b.org"]);
    assert_eq!(settings.public_url_at(settings.listen).to_string(), "https://a.org");
    assert_eq!(read(&[], "").tls, Tls::Off);
}

#[test]
fn origins_are_exact() {
    let settings = read(&[], "cors.allowed_origins = ['https://App.example.org:443', 'http://localhost:5173/']");
    assert_eq!(settings.allowed_origins, ["https://app.example.org", "http://localhost:5173"]);
    for bad in ["*", "null", "", "app.example.org", "https://*.example.org", "https://a.org/app", "https://u@a.org"] {
        let refusal = refusal(&[], &format!("cors.allowed_origins = ['{bad}']"));
        assert!(refusal.contains("\"cors.allowed_origins\""), "{bad}: {refusal}");
    }
}

#[test]
fn development_mode_is_for_sqlite() {
    let postgres = "flag:database_url=postgresql://h/d";
    assert!(matches!(read(&[postgres], "").database, Database::Postgres(_)));
    assert!(refusal(&[postgres, "dev"], "").starts_with("flag --set database_url: setting \"database_url\" is a Post"));
    assert!(read(&["dev"], "").dev);
}

#[test]
fn sqlite_takes_a_path_and_keys_follow() {
    for (url, file, key) in [
        ("sqlite", "v/mediavault.sqlite", "v/keys/root.key"),
        ("sqlite:/ssd/a.db", "/ssd/a.db", "/ssd/keys/root.key"),
        ("sqlite:///ssd/a.db", "/ssd/a.db", "/ssd/keys/root.key"),
        ("sqlite:a.db", "a.db", "keys/root.key"),
    ] {
        let settings = read(&["flag:data_dir=v", &format!("flag:database_url={url}")], "");
        assert_eq!(settings.database, Database::Sqlite(file.into()), "{url}");
        assert_eq!(settings.root_key_file, PathBuf::from(key), "{url}");
    }
    let settings = read(&["flag:keys.file=/k/root", "flag:keys.jwt_file=/k/jwt"], "");
    assert_eq!((settings.root_key_file, settings.jwt_key_file), ("/k/root".into(), "/k/jwt".into()));
}

#[test]
fn doubtful_combinations_are_warned_of() {
    for (parts, said) in [
        (&["flag:listen=0.0.0.0:80", "flag:public_url=http://localhost:9"][..], &["without encryption"][..]),
        (&["flag:listen=0.0.0.0:80", "dev"], &["without encryption"]),
        (&["flag:listen=0.0.0.0:80", "flag:trusted_proxies=[\"10.0.0.1\"]"], &["public_url is not set"]),
        (
            &["flag:listen=0.0.0.0:80", "flag:trusted_proxies=[\"10.0.0.1\"]", "flag:public_url=http://vault"],
            &["only https requests"],
        ),
        (&["flag:public_url=https://vault"], &["trusted_proxies is empty"]),
        (&["flag:trusted_proxies=[\"0.0.0.0/0\", \"::/0\"]"], &["0.0.0.0/0", "::/0"]),
        (&["flag:public_url=https://vault", "flag:trusted_proxies=[\"127.0.0.1\"]"], &[]),
    ] {
        let warnings = read(parts, "").warnings;
        assert_eq!(warnings.len(), said.len(), "{warnings:?}");
        for (warning, said) in warnings.iter().zip(said) {
            assert!(warning.contains(said), "{warning}");
        }
    }
}

proptest! {
    #[test]
    fn no_input_panics_or_breaks_the_line(
        name in ".{0,30}", value in ".{0,60}", file in "(?s).{0,120}", row in 0..schema::TABLE.len(),
    ) {
        let known = schema::TABLE[row].name;
        let flag = |name: &str| vec![Flag { shown: format!("--set {name}"), name: name.into(), value: value.clone() }];
        for sources in [
            Sources { flags: flag(&name), ..Sources::default() },
            Sources { flags: flag(known), ..Sources::default() },
            Sources { environment: vec![(format!("MEDIAVAULT_{name}"), value.clone())], ..Sources::default() },
            Sources { file: Some(("vault.toml".into(), file.clone())), ..Sources::default() },
            Sources { file: Some(("vault.toml".into(), format!("{known} = {file}"))), ..Sources::default() },
        ] {
            if let Err(error) = Settings::read(&sources) {
                let line = error.to_string();
                prop_assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }
}
