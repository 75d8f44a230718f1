//! What needs a process of its own: variables of the environment, and a network of its own. Each test starts itself again.
#![expect(clippy::disallowed_methods, reason = "a test tells its second process by a variable")]

use std::env;
use std::process::{Command, Output};

use super::*;

/// Set in the second process; says what to do there.
const SECOND: &str = "MEDIAVAULT_TEST_SECOND_PROCESS";

/// The test `name` of this file once more, started by the program before it.
fn again(before: &[&str], name: &str, task: &str) -> Command {
    let here = env::current_exe().unwrap();
    let mut command = Command::new(before[0]);
    command.args(&before[1..]).arg(here).args(["--exact", "--nocapture"]);
    command.arg(format!("net::client::tests::processes::{name}")).env(SECOND, task);
    command
}

async fn finished(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn row_89_proxies_of_the_environment_are_not_asked() {
    if let Ok(url) = env::var(SECOND) {
        assert_eq!(post(&open(), &url, LONG).await.unwrap().status, 200);
        return;
    }
    let (receiver, _) = answering(OK).await;
    let (proxy, heard) = answering(OK).await;
    let before = ["env", "-u", "NO_PROXY", "-u", "no_proxy"];
    let mut command = again(&before, "row_89_proxies_of_the_environment_are_not_asked", &receiver.url("/"));
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, proxy.url(""));
    }
    let output = finished(command).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!((receiver.accepted(), proxy.accepted(), heard.lock().unwrap().len()), (1, 0, 0));
}

/// The network of the second process: loopback that is also a cloud's metadata service, a private address and public
/// ones of this machine.
const NETWORK: &str = "ip link set lo up && ip addr add 169.254.169.254/32 dev lo && ip addr add 10.0.0.1/32 dev lo \
    && ip addr add 8.8.8.8/32 dev lo && ip -6 addr add fd00:ec2::254/128 dev lo && ip -6 addr add 2606:4700::1111/128 dev lo \
    && exec \"$0\" \"$@\"";

/// Every way that the checklist knows to name an address of that network (rows 79 to 83 and 89).
const WAYS_IN: [&str; 29] = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[fe80::1%25lo]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "10.0.0.1",
    "[fd00:ec2::254]",
    "8.8.8.8",
    "[2606:4700::1111]",
    "[::ffff:8.8.8.8]",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "loopback.example",
    "mixed.example",
    "mapped.example",
    "metadata.example",
    "own.example",
];

fn names(name: &str) -> Vec<IpAddr> {
    let addresses: &[&str] = match name {
        "loopback.example" | "localhost" | "localhost." => &["127.0.0.1"],
        "mixed.example" => &["1.1.1.1", "127.0.0.1"],
        "mapped.example" => &["::ffff:10.0.0.1"],
        "metadata.example" => &["169.254.169.254"],
        "own.example" => &["8.8.8.8"],
        _ => &[],
    };
    addresses.iter().map(|text| text.parse().unwrap()).collect()
}

/// Row 17: in a network where each of these addresses is there and listens, nothing is ever reached.
#[tokio::test]
async fn row_17_traps_on_every_address_hear_nothing() {
    if env::var(SECOND).is_ok() {
        return walk_into_traps().await;
    }
    if !matches!(Command::new("unshare").args(["--net", "ip", "link"]).output(), Ok(output) if output.status.success())
    {
        eprintln!("skipped: a network of its own needs unshare and ip, and the right to use them");
        return;
    }
    let before = ["unshare", "--net", "sh", "-ec", NETWORK];
    let output = finished(again(&before, "row_17_traps_on_every_address_hear_nothing", "traps")).await;
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

async fn walk_into_traps() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let ports = [80, 443, 6379, 8080];
    for port in ports {
        // IPv4 arrives here too, as mapped addresses.
        let listener = TcpListener::bind((std::net::Ipv6Addr::UNSPECIFIED, port)).await.unwrap();
        let count = accepted.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let client = strict(Resolver::given(names));
    for host in WAYS_IN {
        for port in ports {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://{host}:{port}/");
                assert!(client.check("url", &url).await.is_err(), "{url}");
                assert_eq!(post(&client, &url, LONG).await, Err(Failure::Blocked), "{url}");
            }
        }
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 0);
    // The traps work: whoever is allowed falls into each.
    let mut expected = 0;
    for host in ["127.1", "[::1]", "169.254.169.254", "[fd00:ec2::254]", "8.8.8.8", "loopback.example"] {
        let open = Policy { allow_private: true, ..Policy::default() };
        let client = Outgoing::new(open, Resolver::given(names)).unwrap();
        assert!(post(&client, &format!("http://{host}/"), LONG).await.is_err(), "it hangs up");
        expected += 1;
        assert_eq!(accepted.load(Ordering::SeqCst), expected, "{host}");
    }
}
