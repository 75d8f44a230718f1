//! The fields `Content-Digest` and `Repr-Digest` (RFC 9530) as dictionaries of structured fields (RFC 9651).
//! Promise: algorithms that are not ours are ignored, anything malformed is an error, never a check left out.
//! Not here: computing and comparing digests.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderValue;

/// RFC 9651 section 4.2.7: padding may be missing, its bits need not be zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The digests that a client sent, of the algorithms that are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SentDigests {
    /// `sha-256`.
    pub sha256: Option<[u8; 32]>,
    /// `sha-512`.
    pub sha512: Option<[u8; 64]>,
}

/// What is wrong with a digest field. The text is fit for the client's 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDigest {
    /// The field is no dictionary of byte sequences.
    #[error("must read as RFC 9530 has it, such as sha-256=:<base64>:")]
    Syntax,
    /// The named algorithm gives another number of bytes.
    #[error("the {0} digest has the wrong length")]
    Length(&'static str),
}

/// Reads all lines of one digest field, in their order; no line at all is no digest. Of an algorithm that
/// is named twice the last value counts (RFC 9651 section 4.2.2).
pub fn parse<'v>(lines: impl IntoIterator<Item = &'v HeaderValue>) -> Result<SentDigests, BadDigest> {
    let lines: Vec<&[u8]> = lines.into_iter().map(HeaderValue::as_bytes).collect();
    let joined = lines.join(&b","[..]);
    let mut text = Text(joined.trim_ascii());
    let (mut sha256, mut sha512) = (None, None);
    while !text.0.is_empty() {
        let key = text.key()?;
        text.expect(b'=')?;
        let value = text.byte_sequence()?;
        text.parameters()?;
        match key {
            b"sha-256" => sha256 = Some(value),
            b"sha-512" => sha512 = Some(value),
            _unknown => {}
        }
        text.next_member()?;
    }
    Ok(SentDigests { sha256: sized(sha256, "sha-256")?, sha512: sized(sha512, "sha-512")? })
}

fn sized<const N: usize>(value: Option<Vec<u8>>, algorithm: &'static str) -> Result<Option<[u8; N]>, BadDigest> {
    value.map(|bytes| bytes.try_into().map_err(|_| BadDigest::Length(algorithm))).transpose()
}

/// What is left to read.
struct Text<'t>(&'t [u8]);

impl<'t> Text<'t> {
    /// Takes the longest begin whose bytes all are of this kind.
    fn take_while(&mut self, of_kind: impl Fn(u8) -> bool) -> &'t [u8] {
        let end = self.0.iter().position(|byte| !of_kind(*byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn skip(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, byte: u8) -> Result<(), BadDigest> {
        if self.skip(byte) { Ok(()) } else { Err(BadDigest::Syntax) }
    }

    /// RFC 9651 section 4.2.3.3.
    fn key(&mut self) -> Result<&'t [u8], BadDigest> {
        match self.0.first() {
            Some(b'a'..=b'z' | b'*') => {
                Ok(self.take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')))
            }
            _ => Err(BadDigest::Syntax),
        }
    }

    /// RFC 9651 section 4.2.7.
    fn byte_sequence(&mut self) -> Result<Vec<u8>, BadDigest> {
        self.expect(b':')?;
        let encoded = self.take_while(|byte| byte != b':');
        self.expect(b':')?;
        BASE64.decode(encoded).map_err(|_| BadDigest::Syntax)
    }

    /// Parameters, of which RFC 9530 knows none: read and left out (RFC 9651 section 4.2.3.2).
    fn parameters(&mut self) -> Result<(), BadDigest> {
        while self.skip(b';') {
            self.take_while(|byte| byte == b' ');
            self.key()?;
            if self.skip(b'=') {
                self.bare_item()?;
            }
        }
        Ok(())
    }

    /// One bare item of any type (RFC 9651 section 4.2.3.1), by its outer shape.
    fn bare_item(&mut self) -> Result<(), BadDigest> {
        match self.0.first() {
            Some(b':') => self.byte_sequence().map(drop),
            Some(b'"') => self.string(),
            Some(b'%') => {
                self.expect(b'%')?;
                self.string()
            }
            Some(b'?' | b'@' | b'-' | b'0'..=b'9' | b'*' | b'a'..=b'z' | b'A'..=b'Z') => {
                self.take_while(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/?@".contains(&byte));
                Ok(())
            }
            _ => Err(BadDigest::Syntax),
        }
    }

    fn string(&mut self) -> Result<(), BadDigest> {
        self.expect(b'"')?;
        loop {
            self.take_while(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\');
            if !self.skip(b'\\') {
                return self.expect(b'"');
            }
            if !self.skip(b'"') {
                self.expect(b'\\')?;
            }
        }
    }

    /// The comma before the next member; none may trail.
    fn next_member(&mut self) -> Result<(), BadDigest> {
        let blank = |byte| byte == b' ' || byte == b'\t';
        self.take_while(blank);
        if self.0.is_empty() {
            return Ok(());
        }
        self.expect(b',')?;
        self.take_while(blank);
        if self.0.is_empty() { Err(BadDigest::Syntax) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 and SHA-512 of `{"hello": "world"}` and a line feed, as RFC 9530 appendix D prints them.
    const SHA256: &str = "RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=";
    const SHA512: &str = "YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==";

    fn read(lines: &[&str]) -> Result<SentDigests, BadDigest> {
        let values: Vec<HeaderValue> = lines.iter().map(|line| HeaderValue::from_str(line).unwrap()).collect();
        parse(&values)
    }

    fn sent(sha256: bool, sha512: bool) -> SentDigests {
        let decode = |text| BASE64.decode(text).unwrap();
        SentDigests {
            sha256: sha256.then(|| decode(SHA256).try_into().unwrap()),
            sha512: sha512.then(|| decode(SHA512).try_into().unwrap()),
        }
    }

    #[test]
    fn reads_what_the_rfc_shows() {
        let zeros = "A".repeat(43);
        let bare = SHA256.trim_end_matches('=');
        for (lines, expected) in [
            (vec![], sent(false, false)),
            (vec![""], sent(false, false)),
            (vec![&*format!("sha-256=:{SHA256}:")], sent(true, false)),
            (vec![&*format!("sha-256=:{bare}:")], sent(true, false)),
            (vec![&*format!("  sha-512=:{SHA512}:\t,\t sha-256=:{SHA256}:  ")], sent(true, true)),
            (vec![&*format!("sha-256=:{SHA256}:"), &*format!("sha-512=:{SHA512}:")], sent(true, true)),
            (vec![&*format!("md5=:AA==:, sha=:AA==:, unixsum=::, sha-256=:{SHA256}:")], sent(true, false)),
            (vec![&*format!("sha-256=:{zeros}=:, sha-256=:{SHA256}:")], sent(true, false)),
            (vec!["sha-256=:AA==:", &*format!("sha-256=:{SHA256}:")], sent(true, false)),
            (vec![&*format!("sha-256=:{SHA256}:;a;b=1.5; c=\"x,\\\"\";d=?1;e=:AA==:;f=tok/en")], sent(true, false)),
            (vec!["md5=:AA==:"], sent(false, false)),
        ] {
            assert_eq!(read(&lines), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn refuses_what_is_malformed() {
        for line in [
            "sha-256",
            "sha-256=",
            "sha-256=abc",
            "sha-256=\"abc\"",
            "sha-256=:abc",
            "sha-256=:ab*c:",
            "sha-256=:a:",
            "sha-256 =:AA==:",
            "sha-256= :AA==:",
            "SHA-256=:AA==:",
            "sha-256=:AA==:,",
            ",sha-256=:AA==:",
            "sha-256=:AA==:,,md5=:AA==:",
            "sha-256=:AA==: md5=:AA==:",
            "sha-256=:AA==:;",
            "sha-256=:AA==:;a=",
            "sha-256=:AA==:;a=\"x",
            "sha-256=(:AA==:)",
            "md5=?1",
            "md5",
            "sha-256=:AA =:",
            "sha-256=:-_8=:",
        ] {
            assert_eq!(read(&[line]), Err(BadDigest::Syntax), "{line}");
        }
        assert_eq!(read(&["sha-256=:AA==:"]), Err(BadDigest::Length("sha-256")));
        assert_eq!(read(&["sha-256=::"]), Err(BadDigest::Length("sha-256")));
        assert_eq!(read(&[&format!("sha-512=:{SHA256}:")]), Err(BadDigest::Length("sha-512")));
        assert_eq!(read(&[&format!("sha-256=:{SHA256}:, sha-256=:AA==:")]), Err(BadDigest::Length("sha-256")));
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(line in "[ -~]{0,80}", member in "(sha-256|md5)=:[A-Za-z0-9+/=]{0,6}:[;a-z=\"?,:]{0,12}") {
            let _first = read(&[&line]);
            let _second = read(&[&member, &line]);
        }
    }
}
