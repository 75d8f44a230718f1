//! Connections that do what they must not (reliability section 4 row 23, 4.2 F 99), and those that the server ends.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mv_http::realtime::socket::Pace;
use mv_testkit::{Options, Server, Socket, on_both};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

const MEDIA: &str = "media_updates";

on_both!(
    strange_pages_are_refused_before_the_upgrade,
    Options::with("cors.allowed_origins", r#"["https://app.example.net"]"#),
    |server| async move {
        let own = server.origin();
        for path in ["/realtime", "/api/v1/realtime"] {
            let open = async |origins: &[&str]| {
                let headers: Vec<_> = origins.iter().map(|origin| ("origin", *origin)).collect();
                Socket::try_open(&server, path, &headers).await.map(drop).map_err(|refused| refused.status)
            };
            assert_eq!(open(&[]).await, Ok(()), "a program");
            assert_eq!(open(&[&own]).await, Ok(()), "its own page");
            assert_eq!(open(&["https://app.example.net"]).await, Ok(()), "a listed page");
            for origin in [
                "https://evil.example",
                "null",
                "https://app.example.net.evil.example",
                "https://evil-app.example.net",
                "http://app.example.net",
                "https://app.example.net:444",
                &format!("{own}.evil.example"),
                &format!("{own}0"),
                "",
            ] {
                assert_eq!(open(&[origin]).await, Err(403), "{origin}");
            }
            assert_eq!(open(&[&own, &own]).await, Err(403), "two of them");
        }
    }
);

on_both!(plain_requests_are_told_what_is_here, |server| async move {
    for path in ["/realtime", "/api/v1/realtime", "/v1/realtime"] {
        let nobody = server.anonymous();
        let answer = nobody.get(&format!("{}{path}", server.origin())).await;
        answer.error_on(400, "validation_error", &["Upgrade"]);
        assert_eq!(answer.headers["upgrade"], "websocket");
        assert_eq!(answer.headers["sec-websocket-version"], "13");
        assert!(answer.headers.contains_key("x-ratelimit-limit"), "it is counted");
        let answer = nobody.post(&format!("{}{path}", server.origin()), json!({})).await;
        answer.error_on(405, "method_not_allowed", &[]);
    }
});

on_both!(messages_have_limits, |server| async move {
    let alice = server.user("alice").await;
    let mut socket = Socket::of(&alice).await;
    let padded = |length: usize| format!("{{\"type\":\"ping\"{}}}", " ".repeat(length - 15));
    assert_eq!(padded(64 * 1024).len(), 64 * 1024);
    socket.say_text(&padded(64 * 1024)).await;
    assert_eq!(socket.hear().await, json!({ "type": "pong" }));
    socket.say_text(&padded(64 * 1024 + 1)).await;
    assert_eq!(socket.closed().await, 1009);
    let mut socket = Socket::of(&alice).await;
    socket.0.send(Message::binary(br#"{"type":"ping"}"#.to_vec())).await.unwrap();
    assert_eq!(socket.closed().await, 1003);
    // A thousand subscriptions, and not one more until one ends.
    let mut items = Vec::new();
    for number in 0..1000 {
        items.push(alice.upload("a", format!("{number}").as_bytes()).await["id"].as_str().unwrap().to_owned());
    }
    let mut socket = Socket::of(&alice).await;
    socket.subscribe(MEDIA, None, None).await;
    let (last, others) = items.split_last().unwrap();
    for id in others {
        socket.subscribe(MEDIA, Some(id), None).await;
    }
    socket.say(json!({ "type": "subscribe", "channel": MEDIA, "resource_id": last })).await;
    assert_eq!(socket.error().await, "validation_error");
    socket.say(json!({ "type": "unsubscribe", "channel": MEDIA })).await;
    socket.subscribe(MEDIA, Some(last), None).await;
});

/// A connection after its upgrade, byte by byte.
async fn raw(server: &Server) -> TcpStream {
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    let request = format!(
        "GET /realtime HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "nothing is compressed: {head}");
    socket
}

/// A frame of a client, masked with zeros (RFC 6455 section 5.2).
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short),
        _ => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The code of the close frame that comes, after whatever else.
async fn closed(socket: &mut TcpStream) -> Option<u16> {
    let read = async {
        loop {
            let first = socket.read_u8().await.ok()?;
            let length = socket.read_u8().await.ok()? as usize;
            assert!(length < 126, "only short frames are expected here");
            let mut payload = vec![0; length];
            socket.read_exact(&mut payload).await.ok()?;
            if first == 0x88 {
                return Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]));
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), read).await.expect("it is closed")
}

on_both!(broken_frames_end_it, |server| async move {
    let unmasked = [&[0x81, 0x02][..], b"{}"].concat();
    let long_ping = frame(0x89, &[b'x'; 126]);
    for (name, bytes, code) in [
        ("a reserved bit, as of compression", frame(0xC1, b"{}"), 1002),
        ("a reserved opcode", frame(0x83, b"{}"), 1002),
        ("no mask", unmasked, 1002),
        ("a continuation of nothing", frame(0x80, b"{}"), 1002),
        ("a message within a message", [frame(0x01, b"{"), frame(0x81, b"}")].concat(), 1002),
        ("a fragmented ping", frame(0x09, b"a"), 1002),
        ("a ping that is too long", long_ping, 1002),
        ("no UTF-8", frame(0x81, b"\xff\xfe"), 1007),
        ("no UTF-8, in parts", [frame(0x01, b"\xc3"), frame(0x80, b"\x28")].concat(), 1007),
        ("nonsense", b"GET / HTTP/1.1\r\n\r\n".to_vec(), 1002),
    ] {
        let mut socket = raw(&server).await;
        socket.write_all(&bytes).await.unwrap();
        assert_eq!(closed(&mut socket).await, Some(code), "{name}");
    }
    // Fragments without an end count as the one message that they are.
    let mut socket = raw(&server).await;
    socket.write_all(&frame(0x01, &[b' '; 1000])).await.unwrap();
    for _ in 0..65 {
        if socket.write_all(&frame(0x00, &[b' '; 1000])).await.is_err() {
            break;
        }
    }
    assert_eq!(closed(&mut socket).await, Some(1009));
    // A length that no message may have is refused before anything is kept for it.
    let mut socket = raw(&server).await;
    socket.write_all(&[0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]).await.unwrap();
    assert_eq!(closed(&mut socket).await, Some(1009));
    // The server is well.
    Socket::of(&server.user("alice").await).await.hear_nothing().await;
});

on_both!(a_flood_of_pings_is_answered_or_ends_and_harms_nobody, |server| async move {
    let alice = server.user("alice").await;
    let mut good = Socket::of(&alice).await;
    good.subscribe(MEDIA, None, None).await;
    let mut flood = raw(&server).await;
    let pings = frame(0x89, b"x").repeat(1000);
    let flooding = async {
        for _ in 0..100 {
            // Nothing is read, so that at last nothing can be written any more.
            if tokio::time::timeout(Duration::from_millis(200), flood.write_all(&pings)).await.is_err() {
                break;
            }
        }
    };
    let working = async {
        for number in 0..10 {
            alice.upload("a", format!("{number}").as_bytes()).await;
            assert_eq!(good.event().await["event"], "media.uploaded");
        }
    };
    tokio::join!(flooding, working);
});

const IMPATIENT: Pace =
    Pace { authenticate: Duration::from_secs(10), ping: Duration::from_secs(30), stuck: Duration::from_millis(500) };

on_both!(
    a_reader_that_is_too_slow_is_let_go_and_resumes,
    Options { pace: Some(IMPATIENT), ..Options::default() },
    |server| async move {
        let alice = server.user("alice").await;
        let (mut slow, mut quick) = (Socket::narrow(&server).await, Socket::of(&alice).await);
        slow.authenticate(alice.token.as_deref().unwrap()).await;
        let beginning = slow.subscribe(MEDIA, None, None).await;
        quick.subscribe(MEDIA, None, None).await;
        let reading = tokio::spawn(async move {
            for count in 0..MANY {
                let heard = quick.hear_or_end(Duration::from_secs(30)).await;
                heard.unwrap_or_else(|code| panic!("the quick one was closed with {code} after {count}"));
            }
        });
        // More than the kernel's buffers and the queue hold; recorded directly, since what matters is what is sent.
        record_many(&server, &alice.id).await;
        reading.await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (mut last, mut count) = (beginning, 0);
        let code = loop {
            match slow.hear_or_end(Duration::from_secs(20)).await {
                Ok(told) => last = told["id"].as_str().unwrap().to_owned(),
                Err(code) => break code,
            }
            count += 1;
        };
        assert_eq!(code, 4408, "after {count}");
        let mut again = Socket::of(&alice).await;
        again.subscribe(MEDIA, None, Some(&last)).await;
        for _ in count..MANY {
            again.event().await;
        }
        again.hear_nothing().await;
        assert!((1..MANY).contains(&count));
    }
);

/// Events of the test of slow readers; a multiple of 1000.
const MANY: usize = 20_000;

/// Records events of one user in a few large transactions.
async fn record_many(server: &Server, owner: &str) {
    use mv_core::event::{Event, Happened, MediaRef};
    use mv_core::mime::MediaType;
    let user_id: mv_core::UserId = owner.parse().unwrap();
    for _ in 0..MANY / 1000 {
        let mint = server.app().mint();
        let events: Vec<Event> = (0..1000)
            .map(|_| {
                let what = MediaRef { id: mint.id(), media_type: MediaType::Image, user_id };
                Event { id: mint.id(), at: server.app().now(), what: Happened::MediaUpdated(what) }
            })
            .collect();
        let recorded = server
            .store()
            .write(move |tx: &mv_store::Tx| events.iter().try_for_each(|event| mv_store::events::append(tx, event)));
        recorded.await.unwrap();
    }
}

on_both!(connections_of_one_account_are_bounded, |server| async move {
    let alice = server.user("alice").await;
    let mut sockets = Vec::new();
    for _ in 0..1000 {
        sockets.push(Socket::of(&alice).await);
    }
    let mut one_more = Socket::open(&server).await;
    one_more.say(json!({ "type": "auth", "token": alice.token })).await;
    assert_eq!((one_more.error().await.as_str(), one_more.closed().await), ("rate_limited", 4429));
    // Anew on an open one is no further connection; and one that goes makes room.
    let token = alice.token.as_deref().unwrap();
    sockets[0].authenticate(token).await;
    sockets.pop().unwrap().leave().await;
    Socket::of(&alice).await.hear_nothing().await;
    Socket::of(&server.user("bob").await).await.hear_nothing().await;
});

on_both!(
    the_server_keeps_so_many_open_and_no_more,
    Options { sockets: Some(3), ..Options::default() },
    |server| async move {
        let alice = server.user("alice").await;
        let mut sockets = Vec::new();
        for _ in 0..3 {
            sockets.push(Socket::of(&alice).await);
        }
        let ask = || {
            let request = alice.request(reqwest::Method::GET, "/realtime").header("connection", "upgrade");
            let request = request.header("upgrade", "websocket").header("sec-websocket-version", "13");
            request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        };
        alice.send(ask()).await.error(503, "service_unavailable");
        sockets.pop().unwrap().leave().await;
        // The place is free once the server has seen the farewell, a moment after it was said.
        let admitted = async { while alice.send(ask()).await.status != 101 {} };
        tokio::time::timeout(Duration::from_secs(10), admitted).await.unwrap();
    }
);

on_both!(the_server_says_goodbye, |server| async move {
    let alice = server.user("alice").await;
    let mut silent = Socket::open(&server).await;
    let mut socket = Socket::of(&alice).await;
    socket.subscribe(MEDIA, None, None).await;
    let (mut stuck, begun) = (raw(&server).await, tokio::time::Instant::now());
    let ending = tokio::spawn(server.clone().end());
    assert_eq!((socket.closed().await, silent.closed().await), (1001, 1001));
    assert!(socket.0.next().await.is_none());
    ending.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "it does not wait for one that never answers");
    assert_eq!(closed(&mut stuck).await, Some(1001));
});

on_both!(
    what_sends_nothing_is_closed_in_ten_seconds,
    Options { pace: Some(Pace { authenticate: Duration::from_secs(1), ..Pace::default() }), ..Options::default() },
    |server| async move {
        assert_eq!(Pace::default().authenticate, Duration::from_secs(10));
        assert_eq!(Pace::default().ping, Duration::from_secs(30));
        let mut stuck = raw(&server).await;
        assert_eq!(closed(&mut stuck).await, Some(4401));
    }
);
