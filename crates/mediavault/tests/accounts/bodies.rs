//! JSON bodies of every bad kind: told as 400, 413 or 415, never understood in two ways.

use super::*;

/// POST or PATCH with these very bytes.
async fn send(actor: &Actor, method: Method, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
    actor.send(actor.request(method, path).header("content-type", kind).body(body)).await
}

const JSON: &str = "application/json";

on_both!(what_is_no_json_object_is_refused, |server| async move {
    let ann = server.user("ann").await;
    let before = (state(&server).await, ann.get("/users/me").await.expect(200));
    let deep = |open: &str, close: &str, count: usize| format!("{}{}", open.repeat(count), close.repeat(count));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", b"".to_vec(), "body"),
        ("blanks", b" \n ".to_vec(), "body"),
        ("null", b"null".to_vec(), "body"),
        ("a list", b"[]".to_vec(), "body"),
        ("an object in a list", br#"[{"display_name":"x"}]"#.to_vec(), "body"),
        ("a text", br#""display_name""#.to_vec(), "body"),
        ("a number", b"5".to_vec(), "body"),
        ("true", b"true".to_vec(), "body"),
        ("cut off", br#"{"display_name":"x""#.to_vec(), "body"),
        ("something behind", br#"{"display_name":"x"} x"#.to_vec(), "body"),
        ("two objects", br#"{"display_name":"x"}{"display_name":"y"}"#.to_vec(), "body"),
        ("a comma too many", br#"{"display_name":"x",}"#.to_vec(), "body"),
        ("single quotes", b"{'display_name':'x'}".to_vec(), "body"),
        ("no quotes", b"{display_name:1}".to_vec(), "body"),
        ("a comment", br#"{"display_name":"x"/* y */}"#.to_vec(), "body"),
        ("a byte order mark", b"\xef\xbb\xbf{\"display_name\":\"x\"}".to_vec(), "body"),
        ("UTF-16", "{\"display_name\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect(), "body"),
        ("bytes that are no UTF-8", b"{\"display_name\":\"\xff\"}".to_vec(), "body"),
        ("overlong UTF-8", b"{\"display_name\":\"\xc0\xaf\"}".to_vec(), "body"),
        ("a lone surrogate", br#"{"display_name":"\ud800"}"#.to_vec(), "body"),
        ("surrogates the wrong way round", br#"{"display_name":"\udc00\ud800"}"#.to_vec(), "body"),
        ("a raw line end in a text", b"{\"display_name\":\"a\nb\"}".to_vec(), "body"),
        ("a raw zero byte", b"{\"display_name\":\"a\0b\"}".to_vec(), "body"),
        ("NaN", br#"{"display_name":NaN}"#.to_vec(), "body"),
        ("Infinity", br#"{"display_name":-Infinity}"#.to_vec(), "body"),
        ("1e999", br#"{"display_name":1e999}"#.to_vec(), "body"),
        ("a number with a plus", br#"{"display_name":+1}"#.to_vec(), "body"),
        ("a large number", br#"{"display_name":123456789012345678901234567890}"#.to_vec(), "display_name"),
        ("a member twice", br#"{"display_name":"x","display_name":"y"}"#.to_vec(), "display_name"),
        ("a member twice, escaped", br#"{"display_name":"x","display\u005fname":"y"}"#.to_vec(), "display_name"),
        ("an unknown member twice", br#"{"role":"a","role":"b"}"#.to_vec(), "role"),
        ("deep lists", deep("[", "]", 100_000).into_bytes(), "body"),
        ("deep objects", format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)).into_bytes(), "body"),
        ("deep in a member", format!("{{\"display_name\":{}}}", deep("[", "]", 100_000)).into_bytes(), "body"),
        ("deep in an unknown member", format!("{{\"x\":{}}}", deep("[", "]", 100_000)).into_bytes(), "body"),
        ("brackets without end", "[".repeat(1_000_000).into_bytes(), "body"),
    ];
    for (what, body, field) in cases {
        let answer = send(&ann, Method::PATCH, "/users/me", JSON, body).await;
        assert_eq!(answer.status, 400, "{what}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.error(400, "validation_error"), [field], "{what}");
    }
    let many: String = (0..20_000).map(|number| format!("\"m{number}\":1,")).collect();
    let answer = send(&ann, Method::PATCH, "/users/me", JSON, format!("{{{many}\"x\":1}}")).await;
    answer.error(400, "validation_error");
    assert!(answer.body.len() < 200_000, "the answer to 20 000 unknown members has {} bytes", answer.body.len());
    assert_eq!((state(&server).await, ann.get("/users/me").await.expect(200)), before);
    let spaced =
        send(&ann, Method::PATCH, "/users/me", JSON, " \t\r\n{ \"display_name\" : \"\\ud83d\\udd12 \\u0041\" }\n ")
            .await;
    assert_eq!(spaced.expect(200)["display_name"], "🔒 A");
});

on_both!(large_bodies_are_told_so, |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    let before = state(&server).await;
    let mib = 1024 * 1024;
    let filled = |size: usize| {
        let front = r#"{"username":"a","password":""#;
        format!("{front}{}\"}}", "x".repeat(size - front.len() - 2))
    };
    let fits = send(&nobody, Method::POST, "/auth/login", JSON, filled(mib)).await;
    fits.error_on(401, "unauthorized", &[]);
    for (what, path, method) in [
        ("login", "/auth/login", Method::POST),
        ("register", "/auth/register", Method::POST),
        ("refresh", "/auth/refresh", Method::POST),
        ("me", "/users/me", Method::PATCH),
    ] {
        let declared = send(&ann, method.clone(), path, JSON, filled(mib + 1)).await;
        assert_eq!(declared.status, 413, "{what}, declared");
        declared.error_on(413, "payload_too_large", &[]);
        let pieces = filled(3 * mib)
            .into_bytes()
            .chunks(65_536)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect::<Vec<_>>();
        let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let chunked = send(&ann, method, path, JSON, chunked).await;
        assert_eq!(chunked.status, 413, "{what}, in chunks");
        chunked.error_on(413, "payload_too_large", &[]);
    }
    assert_eq!(state(&server).await, before);
});

on_both!(other_content_types_are_refused, |server| async move {
    let nobody = server.anonymous();
    let body = json!({ "email": "a@example.com", "password": PASSWORD }).to_string();
    let before = state(&server).await;
    for kind in [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/merge-patch+json",
        "application/vnd.api+json",
        "application/jsonp",
        "application/json, text/plain",
        "application/xml",
        "text/plain; application/json",
        "json",
    ] {
        let answer = send(&nobody, Method::POST, "/auth/register", kind, body.clone()).await;
        assert_eq!(answer.status, 415, "{kind:?}");
        answer.error_on(415, "unsupported_media_type", &[]);
    }
    nobody.send(nobody.request(Method::POST, "/auth/register").body(body.clone())).await.error_on(
        415,
        "unsupported_media_type",
        &[],
    );
    let form =
        send(&nobody, Method::POST, "/auth/login", "application/x-www-form-urlencoded", "username=a&password=b").await;
    form.error_on(415, "unsupported_media_type", &[]);
    send(&nobody, Method::POST, "/auth/refresh", "text/plain", r#"{"refresh_token":"x"}"#).await.error_on(
        415,
        "unsupported_media_type",
        &[],
    );
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, identity", "x"] {
        let request = nobody
            .request(Method::POST, "/auth/register")
            .header("content-type", JSON)
            .header("content-encoding", coding);
        let answer = nobody.send(request.body(body.clone())).await;
        assert_eq!(answer.status, 415, "{coding}");
        answer.error_on(415, "unsupported_media_type", &[]);
    }
    assert_eq!(state(&server).await, before);
    let plain =
        nobody.request(Method::POST, "/auth/register").header("content-type", "application/json ; charset=\"utf-8\"");
    nobody.send(plain.header("content-encoding", "identity").body(body)).await.expect(201);
});
