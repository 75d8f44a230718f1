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

fn can_have_a_network() -> bool {
    let tried = Command::new("unshare").args(["--net", "--mount", "ip", "link"]).output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("skipped: a network of its own needs unshare and ip, and the right to use them");
    }
    can
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

/// Two networks with a cable between them, and this test in both: a public address that is not this machine's.
const TWO_NETWORKS: &str =
    "ip link add near type veth peer name far && ip addr add 1.0.0.1/24 dev near && ip link set near up
    unshare --net sh -ec 'until ip addr add 1.0.0.2/24 dev far 2>/dev/null; do sleep 0.02; done
        ip link set far up; export MEDIAVAULT_TEST_SECOND_PROCESS=far; exec \"$0\" \"$@\"' \"$0\" \"$@\" &
    far=$!
    trap 'kill $far' EXIT
    until [ \"$(readlink /proc/$far/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.02; done
    ip link set far netns $far
    \"$0\" \"$@\"";

#[tokio::test]
async fn a_public_receiver_is_reached() {
    match env::var(SECOND).as_deref() {
        Ok("far") => {
            let listener = TcpListener::bind((std::net::Ipv6Addr::UNSPECIFIED, 80)).await.unwrap();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                drop(heard_by(&mut socket).await);
                socket.write_all(OK.as_bytes()).await.unwrap();
            }
        }
        Ok(_) => {
            let client = strict(Resolver::given(|_| vec!["1.0.0.2".parse().unwrap()]));
            for url in ["http://1.0.0.2/", "http://far.example/"] {
                assert_eq!(client.check("url", url).await.map(String::from), Ok(url.to_owned()));
                let reached = async { while post(&client, url, SHORT).await.map(|answer| answer.status) != Ok(200) {} };
                timeout(LONG, reached).await.unwrap();
            }
        }
        Err(_) if can_have_a_network() => {
            let before = ["unshare", "--net", "sh", "-ec", TWO_NETWORKS];
            let output = finished(again(&before, "a_public_receiver_is_reached", "near")).await;
            assert!(output.status.success(), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        }
        Err(_) => {}
    }
}

/// The network of the second process: loopback, where the only name server is.
const NAMES_ONLY: &str = "ip link set lo up && mount --bind \"$RESOLV_CONF\" /etc/resolv.conf && exec \"$0\" \"$@\"";

/// Rows 83 and 84 with the system's own resolver: a name server that changes its mind, and one that says nothing.
#[tokio::test]
async fn rows_83_and_84_by_a_name_server() {
    if env::var(SECOND).is_ok() {
        return ask_a_name_server().await;
    }
    if !can_have_a_network() {
        return;
    }
    let conf = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(conf.path(), "nameserver 127.0.0.1\noptions timeout:20 attempts:1\n").unwrap();
    let before = ["unshare", "--net", "--mount", "sh", "-ec", NAMES_ONLY];
    let mut command = again(&before, "rows_83_and_84_by_a_name_server", "names");
    command.env("RESOLV_CONF", conf.path());
    let begun = Instant::now();
    let output = finished(command).await;
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    assert!(begun.elapsed() < Duration::from_secs(15), "a lookup without an answer holds up the end");
}

async fn ask_a_name_server() {
    let asked = Arc::new(AtomicUsize::new(0));
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:53").await.unwrap();
    tokio::spawn(serve_names(socket, asked.clone()));
    let trap = receiver(|socket| async move { drop(socket) }).await;
    let client = strict(Resolver::default());
    let url = |name: &str| format!("http://{name}.example:{}/", trap.port);
    for name in ["private", "mixed", "sixes", "mapped", "none"] {
        assert!(client.check("url", &url(name)).await.is_err(), "{name}");
        let expected = if name == "none" { Failure::NameNotFound } else { Failure::Blocked };
        assert_eq!(post(&client, &url(name), LONG).await, Err(expected), "{name}");
    }
    assert_eq!(client.check("url", &url("moves")).await.map(String::from), Ok(url("moves")));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the system asked once");
    assert_eq!(post(&client, &url("moves"), LONG).await, Err(Failure::Blocked));
    assert_eq!(post(&client, &url("silent"), SHORT).await, Err(Failure::TimedOut));
    assert_eq!(trap.accepted(), 0);
    let open = Outgoing::new(Policy { allow_private: true, ..Policy::default() }, Resolver::default()).unwrap();
    assert!(post(&open, &url("moves"), LONG).await.is_err());
    assert_eq!(trap.accepted(), 1, "the trap works");
}

/// A name server (RFC 1035) that knows the names of the test; `moves` is public the first time.
async fn serve_names(socket: tokio::net::UdpSocket, moves: Arc<AtomicUsize>) {
    let mut packet = [0; 512];
    loop {
        let (length, from) = socket.recv_from(&mut packet).await.unwrap();
        let question = &packet[12..length];
        let end = question.iter().position(|byte| *byte == 0).unwrap();
        let name = String::from_utf8_lossy(&question[1..=usize::from(question[0])]).into_owned();
        let is_four = question[end + 2] == 1;
        let addresses: &[&str] = match (name.as_str(), is_four) {
            ("private", true) => &["192.168.0.1"],
            ("mixed", true) => &["8.8.8.8", "127.0.0.1"],
            ("sixes", true) => &["8.8.8.8"],
            ("sixes", false) => &["fd00:ec2::254"],
            ("mapped", false) => &["::ffff:127.0.0.1"],
            ("moves", true) if moves.fetch_add(1, Ordering::SeqCst) == 0 => &["8.8.8.8"],
            ("moves", true) => &["127.0.0.1"],
            ("silent", _) => continue,
            _ => &[],
        };
        let mut answer = packet[..2].to_vec();
        // An answer with one question and so many addresses; then the question itself.
        answer.extend([0x81, 0x80, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0]);
        answer.extend(&question[..end + 5]);
        for address in addresses {
            // The name of the question, its type, the class of the internet, a life of no seconds.
            answer.extend([0xc0, 12, 0, question[end + 2], 0, 1, 0, 0, 0, 0, 0]);
            match address.parse().unwrap() {
                IpAddr::V4(address) => answer.extend([&[4][..], &address.octets()].concat()),
                IpAddr::V6(address) => answer.extend([&[16][..], &address.octets()].concat()),
            }
        }
        socket.send_to(&answer, from).await.unwrap();
    }
}
