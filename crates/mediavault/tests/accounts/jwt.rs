//! Access tokens that are not what they should be, and the header that carries them. Each attack that needs the signing
//! key uses the server's own, so that nothing but the attacked rule can refuse it.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};

/// Signs as the server does.
struct Forge {
    key: EncodingKey,
    claims: Value,
}

impl Forge {
    fn new(server: &Server, token: &str) -> Self {
        let hex = std::fs::read_to_string(server.data_dir().join("keys/jwt.key")).unwrap();
        let key: Vec<u8> =
            (0..32).map(|place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap()).collect();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        Self { key: EncodingKey::from_secret(&key), claims: serde_json::from_slice(&claims).unwrap() }
    }

    fn claims(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key).unwrap()
    }

    fn header(&self, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(Algorithm::HS256);
        change(&mut header);
        jsonwebtoken::encode(&header, &self.claims, &self.key).unwrap()
    }

    /// Signs these very texts.
    fn texts(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let tag = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, Algorithm::HS256).unwrap();
        format!("{message}.{tag}")
    }
}

on_both!(forged_and_odd_access_tokens_are_refused, |server| async move {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    let good = ann.token.clone().unwrap();
    let forge = Forge::new(&server, &good);
    let theirs = Forge::new(&server, bob.token.as_ref().unwrap()).claims;
    let plain = r#"{"alg":"HS256","typ":"JWT"}"#;
    let own = forge.claims.to_string();
    for (what, genuine) in [("as it is", forge.claims(|_| ())), ("of these texts", forge.texts(plain, &own))] {
        assert_eq!(whoami(&ann, &genuine).await.status, 200, "{what}: the tests sign as the server does");
    }
    let [header, claims, tag] = good.split('.').collect::<Vec<_>>()[..] else { panic!("{good}") };
    let none = |alg: &str| URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#));
    let now = forge.claims["iat"].as_i64().unwrap();
    let foreign = Forge { key: EncodingKey::from_secret(&[7; 32]), claims: forge.claims.clone() };
    let number = |member: &str, value: &str| {
        let mut claims = forge.claims.clone();
        claims[member] = json!("HERE");
        forge.texts(plain, &claims.to_string().replace("\"HERE\"", value))
    };
    let mut last = tag.as_bytes().to_vec();
    let place = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = place.iter().position(|byte| *byte == last[42]).unwrap();
    last[42] = place[index | 1];
    let unused_bits = String::from_utf8(last).unwrap();
    let mut cases = vec![
        ("alg none", format!("{}.{claims}.", none("none"))),
        ("alg None with the tag", format!("{}.{claims}.{tag}", none("None"))),
        ("alg nOnE", format!("{}.{claims}.", none("nOnE"))),
        ("alg empty", format!("{}.{claims}.{tag}", none(""))),
        ("HS384, the right key", forge.header(|header| header.alg = Algorithm::HS384)),
        ("HS512, the right key", forge.header(|header| header.alg = Algorithm::HS512)),
        ("no key", Forge { key: EncodingKey::from_secret(&[]), claims: forge.claims.clone() }.claims(|_| ())),
        ("another key", foreign.claims(|_| ())),
        ("another key, told by jku", foreign.header(|header| header.jku = Some("http://127.0.0.1:9/keys".into()))),
        ("another key, told by x5u", foreign.header(|header| header.x5u = Some("http://127.0.0.1:9/cert".into()))),
        ("kid as a path", foreign.header(|header| header.kid = Some("../../../dev/null".into()))),
        ("kid as SQL", foreign.header(|header| header.kid = Some("x' UNION SELECT 'key".into()))),
        ("no tag", format!("{header}.{claims}.")),
        ("two parts", format!("{header}.{claims}")),
        ("half a tag", format!("{header}.{claims}.{}", &tag[..20])),
        (
            "a tag of another token",
            format!("{header}.{claims}.{}", bob.token.as_ref().unwrap().rsplit('.').next().unwrap()),
        ),
        (
            "claims of another token",
            format!("{header}.{}.{tag}", bob.token.as_ref().unwrap().split('.').nth(1).unwrap()),
        ),
        ("unused bits of the tag", format!("{header}.{claims}.{unused_bits}")),
        ("padded tag", format!("{good}=")),
        ("four parts", format!("{good}.{tag}")),
        ("five parts", format!("{header}.{claims}.{tag}.{claims}.{tag}")),
        ("a dot before", format!(".{good}")),
        ("nothing but dots", "..".to_owned()),
        ("not base64", "a.b.c".to_owned()),
        ("alg twice, none first", forge.texts(r#"{"alg":"none","alg":"HS256","typ":"JWT"}"#, &own)),
        ("alg twice, none last", forge.texts(r#"{"alg":"HS256","alg":"none","typ":"JWT"}"#, &own)),
        ("header is no object", forge.texts("[]", &own)),
        ("claims are no object", forge.texts(plain, "5")),
        ("text behind the claims", forge.texts(plain, &format!("{own}x"))),
        ("sub twice", forge.texts(plain, &own.replacen('{', &format!("{{\"sub\":{},", theirs["sub"]), 1))),
        ("expired", forge.claims(|claims| claims["exp"] = json!(now - 1))),
        ("expires at this second", forge.claims(|claims| claims["exp"] = json!(now))),
        ("exp as text", forge.claims(|claims| claims["exp"] = json!((now + 600).to_string()))),
        ("exp with a fraction", number("exp", &format!("{}.5", now + 600))),
        ("exp 1e400", number("exp", "1e400")),
        ("exp beyond 64 bits", number("exp", "99999999999999999999")),
        ("exp negative", number("exp", "-1")),
        ("exp null", number("exp", "null")),
        ("from the future", forge.claims(|claims| claims["iat"] = json!(now + 600))),
        ("not yet valid", forge.claims(|claims| claims["nbf"] = json!(now + 600))),
        ("nbf as text", forge.claims(|claims| claims["nbf"] = json!("soon"))),
        ("another issuer", forge.claims(|claims| claims["iss"] = json!("mediavault.evil"))),
        ("another audience", forge.claims(|claims| claims["aud"] = json!("other"))),
        ("my session, bob's account", forge.claims(|claims| claims["sub"] = theirs["sub"].clone())),
        ("bob's session, my account", forge.claims(|claims| claims["sid"] = theirs["sid"].clone())),
        ("no such session", forge.claims(|claims| claims["sid"] = json!("ses_01h455vb4pex5vsknk084sn02q"))),
        ("session of another kind", forge.claims(|claims| claims["sid"] = json!(ann.id))),
        ("sub as a list", forge.claims(|claims| claims["sub"] = json!([ann.id]))),
        ("long", format!("{header}.{claims}.{}", "A".repeat(20_000))),
        ("very many dots", ".".repeat(4000)),
    ];
    for member in ["iss", "aud", "sub", "sid", "iat", "exp"] {
        cases.push((member, forge.claims(|claims| drop(claims.as_object_mut().unwrap().remove(member)))));
    }
    let before = state(&server).await;
    for (what, token) in &cases {
        refused(what, &whoami(&ann, token).await);
        refused(&format!("{what}, for a new one"), &ann.with_token(token).post_empty("/auth/refresh").await);
        refused(&format!("{what}, for a logout"), &ann.with_token(token).post_empty("/auth/logout").await);
    }
    assert_eq!(state(&server).await, before, "no forged token ends a session");
    for (what, exp) in [("the end of time", i64::MAX), ("a very long life", now + 1_000_000_000)] {
        let answer = whoami(&ann, &forge.claims(|claims| claims["exp"] = json!(exp))).await;
        assert!(answer.status < 500, "{what}: {}", answer.status);
    }
    assert_eq!(whoami(&ann, &good).await.status, 200);
});

on_both!(the_header_that_carries_it, |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    let good = ann.token.clone().unwrap();
    let item = ann.upload("a.bin", b"a").await;
    let signature = item["urls"]["content"].as_str().unwrap().split("sig=").nth(1).unwrap().to_owned();
    let get = |fields: &[(&str, String)]| {
        let request = nobody.request(Method::GET, "/users/me");
        nobody.send(fields.iter().fold(request, |request, (name, value)| request.header(*name, value)))
    };
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = get(&[("authorization", format!("{scheme} {good}"))]).await;
        assert_eq!(answer.expect(200)["id"], json!(ann.id), "{scheme}");
    }
    for (what, fields) in [
        ("nothing", vec![]),
        ("a cookie", vec![("cookie", format!("token={good}; access_token={good}"))]),
        (
            "a proxy's header",
            vec![("proxy-authorization", format!("Bearer {good}")), ("x-forwarded-user", "ann".to_owned())],
        ),
    ] {
        let answer = get(&fields).await;
        answer.error_on(401, "unauthorized", &[]);
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="mediavault""#, "{what}: nothing was sent");
    }
    refused("an access token for an API key", &get(&[("x-api-key", good.clone())]).await);
    for (what, values) in [
        ("twice", vec![format!("Bearer {good}"), format!("Bearer {good}")]),
        ("two in one", vec![format!("Bearer {good}, Bearer {good}")]),
        ("another scheme first", vec!["Basic YTpi".to_owned(), format!("Bearer {good}")]),
        ("another scheme", vec![format!("Token {good}")]),
        ("Basic with the token", vec![format!("Basic {good}")]),
        ("no scheme", vec![good.clone()]),
        ("no token", vec!["Bearer".to_owned()]),
        ("an empty token", vec!["Bearer ".to_owned()]),
        ("quoted", vec![format!("Bearer \"{good}\"")]),
        ("something behind", vec![format!("Bearer {good} x")]),
        ("a tab between", vec![format!("Bearer\t{good}")]),
        ("no blank between", vec![format!("Bearer{good}")]),
        ("a name before it", vec![format!("Bearer token={good}")]),
        ("letters beyond ASCII", vec![format!("Bearer {good}é")]),
        ("an empty header", vec![String::new()]),
        ("a refresh token", vec![format!("Bearer {}", ann.refresh_token.as_ref().unwrap())]),
        ("the signature of a link", vec![format!("Bearer {signature}")]),
    ] {
        let fields: Vec<_> = values.into_iter().map(|value| ("authorization", value)).collect();
        refused(what, &get(&fields).await);
    }
    for name in ["access_token", "token"] {
        let answer = nobody.get(&format!("/users/me?{name}={good}")).await;
        answer.error_on(400, "validation_error", &[name]);
    }
    let body = nobody.request(Method::POST, "/auth/logout").header("content-type", "application/x-www-form-urlencoded");
    let body = nobody.send(body.body(format!("access_token={good}"))).await;
    assert_eq!(body.status, 401, "never from a body (RFC 6750 section 2.2)");
    assert_eq!(whoami(&ann, &good).await.status, 200);
});
