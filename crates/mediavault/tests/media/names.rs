//! Names of files, the bad ones of the security bar among them: by form, by header and by edit alike. What is kept is inert data.

use super::bytes::send_form;
use super::*;

/// Name, and what is kept of it; `None` is refused.
const NAMES: [(&str, &str, Option<&str>); 36] = [
    ("1 a way up", "../../etc/passwd", Some("passwd")),
    ("2 a way up with backslashes", r"..\..\x", Some("x")),
    ("3 an encoded way up", "%2e%2e%2f", Some("%2e%2e%2f")),
    ("4 an overlong slash", "..%c0%af", Some("..%c0%af")),
    ("5 dots and slashes", "....//", None),
    ("6 from the root", "/etc/passwd", Some("passwd")),
    ("7 a drive", r"C:\x", Some("x")),
    ("8 a share", r"\\host\share", Some("share")),
    ("9 a NUL", "a\0.jpg", None),
    ("10 a line end", "a.jpg\r\nX-Evil: 1", None),
    ("11 a quote", "\"; filename=\"b.html", Some("\"; filename=\"b.html")),
    ("13 nothing", "", None),
    ("13 a blank", " ", None),
    ("14 a dot", ".", None),
    ("14 two dots", "..", None),
    ("15 a dot file", ".htaccess", Some(".htaccess")),
    ("16 a device", "CON", Some("CON")),
    ("16 another device", "NUL.jpg", Some("NUL.jpg")),
    ("17 an option", "-rf", Some("-rf")),
    ("17 another option", "-i.jpg", Some("-i.jpg")),
    ("18 a command", "$(id).jpg", Some("$(id).jpg")),
    ("18 another command", "`id`", Some("`id`")),
    ("19 from right to left", "photo\u{202e}gpj.exe", Some("photo\u{202e}gpj.exe")),
    ("20 decomposed", "cafe\u{301}.jpg", Some("cafe\u{301}.jpg")),
    ("20 composed", "caf\u{e9}.jpg", Some("caf\u{e9}.jpg")),
    ("22 an encoded slash", "..%2Fx", Some("..%2Fx")),
    ("23 markup", "<img src=x onerror=alert(1)>.jpg", Some("<img src=x onerror=alert(1)>.jpg")),
    ("24 two endings", "x.jpg.html", Some("x.jpg.html")),
    ("a folder", "Holiday/Day 1/IMG 1.jpg", Some("IMG 1.jpg")),
    ("a C1 control", "a\u{9b}31m.jpg", None),
    ("a tab", "a\tb.jpg", None),
    ("a semicolon", "a; b=c, d.jpg", Some("a; b=c, d.jpg")),
    ("a backslash at the end", "a\\", None),
    ("percent signs", "100%.jpg %22 %0A", Some("100%.jpg %22 %0A")),
    ("another script", "写真.jpg", Some("写真.jpg")),
    ("an emoji", "🏔️.jpg", Some("🏔️.jpg")),
];

/// As browsers write names into forms (WHATWG HTML): these three are escaped, nothing else.
fn form(name: &str, bytes: &[u8]) -> Vec<u8> {
    let escaped = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    mv_testkit::multipart(&escaped, bytes, &[]).1
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

/// The exact name that a `Content-Disposition` tells; the header must be inert.
fn told_name(header: &str) -> String {
    let (front, encoded) = header.split_once("; filename*=UTF-8''").unwrap();
    let plain = front.split_once("; filename=\"").unwrap().1.strip_suffix('"').unwrap();
    assert!(!plain.contains(['"', '\\', '/', '%']), "{header}");
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~%".contains(&byte)), "{header}");
    let mut bytes = Vec::new();
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        let digits = if byte == b'%' { vec![rest.next().unwrap(), rest.next().unwrap()] } else { Vec::new() };
        bytes.push(if digits.is_empty() {
            byte
        } else {
            u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
        });
    }
    String::from_utf8(bytes).unwrap()
}

on_both!(names_are_inert_data_however_they_come, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 200);
    let edited = alice.upload("before.jpg", &photo).await;
    let kind = "multipart/form-data; boundary=mv-test-boundary";
    for (row, name, kept) in NAMES {
        // A browser's form cannot say these two apart from escapes; our parser decodes them, as it must.
        let (decoded, in_form) = (name.replace("%22", "\"").replace("%0A", "\n"), form(name, &photo));
        let in_form_kept = if decoded == name { kept } else { None };
        let extended = format!("attachment; filename=\"fallback.jpg\"; filename*=UTF-8''{}", percent(name.as_bytes()));
        let before = state(&alice).await;
        let by_form = send_form(&alice, kind, &in_form).await;
        let by_header = alice.upload_raw("", photo.clone(), &[("content-disposition", &extended)]).await;
        let by_edit = alice.patch(&path_of(&edited), json!({ "filename": name })).await;
        match in_form_kept {
            Some(kept) => {
                assert_eq!(by_form.status, 201, "{row} in a form: {}", String::from_utf8_lossy(&by_form.body));
                let body: Value = serde_json::from_slice(&by_form.body).unwrap();
                assert_eq!(body["data"]["filename"], kept, "{row} in a form");
            }
            // A control byte cannot stand in the head of a part at all.
            None => {
                let raw_control = name.chars().any(|c| c.is_ascii_control() && !"\r\n".contains(c) && c != '\t');
                let field = if raw_control { "body" } else { "filename" };
                assert_eq!(
                    (by_form.status, by_form.error()),
                    (400, ("validation_error".into(), vec![field.to_owned()])),
                    "{row} in a form"
                );
            }
        }
        let Some(kept) = kept else {
            assert_eq!(by_header.error(400, "validation_error"), ["filename"], "{row} in a header");
            assert_eq!(by_edit.error(400, "validation_error"), ["filename"], "{row} in an edit");
            assert_eq!(state(&alice).await, before, "{row}");
            continue;
        };
        for (way, item) in [("header", by_header.expect(201)), ("edit", by_edit.expect(200))] {
            assert_eq!(item["filename"], kept, "{row} in a {way}");
            for query in ["", "?download=1"] {
                let content = alice.get(&format!("{}/content{query}", path_of(&item))).await;
                let disposition = content.header("content-disposition").to_owned();
                assert_eq!(told_name(&disposition), kept, "{row} in a {way}");
                assert!(
                    disposition.starts_with(if query.is_empty() { "inline; " } else { "attachment; " }),
                    "{row}: {disposition}"
                );
                assert!(content.headers.get("x-evil").is_none(), "{row}");
            }
        }
    }
    sound(&server).await;
});

on_both!(names_of_any_length, |server| async move {
    let alice = server.user("alice").await;
    let (longest, longer, page) = ("n".repeat(255), "n".repeat(256), "n".repeat(4096));
    let wide = "é".repeat(128);
    let item = alice.upload(&longest, b"x").await;
    assert_eq!(item["filename"], longest);
    let deep = format!("{}/a.jpg", "d".repeat(500));
    assert_eq!(alice.upload(&deep, b"x").await["filename"], "a.jpg");
    let before = state(&alice).await;
    for name in [&longer, &page, &wide] {
        let header = format!("attachment; filename*=UTF-8''{}", percent(name.as_bytes()));
        alice.try_upload("", name, b"x", &[]).await.error_on(400, "validation_error", &["filename"]);
        alice.upload_raw("", "x", &[("content-disposition", &header)]).await.error_on(
            400,
            "validation_error",
            &["filename"],
        );
        alice.patch(&path_of(&item), json!({ "filename": name })).await.error_on(
            400,
            "validation_error",
            &["filename"],
        );
    }
    assert_eq!(state(&alice).await, before);
});

on_both!(names_that_are_no_text, |server| async move {
    let alice = server.user("alice").await;
    let item = alice.upload("a.jpg", b"x").await;
    let before = state(&alice).await;
    for (row, bytes) in [
        ("a lone surrogate", &b"\xed\xa0\x80.jpg"[..]),
        ("two bytes of nothing", b"\xff\xfe.jpg"),
        ("half a letter", b"a\xc3"),
    ] {
        let mut body = mv_testkit::multipart("NAME", b"x", &[]).1;
        let at = body.windows(4).position(|window| window == b"NAME").unwrap();
        body.splice(at..at + 4, bytes.iter().copied());
        let answer = send_form(&alice, "multipart/form-data; boundary=mv-test-boundary", &body).await;
        assert_eq!((answer.status, answer.error().1), (400, vec!["filename".to_owned()]), "{row} in a form");
        let header = [&b"attachment; filename=\""[..], bytes, b"\""].concat();
        let value = reqwest::header::HeaderValue::from_bytes(&header).unwrap();
        let request = alice.request(Method::POST, "/media/upload").header("content-type", "image/jpeg");
        let answer = alice.send(request.header("content-disposition", value).body("x")).await;
        assert_eq!(answer.error(400, "validation_error"), ["filename"], "{row} in a header");
        let header = format!("attachment; filename*=UTF-8''{}", percent(bytes));
        let answer = alice.upload_raw("", "x", &[("content-disposition", &header)]).await;
        assert_eq!(answer.error(400, "validation_error").len(), 1, "{row} encoded in a header");
    }
    let request = alice.request(Method::PATCH, &path_of(&item)).header("content-type", "application/json");
    alice.send(request.body(r#"{"filename":"\ud800.jpg"}"#)).await.error(400, "validation_error");
    assert_eq!(state(&alice).await, before);
});

on_both!(headers_that_name_a_file, |server| async move {
    let alice = server.user("alice").await;
    let utf8 = "attachment; filename=\"lac d'été.jpg\"";
    let cases: [(&str, &str, Result<&str, &str>); 17] = [
        ("no name", "attachment", Ok("upload.jpg")),
        ("a word", "attachment; filename=a.jpg", Ok("a.jpg")),
        ("inline", "inline; filename=a.jpg", Ok("a.jpg")),
        ("quoted", r#"attachment; filename="a \"b\" c.jpg""#, Ok("a \"b\" c.jpg")),
        ("both, the exact one wins", "attachment; filename=\"a.jpg\"; filename*=UTF-8''%C3%BC.jpg", Ok("ü.jpg")),
        ("both, the other way round", "attachment; filename*=UTF-8''%C3%BC.jpg; filename=\"a.jpg\"", Ok("ü.jpg")),
        ("22 a way up beside a plain name", "attachment; filename=a.jpg; filename*=UTF-8''..%2Fx", Ok("x")),
        ("a language", "attachment; filename*=utf-8'en'a%20b.jpg", Ok("a b.jpg")),
        ("plain UTF-8", utf8, Ok("lac d'été.jpg")),
        ("other parameters", "attachment; size=3; filename=a.jpg; creation-date=\"x\"", Ok("a.jpg")),
        ("an empty name", "attachment; filename=\"\"", Err("filename")),
        ("two names", "attachment; filename=a.jpg; filename=b.jpg", Err("Content-Disposition")),
        ("two exact names", "attachment; filename*=UTF-8''a; filename*=UTF-8''b", Err("Content-Disposition")),
        ("an open quote", "attachment; filename=\"a.jpg", Err("Content-Disposition")),
        ("no value", "attachment; filename", Err("Content-Disposition")),
        ("another character set", "attachment; filename*=ISO-8859-1''a.jpg", Err("Content-Disposition")),
        ("encoded bytes that are no UTF-8", "attachment; filename*=UTF-8''%ff.jpg", Err("Content-Disposition")),
    ];
    for (name, header, expected) in cases {
        let value = reqwest::header::HeaderValue::from_bytes(header.as_bytes()).unwrap();
        let request = alice.request(Method::POST, "/media/upload").header("content-type", "image/jpeg");
        let answer = alice.send(request.header("content-disposition", value).body(jpeg(1, 100))).await;
        match expected {
            Ok(kept) => assert_eq!(answer.expect(201)["filename"], kept, "{name}"),
            Err(field) => assert_eq!(answer.error(400, "validation_error"), [field], "{name}"),
        }
    }
});
