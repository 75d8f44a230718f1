//! The one cookie of the product: the refresh token of a page that this server itself serves. Pure text; who may use it
//! is the routes' to say. Strict: a cookie that was set twice is refused, since only one of the two can be ours
//! (RFC 6265 section 8.6: others may plant cookies, not read them).

use std::time::Duration;

use axum::http::HeaderValue;

/// The longest value that is looked at; a refresh token has 74 characters.
const MAX_VALUE: usize = 256;

/// How the refresh token travels in a cookie, by whether the server is reached over HTTPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshCookie {
    /// Over HTTPS the prefix `__Host-` makes browsers refuse what another host or plain HTTP sets (RFC 6265bis section
    /// 4.1.3.2). Loopback without TLS can have neither the prefix nor `Secure`.
    secure: bool,
}

/// What a request's cookies hold of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held<'h> {
    /// Nothing.
    Nothing,
    /// This.
    Token(&'h str),
    /// Something that cannot be ours: set twice, or not of the form that was set.
    Unusable,
}

impl RefreshCookie {
    /// For a server that people reach at this address.
    pub fn at(public_url: &str) -> Self {
        Self { secure: public_url.starts_with("https://") }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        if self.secure { "__Host-mediavault_refresh" } else { "mediavault_refresh" }
    }

    /// Reads it out of the values of all `Cookie` headers; other cookies do not matter, whatever they look like.
    pub fn read<'h>(self, headers: impl IntoIterator<Item = &'h [u8]>) -> Held<'h> {
        let mut held = Held::Nothing;
        for pair in headers.into_iter().flat_map(|header| header.split(|byte| *byte == b';')) {
            let pair = pair.trim_ascii();
            let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(end);
            // Browsers take ` name ` for `name`, so blanks around it do not make it another cookie.
            if name.trim_ascii() != self.name().as_bytes() {
                continue;
            }
            held = match (held, value.strip_prefix(b"=").and_then(token)) {
                (Held::Nothing, Some(token)) => Held::Token(token),
                _ => Held::Unusable,
            };
        }
        held
    }

    /// `Set-Cookie` that gives it this value for so long. `None` for what cannot stand in a cookie.
    pub fn set(self, token: &str, life: Duration) -> Option<HeaderValue> {
        self.header(token, life.as_secs())
    }

    /// `Set-Cookie` that takes it away.
    pub fn clear(self) -> Option<HeaderValue> {
        self.header("", 0)
    }

    fn header(self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; Max-Age={seconds}{secure}; HttpOnly; SameSite=Strict", self.name());
        HeaderValue::from_str(&text).ok()
    }
}

/// A value as `set` writes it: letters, digits, `-` and `_`.
fn token(value: &[u8]) -> Option<&str> {
    let sound = (1..=MAX_VALUE).contains(&value.len())
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    std::str::from_utf8(value).ok().filter(|_| sound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const SECURE: RefreshCookie = RefreshCookie { secure: true };
    const PLAIN: RefreshCookie = RefreshCookie { secure: false };

    fn read(headers: &[&str]) -> Held<'static> {
        let lines: Vec<&'static [u8]> = headers.iter().map(|line| &*line.as_bytes().to_vec().leak()).collect();
        SECURE.read(lines)
    }

    #[test]
    fn one_is_read_and_anything_odd_is_not() {
        for (what, headers, held) in [
            ("none", &[][..], Held::Nothing),
            ("empty", &[""], Held::Nothing),
            ("alone", &["__Host-mediavault_refresh=mvr_a-B_9"], Held::Token("mvr_a-B_9")),
            ("among others", &["a=b; __Host-mediavault_refresh=x; c"], Held::Token("x")),
            ("in another line", &["a=b", "__Host-mediavault_refresh=x"], Held::Token("x")),
            ("without blanks", &["a=b;__Host-mediavault_refresh=x;c=d"], Held::Token("x")),
            ("twice", &["__Host-mediavault_refresh=x; __Host-mediavault_refresh=x"], Held::Unusable),
            (
                "three times",
                &["__Host-mediavault_refresh=x;__Host-mediavault_refresh=x;__Host-mediavault_refresh=x"],
                Held::Unusable,
            ),
            ("in two lines", &["__Host-mediavault_refresh=x", "__Host-mediavault_refresh=y"], Held::Unusable),
            ("one of two empty", &["__Host-mediavault_refresh=; __Host-mediavault_refresh=x"], Held::Unusable),
            ("a blank before =", &["__Host-mediavault_refresh =x; __Host-mediavault_refresh=x"], Held::Unusable),
            ("no value", &["__Host-mediavault_refresh"], Held::Unusable),
            ("an empty value", &["__Host-mediavault_refresh="], Held::Unusable),
            ("quoted", &["__Host-mediavault_refresh=\"x\""], Held::Unusable),
            ("= within", &["__Host-mediavault_refresh=x=y"], Held::Unusable),
            ("a comma", &["__Host-mediavault_refresh=x,y"], Held::Unusable),
            ("other case", &["__host-mediavault_refresh=x"], Held::Nothing),
            ("another name", &["mediavault_refresh=x; x__Host-mediavault_refresh=y"], Held::Nothing),
        ] {
            assert_eq!(read(headers), held, "{what}");
        }
        let long = format!("__Host-mediavault_refresh={}", "a".repeat(257));
        assert_eq!(read(&[&long]), Held::Unusable);
        assert_eq!(PLAIN.read([&b"mediavault_refresh=x"[..]]), Held::Token("x"));
    }

    #[test]
    fn flags_follow_the_scheme() {
        let at = |url| RefreshCookie::at(url).set("mvr_x", Duration::from_secs(90)).unwrap();
        assert_eq!(
            at("https://vault.example.org"),
            "__Host-mediavault_refresh=mvr_x; Path=/; Max-Age=90; Secure; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            at("http://127.0.0.1:8080"),
            "mediavault_refresh=mvr_x; Path=/; Max-Age=90; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            SECURE.clear().unwrap(),
            "__Host-mediavault_refresh=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_only_a_sound_value_is_read(lines in vec(vec(any::<u8>(), 0..200), 0..4)) {
            if let Held::Token(token) = SECURE.read(lines.iter().map(Vec::as_slice)) {
                prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            }
        }

        #[test]
        fn what_was_set_is_read_among_others_and_twice_is_refused(
            token in "[A-Za-z0-9_-]{1,100}",
            before in vec("[a-z]{1,8}=[!-:<-~]{0,20}", 0..4),
            after in vec("[ -:<-~]{0,20}", 0..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let set = SECURE.set(&token, Duration::from_secs(1)).unwrap();
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let mut pairs = before;
            pairs.push(pair.clone());
            pairs.extend(after);
            let (one, two) = pairs.split_at(cut.index(pairs.len()));
            let lines = [one.join("; "), two.join(";")];
            prop_assert_eq!(SECURE.read(lines.iter().map(String::as_bytes)), Held::Token(token.as_str()));
            let twice = [lines[0].as_bytes(), pair.as_bytes(), lines[1].as_bytes()];
            prop_assert_eq!(SECURE.read(twice), Held::Unusable);
        }
    }
}
