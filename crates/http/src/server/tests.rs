//! The server over real sockets on loopback, spoken to byte by byte, as an attacker would.
//! Time-outs are short here; what they are in service is in `Options`.

use std::io::ErrorKind;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;

mod tls;

const GET: &str = "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST: &str = "GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn quick() -> Options {
    let short = Duration::from_millis(400);
    Options {
        first_byte_timeout: short,
        header_timeout: short,
        body_idle_timeout: short,
        write_idle_timeout: short,
        shutdown_grace: Duration::from_millis(600),
        ..Options::default()
    }
}

/// Reads the whole body and answers with its length, or as its error says.
async fn read(request: Request) -> Response {
    match request.into_body().collect().await {
        Ok(body) => body.to_bytes().len().to_string().into_response(),
        Err(error) => match body_error(&error) {
            Some(BodyError::Idle(_)) => StatusCode::REQUEST_TIMEOUT.into_response(),
            Some(BodyError::Broken(_)) => StatusCode::BAD_REQUEST.into_response(),
            None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
    }
}

async fn upgrade(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
        let mut said = [0; 6];
        io.read_exact(&mut said).await.unwrap();
        io.write_all(&said).await.unwrap();
    });
    let answer = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
    answer.body(Body::empty()).unwrap()
}

fn router() -> Router {
    let endless = || async {
        let block = Bytes::from(vec![0; 64 * 1024]);
        let blocks = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(block.clone()));
        Body::from_stream(blocks)
    };
    let slow = || async {
        sleep(Duration::from_millis(400)).await;
        "slow"
    };
    Router::new()
        .route("/ping", any(|| async { "pong" }))
        .route(
            "/peer",
            get(|request: Request| async move { request.extensions().get::<Peer>().unwrap().0.to_string() }),
        )
        .route("/read", any(read))
        .route("/refuse", any(|| async { StatusCode::PAYLOAD_TOO_LARGE }))
        .route("/slow", get(slow))
        .route("/stuck", get(|| async { std::future::pending::<()>().await }))
        .route("/endless", get(endless))
        .route("/upgrade", get(upgrade))
}

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<io::Result<()>>,
}

impl Running {
    async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(serve(listener, router(), options, shutdown.clone()));
        Self { address, shutdown, served }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends this and returns all that comes back until the server closes.
    async fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut socket = self.connect().await;
        socket.write_all(bytes.as_ref()).await.unwrap();
        until_closed(&mut socket).await
    }

    /// Cancels and returns how long the server took to end.
    async fn stop(self) -> Duration {
        let begun = tokio::time::Instant::now();
        self.shutdown.cancel();
        within(self.served).await.unwrap().unwrap();
        begun.elapsed()
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(10), future).await.expect("it ends within ten seconds")
}

async fn until_closed(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    if let Err(error) = within(socket.read_to_end(&mut all)).await {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads until this text has come.
async fn until(socket: &mut TcpStream, text: &str) -> String {
    let mut all = String::new();
    while !all.contains(text) {
        let mut piece = [0; 1024];
        let read = within(socket.read(&mut piece)).await.unwrap();
        assert!(read > 0, "closed after {all:?}");
        all.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    all
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused_once() {
    let server = Running::start(Options::default()).await;
    let heads = [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "Content-Length: 5, 5\r\n\r\nhello",
        "Content-Length: +5\r\n\r\nhello",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 18446744073709551616\r\n\r\n",
        "Content-Length : 5\r\n\r\nhello",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "X: a\r\n Transfer-Encoding: chunked\r\n\r\n",
        "X: a\r\n\tfolded\r\n\r\n",
        "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "X: a\r\n\n",
        "X: a\rTransfer-Encoding: chunked\r\n\r\n",
        "X: a\0b\r\n\r\n",
        "X\0: a\r\n\r\n",
        "Host: b\r\n\r\n",
    ];
    for head in heads {
        let answers = server.say(format!("POST /read HTTP/1.1\r\nHost: a\r\n{head}{GET}{LAST}")).await;
        assert_eq!(statuses(&answers), ["400"], "{head:?} gave {answers:?}");
    }
    for whole in [
        "GET /ping HTTP/1.1\r\n\r\n",
        "GET /ping HTTP/1.1\nHost: a\r\n\r\n",
        "GET /ping HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /pi\0ng HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ping HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET /ping\r\n\r\n",
        "POST /read HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let answers = server.say(format!("{whole}{GET}{LAST}")).await;
        assert_eq!(statuses(&answers), ["400"], "{whole:?} gave {answers:?}");
    }
}

#[tokio::test]
async fn a_refusal_waits_for_its_turn() {
    let server = Running::start(Options::default()).await;
    let bad = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let slow = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    let answers = server.say(format!("{GET}{slow}{bad}{LAST}")).await;
    assert_eq!(statuses(&answers), ["200", "200", "400"], "{answers:?}");
}

#[tokio::test]
async fn broken_chunks_end_the_request_and_the_connection() {
    let server = Running::start(Options::default()).await;
    let long = format!("5;{}\r\n", "x".repeat(1 << 20));
    for chunks in
        ["ffffffffffffffff\r\n", "+5\r\nhello\r\n", "5;a\nb\r\nhello\r\n", "5\r\nhelloXX", "0\r\nA: b\n\r\n", &long]
    {
        let mut socket = server.connect().await;
        let request = format!("POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{GET}");
        let (mut from, mut to) = socket.split();
        let (_, read) = tokio::join!(to.write_all(request.as_bytes()), async {
            let mut all = Vec::new();
            let _reset = within(from.read_to_end(&mut all)).await;
            all
        });
        let answers = String::from_utf8_lossy(&read).into_owned();
        assert_eq!(statuses(&answers), ["400"], "{:?} gave {answers:?}", &chunks[..chunks.len().min(20)]);
    }
}

#[tokio::test]
async fn sound_requests_pass_in_pieces_and_in_a_row() {
    let server = Running::start(Options::default()).await;
    let chunked = "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n\n\n\n\r\n2\r\nab\r\n0\r\nT: u\r\n\r\n";
    let sized = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nGET /\n\n";
    let all = format!("{chunked}{sized}{GET}{chunked}{LAST}");
    assert_eq!(statuses(&server.say(&all).await), ["200"; 5]);
    let mut socket = server.connect().await;
    socket.set_nodelay(true).unwrap();
    for byte in all.bytes() {
        socket.write_all(&[byte]).await.unwrap();
    }
    let answers = until_closed(&mut socket).await;
    assert_eq!(statuses(&answers), ["200"; 5]);
    assert_eq!(answers.matches("\r\n\r\n5").count(), 2);
    assert_eq!(answers.matches("\r\n\r\n7").count(), 1);
}

#[tokio::test]
async fn large_heads_are_told_so() {
    let server = Running::start(Options::default()).await;
    // With Host, one more than allowed.
    let fields = "X: y\r\n".repeat(64);
    for (head, status) in [
        (format!("GET /ping HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), "431"),
        (format!("GET /ping HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(1 << 20)), "431"),
    ] {
        let mut socket = server.connect().await;
        let (mut from, mut to) = socket.split();
        let (_, read) = tokio::join!(to.write_all(head.as_bytes()), async {
            let mut all = Vec::new();
            let _reset = within(from.read_to_end(&mut all)).await;
            all
        });
        assert_eq!(statuses(&String::from_utf8_lossy(&read)), [status]);
    }
}

#[tokio::test]
async fn the_silent_and_the_slow_are_closed() {
    let server = Running::start(quick()).await;
    for said in ["", "P", "PRI * HTTP/2.0\r\n\r\n", "GET /pi", "GET /ping HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
        assert_eq!(server.say(said).await, "", "{said:?}");
    }
    let kept_alive = server.say(GET).await;
    assert_eq!(statuses(&kept_alive), ["200"]);
    // A line every now and then does not buy time.
    let mut socket = server.connect().await;
    socket.write_all(b"GET /ping HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    let begun = tokio::time::Instant::now();
    while socket.write_all(b"X: y\r\n").await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(2));
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_body_that_stops_coming_is_408() {
    let server = Running::start(quick()).await;
    for head in ["Content-Length: 10", "Content-Length: 10\r\nExpect: 100-continue", "Transfer-Encoding: chunked"] {
        let answers = server.say(format!("POST /read HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n")).await;
        assert_eq!(statuses(&answers).last(), Some(&"408"), "{head} gave {answers:?}");
    }
    // Slow, but never silent for long: accepted.
    let mut socket = server.connect().await;
    socket.write_all(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").await.unwrap();
    for _ in 0..10 {
        sleep(Duration::from_millis(60)).await;
        socket.write_all(b"x").await.unwrap();
    }
    assert!(until(&mut socket, "\r\n\r\n10").await.starts_with("HTTP/1.1 200"));
    // Too short is the client's fault, too.
    let mut socket = server.connect().await;
    socket.write_all(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await.unwrap();
    socket.shutdown().await.unwrap();
    assert!(matches!(statuses(&until_closed(&mut socket).await)[..], [] | ["400"]));
}

#[tokio::test]
async fn who_does_not_read_is_given_up() {
    let server = Running::start(quick()).await;
    let mut socket = server.connect().await;
    socket.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(900)).await;
    // The server closed: what the kernel holds can be read, and then there is an end to the endless.
    let mut all = Vec::new();
    let _reset_or_end = within(socket.read_to_end(&mut all)).await;
    assert!(all.len() > 64 * 1024);
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends() {
    let server = Running::start(Options::default()).await;
    let mut socket = server.connect().await;
    socket.write_all(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n").await.unwrap();
    for _ in 0..100 {
        socket.write_all(&[0; 16 * 1024]).await.expect("no reset while the client sends");
    }
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    within(socket.read_to_string(&mut answer)).await.expect("no reset before the answer is read");
    assert_eq!(statuses(&answer), ["413"]);
}

#[tokio::test]
async fn a_refusal_that_ends_the_connection_says_so() {
    let server = Running::start(Options::default()).await;
    let close = |answer: &str| answer.to_lowercase().contains("connection: close");
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let mut socket = server.connect().await;
        socket.write_all(format!("POST /refuse HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n").as_bytes()).await.unwrap();
        assert!(close(&until_closed(&mut socket).await), "{framing}");
    }
    let short = "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    let mut socket = server.connect().await;
    socket.write_all(format!("{short}{GET}").as_bytes()).await.unwrap();
    assert!(!close(&until(&mut socket, "pong").await), "a short body is read over");
}

#[tokio::test]
async fn the_peer_is_known() {
    let server = Running::start(Options::default()).await;
    let mut socket = server.connect().await;
    let own = socket.local_addr().unwrap().to_string();
    socket.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until(&mut socket, &own).await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait() {
    let options = Options { connections: 2, ..Options::default() };
    let server = Running::start(options).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for socket in [&mut first, &mut second] {
        socket.write_all(GET.as_bytes()).await.unwrap();
        until(socket, "pong").await;
    }
    let mut third = server.connect().await;
    third.write_all(GET.as_bytes()).await.unwrap();
    assert!(timeout(Duration::from_millis(200), third.read_u8()).await.is_err());
    drop(first);
    until(&mut third, "pong").await;
    second.write_all(GET.as_bytes()).await.unwrap();
    until(&mut second, "pong").await;
}

#[tokio::test]
async fn an_upgraded_connection_gives_its_place_back_and_is_not_watched() {
    let server = Running::start(Options { connections: 1, ..Options::default() }).await;
    let mut upgraded = server.connect().await;
    upgraded
        .write_all(b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        .await
        .unwrap();
    assert!(until(&mut upgraded, "\r\n\r\n").await.starts_with("HTTP/1.1 101"));
    let mut waiting = server.connect().await;
    waiting.write_all(GET.as_bytes()).await.unwrap();
    until(&mut waiting, "pong").await;
    upgraded.write_all(b"a\nb\n\n\n").await.unwrap();
    until(&mut upgraded, "a\nb\n\n\n").await;
}

#[tokio::test]
async fn the_drain_is_quick_when_nobody_is_served() {
    let patient = Duration::from_secs(30);
    let slow = Options { first_byte_timeout: patient, header_timeout: patient, shutdown_grace: patient, ..quick() };
    let server = Running::start(slow).await;
    let _silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.write_all(GET.as_bytes()).await.unwrap();
    until(&mut idle, "pong").await;
    let address = server.address;
    assert!(server.stop().await < Duration::from_secs(2));
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(until_closed(&mut idle).await, "");
}

#[tokio::test]
async fn the_drain_does_not_wait_for_who_says_nothing_more() {
    let patient = Duration::from_secs(30);
    let server = Running::start(Options { header_timeout: patient, shutdown_grace: patient, ..quick() }).await;
    let mut h2 = server.connect().await;
    h2.write_all(PREFACE_AND_SETTINGS).await.unwrap();
    let _settings = within(h2.read_u8()).await.unwrap();
    let mut begun = server.connect().await;
    begun.write_all(b"GET /ping HT").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    // Neither answers hyper's last ping nor ends its head.
    assert!(server.stop().await < Duration::from_secs(4));
}

#[tokio::test]
async fn the_drain_lets_requests_finish_and_drops_the_stuck() {
    let server = Running::start(quick()).await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut stuck = server.connect().await;
    stuck.write_all(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let finished = tokio::spawn(async move { until_closed(&mut slow).await });
    let took = server.stop().await;
    assert!((Duration::from_millis(550)..Duration::from_secs(3)).contains(&took), "{took:?}");
    let finished = finished.await.unwrap();
    assert!(finished.ends_with("slow") && finished.to_lowercase().contains("connection: close"), "{finished:?}");
    assert_eq!(until_closed(&mut stuck).await, "");
}

/// The preface of HTTP/2 and an empty SETTINGS frame.
const PREFACE_AND_SETTINGS: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// One frame: its type, its stream and its payload (RFC 9113 section 4.1).
async fn frame(socket: &mut TcpStream) -> (u8, u32, Vec<u8>) {
    let mut head = [0; 9];
    within(socket.read_exact(&mut head)).await.unwrap();
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    within(socket.read_exact(&mut payload)).await.unwrap();
    (head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload)
}

#[tokio::test]
async fn http_2_is_served_within_its_limits() {
    let server = Running::start(Options::default()).await;
    let mut socket = server.connect().await;
    socket.write_all(PREFACE_AND_SETTINGS).await.unwrap();
    let (kind, _, payload) = frame(&mut socket).await;
    assert_eq!(kind, 4);
    let settings: Vec<(u16, u32)> = payload
        .chunks(6)
        .map(|one| (u16::from_be_bytes([one[0], one[1]]), u32::from_be_bytes([one[2], one[3], one[4], one[5]])))
        .collect();
    assert!(settings.contains(&(3, 128)) && settings.contains(&(6, 32 * 1024)), "{settings:?}");
    // HEADERS, end of headers and of stream: GET, http, /ping (a literal), authority a (RFC 7541).
    socket.write_all(b"\0\0\x0c\x01\x05\0\0\0\x01\x82\x86\x04\x05/ping\x01\x01a").await.unwrap();
    let data = loop {
        let (kind, stream, payload) = frame(&mut socket).await;
        if kind == 0 && stream == 1 {
            break payload;
        }
    };
    assert_eq!(data, b"pong");
}
