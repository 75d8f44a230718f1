//! The client against receivers that behave, that misbehave, and that must never hear of it.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

mod processes;

/// Long enough for anything that ends by itself.
const LONG: Duration = Duration::from_secs(30);
/// The whole limit of an exchange that does not.
const SHORT: Duration = Duration::from_millis(300);

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A listener on this machine that counts who connects.
struct Receiver {
    port: u16,
    accepted: Arc<AtomicUsize>,
}

impl Receiver {
    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// Serves each connection with the function.
async fn receiver<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Receiver
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, accepted) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = accepted.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(socket));
        }
    });
    Receiver { port, accepted }
}

/// Answers every request of every connection with the same text, and keeps the requests.
async fn answering(answer: impl Into<String>) -> (Receiver, Arc<Mutex<Vec<String>>>) {
    let answer = answer.into();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = heard.clone();
    let receiver = receiver(move |mut socket| {
        let (answer, keep) = (answer.clone(), keep.clone());
        async move {
            while let Some(request) = heard_by(&mut socket).await {
                keep.lock().unwrap().push(request);
                if socket.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    });
    (receiver.await, heard)
}

/// One request with its body, whose length is told.
async fn heard_by(socket: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut piece = [0; 4096];
        let read = socket.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or("0", |text| text);
            if body.len() >= length.parse::<usize>().unwrap() {
                return Some(text);
            }
        }
    }
}

fn open() -> Outgoing {
    Outgoing::new(Policy { allow_private: true, ..Policy::default() }, Resolver::default()).unwrap()
}

fn strict(resolver: Resolver) -> Outgoing {
    Outgoing::new(Policy::default(), resolver).unwrap()
}

async fn post(client: &Outgoing, url: &str, limit: Duration) -> Result<Answer, Failure> {
    client.post(url, HeaderMap::new(), Bytes::from_static(b"{}"), limit).await.outcome
}

#[tokio::test]
async fn posts_what_it_is_given_and_returns_what_it_gets() {
    let (receiver, heard) =
        answering("HTTP/1.1 503 Busy\r\nretry-after: 120\r\nset-cookie: a=b\r\ncontent-length: 5\r\n\r\nlater").await;
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", HeaderValue::from_static("msg_1"));
    headers.insert("host", HeaderValue::from_static("evil.example"));
    let client = open();
    for _ in 0..2 {
        let exchange =
            client.post(&receiver.url("/hooks?a=b%20c"), headers.clone(), Bytes::from_static(b"{\"x\":1}"), LONG).await;
        let answer = exchange.outcome.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (503, &b"later"[..]));
        assert_eq!(answer.retry_after, Some(RetryAfter::In(Duration::from_secs(120))));
        assert!(exchange.took > Duration::ZERO && exchange.took < LONG);
    }
    let request = format!(
        "POST /hooks?a=b%20c HTTP/1.1\r\nwebhook-id: msg_1\r\nhost: 127.0.0.1:{}\r\ncontent-length: 7\r\n\r\n{{\"x\":1}}",
        receiver.port
    );
    assert_eq!(*heard.lock().unwrap(), [request.clone(), request], "and no cookie, agent, referrer or encoding");
    assert_eq!(receiver.accepted(), 1, "one connection serves both");
}

#[tokio::test]
async fn blocked_receivers_never_hear_of_it() {
    let trap = receiver(|socket| async move { drop(socket) }).await;
    let client = strict(Resolver::given(|_| vec!["127.0.0.1".parse().unwrap()]));
    for host in ["127.0.0.1", "127.1", "2130706433", "0", "[::ffff:127.0.0.1]", "localhost", "rebound.example"] {
        let url = format!("http://{host}:{}/", trap.port);
        assert_eq!(post(&client, &url, LONG).await, Err(Failure::Blocked), "{url}");
    }
    assert_eq!(trap.accepted(), 0);
    assert!(post(&open(), &trap.url("/"), LONG).await.is_err());
    assert_ne!(trap.accepted(), 0, "the trap works");
}

#[tokio::test]
async fn a_name_that_moves_is_judged_at_each_connection() {
    let trap = receiver(|socket| async move { drop(socket) }).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    // Row 84: public at first, this machine afterwards; then both at once.
    let client = strict(Resolver::given(move |_| {
        let addresses: &[&str] = match count.fetch_add(1, Ordering::SeqCst) {
            0 => &["8.8.8.8"],
            1 => &["127.0.0.1"],
            _ => &["8.8.8.8", "127.0.0.1"],
        };
        addresses.iter().map(|text| text.parse().unwrap()).collect()
    }));
    let url = format!("http://moves.example:{}/", trap.port);
    assert_eq!(client.check("url", &url).await.unwrap().as_str(), url);
    for _ in 0..2 {
        assert_eq!(post(&client, &url, LONG).await, Err(Failure::Blocked));
    }
    assert_eq!((trap.accepted(), asked.load(Ordering::SeqCst)), (0, 3));
}

#[tokio::test]
async fn what_is_checked_is_told_by_field_and_names_tell_nothing() {
    let client = strict(Resolver::given(|name| match name {
        "public.example" => vec!["8.8.8.8".parse().unwrap()],
        "mixed.example" => vec!["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()],
        "private.example" => vec!["::ffff:192.168.0.1".parse().unwrap()],
        _ => Vec::new(),
    }));
    assert_eq!(client.check("url", "HTTPS://Public.Example").await.unwrap().as_str(), "https://public.example/");
    let mut told = Vec::new();
    for url in ["https://mixed.example/", "https://private.example/", "https://unknown.example/"] {
        let error = client.check("url", url).await.unwrap_err();
        assert_eq!((error.code, error.details[0].field.as_ref()), (mv_core::Code::ValidationError, "url"));
        told.push(error.details[0].message.clone());
    }
    assert!(told.iter().all(|message| *message == told[0]), "{told:?}");
    assert_eq!(post(&client, "https://unknown.example/", LONG).await, Err(Failure::NameNotFound));
}

#[tokio::test]
async fn the_own_public_address_is_refused_by_any_name() {
    let own = vec![Own::Public { host: "vault.example.org".into(), port: 443 }];
    let resolver = Resolver::given(|name| match name {
        "vault.example.org" | "alias.example" => vec!["8.8.4.4".parse().unwrap()],
        _ => vec!["8.8.8.8".parse().unwrap()],
    });
    let client = Outgoing::new(Policy { own, ..Policy::default() }, resolver).unwrap();
    for url in ["https://vault.example.org/x", "https://alias.example/x", "http://8.8.4.4:8080/"] {
        let error = client.check("url", url).await.unwrap_err();
        assert_eq!(error.details[0].message, "Must not be this server itself", "{url}");
        assert_eq!(post(&client, url, LONG).await, Err(Failure::Blocked), "{url}");
    }
    assert!(client.check("url", "https://other.example/x").await.is_ok());
}

#[tokio::test]
async fn row_85_redirects_are_answers() {
    let (trap, heard) = answering(OK).await;
    for status in [301, 302, 303, 307, 308] {
        let location = trap.url("/stolen");
        let (receiver, _) = answering(format!(
            "HTTP/1.1 {status} There\r\nlocation: {location}\r\nrefresh: 0;url={location}\r\ncontent-length: 0\r\n\r\n"
        ))
        .await;
        assert_eq!(post(&open(), &receiver.url("/"), LONG).await.unwrap().status, status);
    }
    assert_eq!((trap.accepted(), heard.lock().unwrap().len()), (0, 0));
}

/// Sends the head, then the piece for as long as anybody listens.
async fn flooding(head: &'static str, piece: &'static [u8], pause: Duration) -> (Receiver, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let receiver = receiver(move |mut socket| {
        let count = count.clone();
        async move {
            drop(heard_by(&mut socket).await);
            let mut next = socket.write_all(head.as_bytes()).await;
            while next.is_ok() {
                count.fetch_add(piece.len(), Ordering::SeqCst);
                next = socket.write_all(piece).await;
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    });
    (receiver.await, sent)
}

#[tokio::test]
async fn row_90_a_body_without_end_is_cut_and_counts() {
    static PIECE: [u8; 8192] = [b'x'; 8192];
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 10737418240\r\n\r\n",
    ] {
        let (receiver, sent) = flooding(head, &PIECE, Duration::ZERO).await;
        let client = open();
        let answer = post(&client, &receiver.url("/"), LONG).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, MOST_BODY), "{head}");
        assert!(answer.body.iter().all(|byte| *byte == b'x'), "bytes as they came");
        assert_eq!(client.0.pool.count(), 0, "such a connection is closed");
        // What the kernel's buffers took on both sides is all that the receiver got rid of.
        assert!(sent.load(Ordering::SeqCst) < 16 << 20);
    }
    let (receiver, _) =
        flooding("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"5\r\nabcde\r\n", Duration::ZERO).await;
    assert_eq!(post(&open(), &receiver.url("/"), LONG).await.unwrap().body.len(), MOST_BODY);
}

#[tokio::test]
async fn a_body_of_just_the_bound_is_whole_and_one_that_breaks_off_counts() {
    let body = "x".repeat(MOST_BODY);
    let (receiver, _) = answering(format!("HTTP/1.1 200 OK\r\ncontent-length: {MOST_BODY}\r\n\r\n{body}")).await;
    let client = open();
    for _ in 0..3 {
        assert_eq!(post(&client, &receiver.url("/"), LONG).await.unwrap().body.len(), MOST_BODY);
    }
    assert_eq!((receiver.accepted(), client.0.pool.count()), (1, 1));
    let broken = self::receiver(|mut socket| async move {
        drop(heard_by(&mut socket).await);
        drop(socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await);
    })
    .await;
    let answer = post(&client, &broken.url("/"), LONG).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"half"[..]));
    assert_eq!(client.0.pool.count(), 1, "only the first connection can be used again");
    let empty = self::receiver(|mut socket| async move {
        drop(heard_by(&mut socket).await);
        drop(socket.write_all(b"HTTP/1.1 204 OK\r\n\r\n").await);
    })
    .await;
    assert_eq!(post(&client, &empty.url("/"), LONG).await.unwrap().status, 204);
}

#[tokio::test]
async fn row_90_whoever_takes_too_long_is_left() {
    let pause = Duration::from_millis(10);
    for (head, piece, what) in [
        ("", &b""[..], "silence"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"x", "a body that drips"),
        ("HTTP/1.1 200 OK\r\nx: ", b"y", "a header that drips"),
        ("", b"HTTP/1.1 100 Continue\r\n\r\n", "interim answers"),
        ("", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", "early hints"),
    ] {
        let (receiver, _) = flooding(head, piece, pause).await;
        let exchange = open().post(&receiver.url("/"), HeaderMap::new(), Bytes::new(), SHORT).await;
        assert_eq!(exchange.outcome, Err(Failure::TimedOut), "{what}");
        assert!(exchange.took >= SHORT && exchange.took < SHORT * 10, "{what}: {:?}", exchange.took);
    }
}

#[tokio::test]
async fn row_90_heads_without_end_are_cut() {
    static LONG_HEADER: [u8; 8192] = [b'y'; 8192];
    for (head, piece, what) in [
        ("HTTP/1.1 200 OK\r\n", &b"x-header: and so on\r\n"[..], "headers"),
        ("HTTP/1.1 200 OK\r\nx: ", &LONG_HEADER, "one header"),
        ("", &LONG_HEADER, "a first line"),
        ("", b"HTTP/1.1 100 Continue\r\n\r\n", "interim answers"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;", &LONG_HEADER, "a chunk's extension"),
    ] {
        let (receiver, sent) = flooding(head, piece, Duration::ZERO).await;
        let exchange = open().post(&receiver.url("/"), HeaderMap::new(), Bytes::new(), LONG).await;
        match what {
            // The head was complete: what follows is a body that breaks off.
            "a chunk's extension" => assert_eq!(exchange.outcome.unwrap().body, b"", "{what}"),
            _ => assert_eq!(exchange.outcome, Err(Failure::BadAnswer), "{what}"),
        }
        assert!(exchange.took < LONG, "{what}");
        assert!(sent.load(Ordering::SeqCst) < 16 << 20, "{what}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_told() {
    for (answer, expected) in [
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", Failure::BadAnswer),
        ("HTTP/1.1 999999 OK\r\n\r\n", Failure::BadAnswer),
        ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Failure::BadAnswer),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx", Failure::BadAnswer),
        ("HTTP/2.0 200 OK\r\n\r\n", Failure::BadAnswer),
        ("HTTP/1.1 200", Failure::ConnectionLost),
        ("", Failure::ConnectionLost),
    ] {
        let receiver = receiver(move |mut socket| async move {
            drop(heard_by(&mut socket).await);
            drop(socket.write_all(answer.as_bytes()).await);
        })
        .await;
        assert_eq!(post(&open(), &receiver.url("/"), LONG).await, Err(expected), "{answer:?}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(post(&open(), &closed, LONG).await, Err(Failure::ConnectFailed));
}

#[tokio::test]
async fn a_connection_that_closed_while_it_waited_costs_no_attempt() {
    let receiver = receiver(|mut socket| async move {
        drop(heard_by(&mut socket).await);
        drop(socket.write_all(OK.as_bytes()).await);
        // The next request is heard, and nothing answers it.
        drop(heard_by(&mut socket).await);
    })
    .await;
    let client = open();
    for _ in 0..3 {
        assert_eq!(post(&client, &receiver.url("/"), LONG).await.unwrap().status, 200);
    }
    assert_eq!(receiver.accepted(), 3);
}

#[tokio::test]
async fn an_answer_too_many_is_nobodys() {
    // What follows an answer must not become the answer to the next request, which may be another user's.
    let doubled = format!("{OK}HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n");
    let (receiver, heard) = answering(doubled).await;
    let client = open();
    for round in 1..=3 {
        assert_eq!(post(&client, &receiver.url("/"), LONG).await.unwrap().status, 200);
        assert_eq!((receiver.accepted(), heard.lock().unwrap().len()), (round, round));
    }
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    let (receiver, _) = answering(upgrade).await;
    for _ in 0..2 {
        assert_eq!(post(&client, &receiver.url("/"), LONG).await.map(|answer| answer.status), Ok(101));
    }
    assert_eq!(receiver.accepted(), 2);
}

#[tokio::test]
async fn receivers_that_close_take_no_room_from_others() {
    let client = open();
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (receiver, _) = answering(answer).await;
        assert_eq!(post(&client, &receiver.url("/"), LONG).await.unwrap().status, 200);
        assert_eq!(client.0.pool.count(), 0, "{answer}");
    }
    let (receiver, _) = answering(OK).await;
    post(&client, &receiver.url("/"), LONG).await.unwrap();
    assert_eq!(client.0.pool.count(), 1);
}

#[tokio::test]
async fn connections_that_nobody_uses_are_closed() {
    let (receiver, _) = answering(OK).await;
    let client = open();
    post(&client, &receiver.url("/"), LONG).await.unwrap();
    assert_eq!(client.0.pool.count(), 1);
    assert!(client.0.pool.close_idle(LONG), "not yet");
    assert!(!client.0.pool.close_idle(Duration::ZERO));
    assert_eq!(client.0.pool.count(), 0);
    post(&client, &receiver.url("/"), LONG).await.unwrap();
    assert_eq!((receiver.accepted(), client.0.pool.count()), (2, 1));
}

#[tokio::test]
async fn an_address_that_refuses_is_passed_over() {
    let (receiver, _) = answering(OK).await;
    let resolver = Resolver::given(|_| ["127.0.0.9", "127.0.0.1"].iter().map(|text| text.parse().unwrap()).collect());
    let client = Outgoing::new(Policy { allow_private: true, ..Policy::default() }, resolver).unwrap();
    let url = format!("http://two.example:{}/", receiver.port);
    assert_eq!(post(&client, &url, LONG).await.unwrap().status, 200);
}

/// A receiver with a certificate for the name, made for the test; answers once per connection.
async fn encrypted(name: &str, not_after: Option<(i32, u8, u8)>) -> (Receiver, RootCertStore) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    if let Some((year, month, day)) = not_after {
        params.not_before = rcgen::date_time_ymd(year - 1, month, day);
        params.not_after = rcgen::date_time_ymd(year, month, day);
    }
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let receiver = receiver(move |socket| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut socket) = acceptor.accept(socket).await else { return };
            while heard_by(&mut socket).await.is_some() {
                drop(socket.write_all(OK.as_bytes()).await);
            }
        }
    });
    (receiver.await, roots)
}

#[tokio::test]
async fn row_90_certificates_must_hold() {
    let resolver = Resolver::given(|_| vec!["127.0.0.1".parse().unwrap()]);
    let policy = Policy { allow_private: true, ..Policy::default() };
    let (receiver, roots) = encrypted("good.example", None).await;
    let trusting = Outgoing::trusting(roots, policy.clone(), resolver.clone()).unwrap();
    let url = |name: &str, port: u16| format!("https://{name}:{port}/");
    for name in ["good.example", "good.example."] {
        let answer = post(&trusting, &url(name, receiver.port), LONG).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok"[..]));
    }
    assert_eq!(post(&trusting, &url("other.example", receiver.port), LONG).await, Err(Failure::TlsFailed), "its name");
    assert_eq!(post(&trusting, &url("127.0.0.1", receiver.port), LONG).await, Err(Failure::TlsFailed), "its address");
    let mozilla = Outgoing::new(policy.clone(), resolver.clone()).unwrap();
    assert_eq!(post(&mozilla, &url("good.example", receiver.port), LONG).await, Err(Failure::TlsFailed), "self-signed");
    let (expired, roots) = encrypted("good.example", Some((2020, 1, 1))).await;
    let trusting = Outgoing::trusting(roots, policy, resolver).unwrap();
    assert_eq!(post(&trusting, &url("good.example", expired.port), LONG).await, Err(Failure::TlsFailed), "expired");
    let plain = self::receiver(|mut socket| async move { drop(socket.write_all(b"220 ready\r\n").await) }).await;
    assert_eq!(post(&mozilla, &url("127.0.0.1", plain.port), LONG).await, Err(Failure::TlsFailed), "no TLS at all");
    let (silent, _) = flooding("", b"", Duration::from_millis(10)).await;
    assert_eq!(post(&mozilla, &url("127.0.0.1", silent.port), SHORT).await, Err(Failure::TimedOut), "a silent one");
}

#[test]
fn retry_after_in_both_forms() {
    let now = Timestamp::parse("2026-11-06T08:49:37Z").unwrap();
    for (text, wait) in [
        ("120", Some(120)),
        (" 0 ", Some(0)),
        ("99999999999999999999", Some(u64::from(u32::MAX))),
        ("Fri, 06 Nov 2026 08:50:37 GMT", Some(60)),
        ("Fri, 06 Nov 2020 08:50:37 GMT", Some(0)),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        assert_eq!(RetryAfter::of(&headers).map(|after| after.wait(now).as_secs()), wait, "{text:?}");
    }
}
