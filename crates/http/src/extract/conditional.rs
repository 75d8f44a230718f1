//! Conditional requests (RFC 9110 section 13): entity tags, and the order in which the conditions are judged.

use axum::http::{HeaderMap, HeaderValue, header};
use mv_core::{Code, Error, Timestamp};

/// What the conditions of a GET or HEAD come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer in full.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// The longest list of tags that is read; longer ones are refused.
const MAX_TAG_BYTES: usize = 8 * 1024;

/// Judges `If-Match`, `If-Unmodified-Since`, `If-None-Match`, `If-Modified-Since` in the order of section 13.2.2.
/// `tag` is the strong tag with its quotes.
///
/// # Errors
/// `validation_error` for a list of tags that is malformed or too long.
pub fn judge(headers: &HeaderMap, tag: &str, modified: Timestamp) -> Result<Verdict, Error> {
    if let Some(tags) = tags(headers, header::IF_MATCH, "If-Match")? {
        if !tags.strong(tag) {
            return Ok(Verdict::Failed);
        }
    } else if let Some(since) = date(headers.get(header::IF_UNMODIFIED_SINCE))
        && modified.seconds() > since
    {
        return Ok(Verdict::Failed);
    }
    if let Some(tags) = tags(headers, header::IF_NONE_MATCH, "If-None-Match")? {
        return Ok(if tags.weak(tag) { Verdict::NotModified } else { Verdict::Proceed });
    }
    match date(headers.get(header::IF_MODIFIED_SINCE)) {
        Some(since) if modified.seconds() <= since => Ok(Verdict::NotModified),
        _ => Ok(Verdict::Proceed),
    }
}

/// Judges `If-None-Match` alone, for things that have no date.
///
/// # Errors
/// As `judge`.
pub fn judge_tag(headers: &HeaderMap, tag: &str) -> Result<Verdict, Error> {
    match tags(headers, header::IF_NONE_MATCH, "If-None-Match")? {
        Some(tags) if tags.weak(tag) => Ok(Verdict::NotModified),
        _ => Ok(Verdict::Proceed),
    }
}

/// Whether `If-Range` lets a range be served: a strong tag that is equal, or the exact date (section 13.1.5).
pub fn range_applies(headers: &HeaderMap, tag: &str, modified: Timestamp) -> bool {
    let Some(value) = headers.get(header::IF_RANGE) else { return true };
    match value.to_str() {
        Ok(text) if text.trim_start().starts_with(['"', 'W']) && !text.contains("GMT") => text.trim() == tag,
        Ok(_) => date(Some(value)) == Some(modified.seconds()),
        Err(_) => false,
    }
}

/// The version that `If-Match` asks for on a thing whose tags are `"<version>.<epoch>"`: only the version counts.
///
/// # Errors
/// `precondition_failed` where none of the tags fits, `validation_error` where the list is malformed.
pub fn version_matches(headers: &HeaderMap, version: u64) -> Result<(), Error> {
    let Some(tags) = tags(headers, header::IF_MATCH, "If-Match")? else { return Ok(()) };
    let fits = match &tags {
        Tags::Any => true,
        Tags::Listed(listed) => listed.iter().any(|(weak, text)| {
            let inner = text.trim_matches('"');
            !weak && inner.split('.').next() == Some(version.to_string().as_str())
        }),
    };
    if fits {
        Ok(())
    } else {
        Err(Error::new(Code::PreconditionFailed, "If-Match does not hold: it was changed since")
            .with("If-Match", "Does not match"))
    }
}

enum Tags {
    Any,
    Listed(Vec<(bool, String)>),
}

impl Tags {
    fn strong(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(listed) => listed.iter().any(|(weak, text)| !weak && text == tag),
        }
    }

    fn weak(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(listed) => listed.iter().any(|(_, text)| text == tag),
        }
    }
}

fn tags(headers: &HeaderMap, name: header::HeaderName, field: &'static str) -> Result<Option<Tags>, Error> {
    let values: Vec<&HeaderValue> = headers.get_all(&name).iter().collect();
    if values.is_empty() {
        return Ok(None);
    }
    let bad = || Error::invalid(field, "Must be * or a list of entity tags");
    if values.iter().map(|value| value.len()).sum::<usize>() > MAX_TAG_BYTES {
        return Err(bad());
    }
    let mut listed = Vec::new();
    for value in &values {
        let text = value.to_str().map_err(|_| bad())?.trim();
        if text == "*" && values.len() == 1 {
            return Ok(Some(Tags::Any));
        }
        read_list(text, &mut listed).ok_or_else(bad)?;
    }
    Ok(Some(Tags::Listed(listed)))
}

/// Reads `W/"a", "b"`; a comma may stand inside the quotes.
fn read_list(mut rest: &str, listed: &mut Vec<(bool, String)>) -> Option<()> {
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(());
        }
        let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let inner = quoted.strip_prefix('"')?;
        let end = inner.find('"')?;
        let (tag, behind) = (inner.get(..end)?, inner.get(end + 1..)?);
        listed.push((weak, format!("\"{tag}\"")));
        if !behind.trim_start().is_empty() && !behind.trim_start().starts_with(',') {
            return None;
        }
        rest = behind;
    }
}

/// Seconds since 1970 of an IMF-fixdate (`Sun, 06 Nov 1994 08:49:37 GMT`); other forms are ignored, as recipients may.
fn date(value: Option<&HeaderValue>) -> Option<i64> {
    let text = value?.to_str().ok()?;
    Timestamp::parse_http(text).map(Timestamp::seconds)
}

/// IMF-fixdate of an instant, for `Last-Modified`.
pub fn http_date(at: Timestamp) -> String {
    httpdate::format(at)
}

mod httpdate {
    //! HTTP dates (RFC 9110 section 5.6.7), the preferred form only.
    use mv_core::Timestamp;

    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    pub(super) fn format(at: Timestamp) -> String {
        let iso = Timestamp::from_seconds(at.seconds()).to_string();
        let day =
            DAYS.get(usize::try_from(at.seconds().div_euclid(86_400).rem_euclid(7)).unwrap_or(0)).unwrap_or(&"Thu");
        let month = iso
            .get(5..7)
            .and_then(|m| m.parse::<usize>().ok())
            .and_then(|m| MONTHS.get(m.wrapping_sub(1)))
            .unwrap_or(&"Jan");
        let part = |from: usize, to: usize| iso.get(from..to).unwrap_or_default();
        format!("{day}, {} {month} {} {} GMT", part(8, 10), part(0, 4), part(11, 19))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn dates_are_written_as_they_are_read() {
        let at = Timestamp::parse("1994-11-06T08:49:37Z").unwrap();
        assert_eq!(http_date(at), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(Timestamp::parse_http(&http_date(at)), Some(at));
    }

    #[test]
    fn conditions_in_their_order() {
        let modified = Timestamp::parse("1994-11-06T08:49:37Z").unwrap();
        let judge = |pairs: &[(&'static str, &str)]| judge(&headers(pairs), "\"a,b\"", modified).unwrap();
        assert_eq!(judge(&[]), Verdict::Proceed);
        assert_eq!(judge(&[("if-none-match", "\"x\", W/\"a,b\"")]), Verdict::NotModified);
        assert_eq!(judge(&[("if-none-match", "*")]), Verdict::NotModified);
        assert_eq!(judge(&[("if-match", "W/\"a,b\"")]), Verdict::Failed);
        assert_eq!(judge(&[("if-match", "\"a,b\"")]), Verdict::Proceed);
        assert_eq!(judge(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")]), Verdict::NotModified);
        assert_eq!(
            judge(&[("if-none-match", "\"x\""), ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")]),
            Verdict::Proceed
        );
        assert_eq!(judge(&[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")]), Verdict::Failed);
        assert!(super::judge(&headers(&[("if-match", "nonsense")]), "\"a\"", modified).is_err());
        assert!(super::judge(&headers(&[("if-none-match", &"\"x\",".repeat(3000))]), "\"a\"", modified).is_err());
    }

    #[test]
    fn if_range_wants_a_strong_tag_or_the_exact_date() {
        let modified = Timestamp::parse("1994-11-06T08:49:37Z").unwrap();
        let applies = |value: &str| range_applies(&headers(&[("if-range", value)]), "\"a\"", modified);
        assert!(applies("\"a\""));
        assert!(!applies("W/\"a\"") && !applies("\"b\""));
        assert!(applies("Sun, 06 Nov 1994 08:49:37 GMT") && !applies("Sun, 06 Nov 1994 08:49:38 GMT"));
        assert!(range_applies(&HeaderMap::new(), "\"a\"", modified));
    }

    #[test]
    fn if_match_compares_the_version_alone() {
        let ask = |tag: &str| version_matches(&headers(&[("if-match", tag)]), 3);
        assert!(ask("\"3.99\"").is_ok() && ask("*").is_ok() && ask("\"1.1\", \"3.2\"").is_ok());
        for bad in ["\"2.99\"", "W/\"3.99\"", "\"33.1\""] {
            assert_eq!(ask(bad).unwrap_err().code, Code::PreconditionFailed, "{bad}");
        }
    }
}
