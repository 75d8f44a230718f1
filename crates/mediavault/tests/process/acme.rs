//! A certificate by ACME, from an authority on this machine (Debian's `pebble`, with its own DNS server): proven on the
//! port that is served anyway, kept for the next start.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mv_testkit::Backend;

use crate::program::Home;

/// A program that is ended with the test.
struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn helper(command: &mut Command) -> Helper {
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Helper(started.expect("pebble is installed (scripts/setup.sh --tests)"))
}

/// Ports that were free a moment ago.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let held: Vec<TcpListener> = (0..COUNT).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    std::array::from_fn(|place| held[place].local_addr().unwrap().port())
}

/// An authority that looks for proofs at `proofs`; its own certificate is in `folder`.
fn authority(folder: &Path, (listen, management, proofs): (u16, u16, u16), dns: u16) -> Helper {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=authority", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "authority.key", "-out", "authority.pem"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let config = serde_json::json!({ "pebble": {
        "listenAddress": format!("127.0.0.1:{listen}"),
        "managementListenAddress": format!("127.0.0.1:{management}"),
        "certificate": "authority.pem", "privateKey": "authority.key",
        "httpPort": 1, "tlsPort": proofs, "ocspResponderURL": "",
    }});
    fs::write(folder.join("pebble.json"), config.to_string()).unwrap();
    helper(
        Command::new("pebble")
            .args(["-config", "pebble.json", "-dnsserver", &format!("127.0.0.1:{dns}")])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .current_dir(folder),
    )
}

fn answers(roots: &Path, port: u16) -> bool {
    let asked = Command::new("curl")
        .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", "--cacert"])
        .arg(roots)
        .args(["--resolve", &format!("media.test:{port}:127.0.0.1")])
        .arg(format!("https://media.test:{port}/health/live"))
        .output()
        .unwrap();
    asked.stdout == b"200"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_fetched_and_kept() {
    let home = Home::new(Backend::Sqlite).await;
    let [port, listen, management, dns, control] = free_ports();
    let _names = helper(Command::new("pebble-challtestsrv").args([
        "-defaultIPv6=",
        "-defaultIPv4=127.0.0.1",
        "-http01=",
        "-https01=",
        "-tlsalpn01=",
        &format!("-dns01=127.0.0.1:{dns}"),
        &format!("-management=127.0.0.1:{control}"),
    ]));
    let authority = authority(home.folder(), (listen, management, port), dns);
    // The authority's root is made anew at each of its starts, which takes it a while; whoever trusts it trusts what is
    // fetched.
    let roots = home.folder().join("roots.pem");
    let runs = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        let got = Command::new("curl")
            .args(["-s", "-f", "--cacert", "authority.pem", "-o", "roots.pem"])
            .arg(format!("https://localhost:{management}/roots/0"))
            .current_dir(home.folder())
            .status();
        got.unwrap().success()
    });
    assert!(runs, "the authority runs");
    let start = || {
        home.start(
            home.program()
                .args([
                    "serve",
                    "--listen",
                    &format!("127.0.0.1:{port}"),
                    "--set",
                    r#"tls.acme_domains=["media.test"]"#,
                ])
                .args(["--set", &format!("tls.acme_directory=https://localhost:{listen}/dir")])
                .args(["--set", "tls.acme_roots=authority.pem", "--set", "tls.acme_email=root@media.test"]),
        )
    };
    let server = start();
    let fetched = (0..120).any(|_| {
        std::thread::sleep(Duration::from_millis(250));
        answers(&roots, port)
    });
    assert!(fetched, "{}", server.log());
    let kept = home.data().join("acme");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "the account and the certificate");
    for file in files {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    server.stop();
    // Without the authority, the kept one is shown.
    drop(authority);
    let server = start();
    assert!((0..40).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        answers(&roots, port)
    }));
    server.stop();
    home.end().await;
}
