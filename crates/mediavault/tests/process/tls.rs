//! TLS of the program's own: a certificate of files, exchanged while it runs, and one that it makes itself. Through
//! `curl` and `openssl`, so that both ends of the handshake are not ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mv_testkit::Backend;
use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Home, Running};

/// Makes a certificate for `localhost` and 127.0.0.1, valid for two days, that vouches for itself.
fn certificate(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// What `curl` says of the server: headers and body, or nothing where it does not trust it.
fn ask(arguments: &[&str], url: &str) -> String {
    let output =
        Command::new("curl").args(["-sS", "-i", "--max-time", "20"]).args(arguments).arg(url).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn shown_name(server: &Running) -> String {
    let address = server.origin().trim_start_matches("https://");
    let output = Command::new("openssl")
        .args(["s_client", "-connect", address, "-servername", "localhost"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).lines().find(|line| line.starts_with("subject=")).unwrap_or("").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_files_is_spoken_with_and_exchanged() {
    let home = Home::new(Backend::Sqlite).await;
    certificate(home.folder(), "first");
    let (cert, key) = (home.folder().join("cert.pem"), home.folder().join("key.pem"));
    let pem = cert.to_str().unwrap();
    let server = home.start(home.program().args([
        "serve",
        "--set",
        &format!("tls.cert={pem}"),
        "--set",
        &format!("tls.key={}", key.display()),
    ]));
    assert!(server.origin().starts_with("https://"), "{:?}", server.banner());
    let url = format!("{}/api/v1/server", server.origin());
    let answer = ask(&["--cacert", pem], &url);
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
    let promised = answer.lines().find_map(|line| line.strip_prefix("strict-transport-security: max-age="));
    let seconds: u64 = promised.expect("HSTS").trim().split(';').next().unwrap().parse().unwrap();
    assert!(seconds >= 31_536_000, "at least a year: {seconds}");
    assert!(ask(&["--cacert", pem, "--http1.1"], &url).starts_with("HTTP/1.1 200"));
    assert_eq!(ask(&[], &url), "", "nobody else vouches for it");
    for old in ["1.0", "1.1"] {
        assert_eq!(ask(&["--cacert", pem, "--tls-max", old], &url), "", "TLS {old}");
    }
    assert_eq!(ask(&[], &url.replace("https:", "http:")), "", "plain HTTP finds nobody");

    // Another pair is shown from the next connection on; one that cannot be used changes nothing.
    assert!(shown_name(&server).contains("first"), "{}", shown_name(&server));
    let hang_up = || kill_process(Pid::from_raw(server.pid().cast_signed()).unwrap(), Signal::HUP).unwrap();
    certificate(home.folder(), "second");
    hang_up();
    let shows = |name: &str| {
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            shown_name(&server).contains(name)
        })
    };
    assert!(shows("second"));
    fs::write(&cert, "nonsense").unwrap();
    hang_up();
    std::thread::sleep(Duration::from_millis(500));
    assert!(shown_name(&server).contains("second"));
    let log = server.stop();
    assert!(log.contains("the certificate cannot be replaced"), "{log}");
    home.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_its_own_is_made_once_and_kept_private() {
    let home = Home::new(Backend::Sqlite).await;
    let start = || home.start(home.program().args(["serve", "--tls-self-signed"]));
    // It says a fifth line, with the certificate's fingerprint, so it is not ended by `stop`.
    let mut server = start();
    let url = format!("{}/health/ready", server.origin());
    assert!(ask(&["--insecure"], &url).starts_with("HTTP/2 200"));
    let kept = home.data().join("tls");
    let files: Vec<_> = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert!(!text.contains("PRIVATE KEY") || mode == 0o600, "{}: {mode:o}", file.display());
    }
    // Whoever trusts what was made is spoken with.
    let pem = files.iter().find(|file| fs::read_to_string(file).unwrap().contains("BEGIN CERTIFICATE")).unwrap();
    assert!(ask(&["--cacert", pem.to_str().unwrap()], &url).starts_with("HTTP/2 200"));
    let before = fs::read(pem).unwrap();
    server.terminate();
    server.ended();
    let mut server = start();
    assert_eq!(fs::read(pem).unwrap(), before, "the same one after a restart");
    server.terminate();
    server.ended();
    home.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_leaves_no_core_behind() {
    let home = Home::new(Backend::Sqlite).await;
    let server = home.serve();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    server.stop();
    home.end().await;
}
