//! Bytes on a socket that no HTTP library would send: one clear refusal, then the end of the connection.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends bytes on a connection of their own and gives all that comes until the server closes it.
pub(crate) async fn say(server: &Server, bytes: &[u8]) -> String {
    let socket = TcpStream::connect(server.address()).await.unwrap();
    let (mut from, mut to) = socket.into_split();
    let mut said = Vec::new();
    let (_may_be_cut, read) =
        tokio::join!(to.write_all(bytes), tokio::time::timeout(Duration::from_secs(8), from.read_to_end(&mut said)));
    let text = String::from_utf8_lossy(&said).into_owned();
    assert!(
        read.is_ok(),
        "the server keeps the connection open after {:?}: {text}",
        String::from_utf8_lossy(&bytes[..bytes.len().min(200)])
    );
    text
}

/// The statuses of all answers.
pub(crate) fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.").skip(1).map(|answer| &answer[2..5]).collect()
}

/// A request that must never be answered: whoever answers it took a part of a body for a request.
const CANARY: &str = "GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

on_both!(what_can_be_read_in_two_ways_is_refused_once, |server| async move {
    let ann = server.user("ann").await;
    let before = state(&server).await;
    let login = "{\"username\":\"a\",\"password\":\"b\"}";
    let length = login.len();
    let post = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let chunked = format!("{length:x}\r\n{login}\r\n0\r\n\r\n");
    for (what, request) in [
        ("length and chunks", format!("{post}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}")),
        ("chunks and length", format!("{post}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n{chunked}")),
        ("two lengths", format!("{post}Content-Length: {length}\r\nContent-Length: 5\r\n\r\n{login}")),
        ("two equal lengths", format!("{post}Content-Length: {length}\r\nContent-Length: {length}\r\n\r\n{login}")),
        ("a list of lengths", format!("{post}Content-Length: {length}, {length}\r\n\r\n{login}")),
        ("a length with a plus", format!("{post}Content-Length: +{length}\r\n\r\n{login}")),
        ("a negative length", format!("{post}Content-Length: -1\r\n\r\n{login}")),
        ("a length beyond 64 bits", format!("{post}Content-Length: 18446744073709551616\r\n\r\n{login}")),
        ("a hexadecimal length", format!("{post}Content-Length: 0x1f\r\n\r\n{login}")),
        ("chunked and identity", format!("{post}Transfer-Encoding: chunked, identity\r\n\r\n{chunked}")),
        ("a coding we do not know", format!("{post}Transfer-Encoding: gzip, chunked\r\n\r\n{chunked}")),
        ("a vertical tab", format!("{post}Transfer-Encoding:\x0bchunked\r\n\r\n{chunked}")),
        ("a blank before the colon", format!("{post}Transfer-Encoding : chunked\r\n\r\n{chunked}")),
        ("a folded line", format!("{post}X: a\r\n b\r\nContent-Length: {length}\r\n\r\n{login}")),
        ("a line feed alone", format!("{post}X: a\nContent-Length: {length}\r\n\r\n{login}")),
        ("a zero byte", format!("{post}X: a\0b\r\nContent-Length: {length}\r\n\r\n{login}")),
        ("a huge chunk", format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{login}")),
        ("a negative chunk", format!("{post}Transfer-Encoding: chunked\r\n\r\n-1\r\n{login}")),
        ("a chunk of no size", format!("{post}Transfer-Encoding: chunked\r\n\r\n\r\n{login}")),
        ("a chunk longer than told", format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\n{login}\r\n0\r\n\r\n")),
        (
            "a long chunk extension",
            format!("{post}Transfer-Encoding: chunked\r\n\r\n5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1 << 20)),
        ),
        ("no Host", format!("{}\r\n{login}", post.replace("Host: a\r\n", &format!("Content-Length: {length}\r\n")))),
        ("Host twice", format!("{post}Host: b\r\nContent-Length: {length}\r\n\r\n{login}")),
        ("an evil Host", format!("{}Content-Length: {length}\r\n\r\n{login}", post.replace("Host: a", "Host: a/b"))),
        ("no version", "GET /api/v1/server\r\n\r\n".to_owned()),
        ("an unknown version", "GET /api/v1/server HTTP/1.2\r\nHost: a\r\n\r\n".to_owned()),
        ("a zero byte in the target", "GET /api/v1/ser\0ver HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        ("a blank in the target", "GET /api/v1/ser ver HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        ("TLS on the plain port", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_owned()),
    ] {
        let answers = say(&server, format!("{request}{CANARY}").as_bytes()).await;
        assert_eq!(statuses(&answers), ["400"], "{what}: {answers}");
    }
    assert_eq!(state(&server).await, before);
    assert_eq!(ann.get("/users/me").await.status, 200);
});

on_both!(large_heads_are_refused, |server| async move {
    for (what, head, status) in [
        (
            "a megabyte in a field",
            format!("GET /api/v1/server HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)),
            "431",
        ),
        (
            "a megabyte of etags",
            format!("GET /api/v1/users/me HTTP/1.1\r\nHost: a\r\nIf-Match: {}\r\n\r\n", "\"e\",".repeat(1 << 18)),
            "431",
        ),
        (
            "a megabyte of token",
            format!(
                "GET /api/v1/users/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n",
                "x".repeat(1 << 20)
            ),
            "431",
        ),
        ("1000 fields", format!("GET /api/v1/server HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(1000)), "431"),
        ("a target of 64 KiB", format!("GET /api/v1/{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(65_536)), "414|431"),
        ("a method of 64 KiB", format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "X".repeat(65_536)), "400|431"),
    ] {
        let answers = say(&server, format!("{head}{CANARY}").as_bytes()).await;
        let [only] = statuses(&answers)[..] else { panic!("{what}: {answers}") };
        assert!(status.split('|').any(|good| good == only), "{what}: {only}");
    }
    let target = format!("/api/v1/server?{}", "x".repeat(7000));
    let answers =
        say(&server, format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).await;
    assert_eq!(statuses(&answers), ["400"], "a long target that fits is told what is wrong: {answers}");
    assert!(answers.contains("validation_error"), "{answers}");
});

on_both!(a_declared_size_is_refused_before_it_comes, |server| async move {
    let ann = server.user("ann").await;
    let token = ann.token.as_ref().unwrap();
    for (what, head) in [
        ("a JSON body", format!("PATCH /api/v1/users/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n")),
        ("with Expect", format!("PATCH /api/v1/users/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\nExpect: 100-continue\r\n\r\n")),
        ("login", "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9223372036854775808\r\n\r\n".to_owned()),
    ] {
        let answers = say(&server, head.as_bytes()).await;
        assert_eq!(statuses(&answers), ["413"], "{what}: {answers}");
        assert!(answers.contains("payload_too_large"), "{what}: {answers}");
    }
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"username\":";
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut said = String::new();
    let _may_be_cut = tokio::time::timeout(Duration::from_secs(8), socket.read_to_string(&mut said)).await.unwrap();
    assert!(statuses(&said).iter().all(|status| *status == "400"), "a body that breaks off: {said}");
});

on_both!(good_requests_of_odd_form_pass, |server| async move {
    let login = "{\"username\":\"a\",\"password\":\"b\"}";
    for (what, request, expected) in [
        ("three in a row", format!("{0}{0}{1}", CANARY.replace("Connection: close\r\n", ""), CANARY), vec!["200"; 3]),
        ("an empty line before it", format!("\r\n{CANARY}"), vec!["200"]),
        ("an absolute target", CANARY.replace("/health", "http://a/health"), vec!["200"]),
        ("everything", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(), vec!["404"]),
        (
            "a tunnel",
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n".to_owned(),
            vec!["404"],
        ),
        (
            "an upgrade",
            CANARY
                .replace("Connection: close", "Connection: upgrade, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"),
            vec!["200"],
        ),
        ("dots in the target", CANARY.replace("/health/live", "/api/v1/../../health/live"), vec!["404"]),
        (
            "a body in odd chunks with a trailer",
            format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: Chunked\r\n\r\n1;a=b\r\n{{\r\n{:X}\r\n{}\r\n0\r\nX: y\r\n\r\n{CANARY}",
                login.len() - 1,
                &login[1..]
            ),
            vec!["401", "200"],
        ),
    ] {
        let answers = say(&server, request.as_bytes()).await;
        assert_eq!(statuses(&answers), expected, "{what}: {answers}");
    }
});
