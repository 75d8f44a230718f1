//! What stops a start: always one line that says what is wrong, exit code 1, and nothing is changed.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use mv_testkit::Backend;

use crate::ledger::bytes_of;
use crate::person::Person;
use crate::program::{Home, run};
use crate::vault;

/// A home with one item in it, and no server.
async fn with_an_item(backend: Backend) -> Home {
    let home = Home::new(backend).await;
    let server = home.serve();
    Person::registered(&server, "ann").await.upload("a.bin", bytes_of(1, 40_000)).await;
    server.stop();
    home
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_has_the_data() {
    let home = with_an_item(Backend::Sqlite).await;
    let server = home.serve();
    let line = format!(
        "mediavault: the data folder {} cannot be used: another process uses this data folder\n",
        home.data().display()
    );
    for command in [&["serve"][..], &["check"], &["check", "--quick"]] {
        home.run(command).refused(&line);
    }
    server.stop();
    assert_eq!(home.check().blobs, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_named() {
    let home = Home::new(Backend::Sqlite).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = home.run(&["serve", "--listen", &address]);
    said.refused(&format!("mediavault: cannot listen on {address}; another one is chosen with --listen: "));
    assert!(!home.data().exists(), "a start that cannot be leaves no folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_root_key_must_be_the_right_one() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = with_an_item(backend).await;
        let key = home.data().join("keys/root.key");
        let kept = fs::read(&key).unwrap();
        let place = key.display().to_string();
        let put = |bytes: &[u8], mode: u32| {
            fs::write(&key, bytes).unwrap();
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::remove_file(&key).unwrap();
        for command in ["serve", "check"] {
            home.run(&[command]).refused(&format!("mediavault: there is no key file {place}"));
        }
        assert!(!key.exists(), "a key was made for a vault that has one");
        put(&[7; 32], 0o600);
        let said = home.run(&["serve"]);
        said.refused("mediavault: the vault cannot be opened");
        assert!(said.err.contains("the root key (fingerprint ") && said.err.contains("is not the one"), "{said:?}");
        put(&kept[..31], 0o600);
        home.run(&["serve"])
            .refused(&format!("mediavault: the key file {place} must be a file of exactly 32 bytes, it has 31"));
        put(&kept, 0o644);
        home.run(&["serve"]).refused(&format!("mediavault: the key file {place} has mode 644"));
        put(&kept, 0o600);
        assert_eq!(home.check().blobs, 1);
        home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_key_must_be_a_good_one() {
    let home = with_an_item(Backend::Sqlite).await;
    let key = home.data().join("keys/jwt.key");
    let kept = fs::read(&key).unwrap();
    for (bytes, mode, line) in [
        (&b"nonsense"[..], 0o600, "must hold one key of 64 hexadecimal digits a line"),
        (b"", 0o600, "must hold one key of 64 hexadecimal digits a line"),
        (&kept[..], 0o640, "can be read by others: chmod 600 it"),
    ] {
        fs::write(&key, bytes).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        home.run(&["serve"]).refused(&format!("mediavault: the key file {} {line}", key.display()));
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    home.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_blobs_stop_the_start() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = with_an_item(backend).await;
        let (blobs, away) = (home.data().join("blobs"), home.folder().join("away"));
        let line =
            |reason: &str| format!("mediavault: the data folder {} cannot be used: {reason}", home.data().display());
        let missing = line("the blob folder is not mounted: blobs/.vault_id is missing\n");
        // A disk that is not mounted shows an empty folder, or none.
        fs::rename(&blobs, &away).unwrap();
        home.run(&["serve"]).refused(&missing);
        fs::create_dir(&blobs).unwrap();
        home.run(&["serve"]).refused(&missing);
        home.run(&["check"]).refused(&missing);
        assert_eq!(fs::read_dir(&blobs).unwrap().count(), 0, "something was written into the unmounted folder");
        fs::remove_dir(&blobs).unwrap();
        // Another vault's disk.
        let other = Home::new(Backend::Sqlite).await;
        other.serve().stop();
        fs::rename(other.data().join("blobs"), &blobs).unwrap();
        home.run(&["serve"]).refused(&line("the blob folder belongs to the vault "));
        fs::remove_dir_all(&blobs).unwrap();
        fs::rename(&away, &blobs).unwrap();
        assert_eq!(home.check().blobs, 1);
        home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_must_be_known() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = with_an_item(backend).await;
        vault::execute(
            &home,
            "INSERT INTO schema_migrations (number, name, checksum, applied_at)
             SELECT number + 1, 'later', checksum, applied_at FROM schema_migrations WHERE number = (SELECT MAX(number) FROM schema_migrations)",
        )
        .await;
        for command in ["serve", "check", "migrate"] {
            let said = home.run(&[command]);
            said.refused("mediavault: the database cannot be ");
            assert!(said.err.contains("newer"), "{said:?}");
        }
        assert_eq!(home.files_in("blobs").len(), 1);
        home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_settings_are_one_line() {
    let home = Home::new(Backend::Sqlite).await;
    let file = home.folder().join("file");
    fs::write(&file, "").unwrap();
    let below_a_file = format!("data_dir={}", file.join("data").display());
    for (arguments, part) in [
        (&["--set", "colour=red"][..], "\"colour\""),
        (&["--listen", "nowhere"], "\"listen\""),
        (&["--listen", "0.0.0.0:0"], "trusted_proxies"),
        (&["--set", "limits.max_upload_bytes=0"], "limits.max_upload_bytes"),
        (&["--set", "limits.max_upload_bytes=much"], "limits.max_upload_bytes"),
        (&["--set", "webhooks.ports=80,ssh"], "webhooks.ports"),
        (&["--set", "storage_url=s3://bucket"], "storage_url"),
        (&["--set", "admin.email=a@example.com"], "admin.password"),
        (&["--set", "log.level=loud"], "log.level"),
        (&["--set", "trash.retention_days=0"], "trash.retention_days"),
        (&["--set", &below_a_file], "cannot use the folder"),
        (&["--set", "database_url=mysql://x:hunter2@y/z"], "database_url"),
    ] {
        let said = home.run(&[&["serve"][..], arguments].concat());
        said.refused("mediavault: ");
        assert!(said.err.contains(part), "{arguments:?}: {said:?}");
        assert!(!said.err.contains("hunter2"), "{said:?}");
    }
    for (name, value, part) in [
        ("MEDIAVAULT_COLOUR", "red", "MEDIAVAULT_COLOUR"),
        ("MEDIAVAULT_LIMITS__MAX_UPLOAD_BYTES", "-1", "MEDIAVAULT_LIMITS__MAX_UPLOAD_BYTES"),
        ("MEDIAVAULT_TRUSTED_PROXIES", "[", "MEDIAVAULT_TRUSTED_PROXIES"),
    ] {
        let said = run(home.program().arg("serve").env(name, value), "");
        said.refused("mediavault: ");
        assert!(said.err.contains(part), "{name}={value}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_one_line_without_its_password() {
    let home = Home::new(Backend::Sqlite).await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("database_url=postgres://vault:hunter2@{closed}/vault");
    for command in ["serve", "check", "migrate"] {
        let said = home.run(&[command, "--set", &url]);
        said.refused("mediavault: the database cannot be ");
        assert!(!said.err.contains("hunter2"), "{said:?}");
    }
}
