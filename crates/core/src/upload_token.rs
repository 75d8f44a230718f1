//! Upload tokens: what an application's own end users may put into its account, and how much of it (contract section 3).
//! Not here: their secret, of which nobody keeps more than a hash, and the count of what came in (the store).

use std::time::Duration;

use crate::error::{Error, Problems};
use crate::id::{CollectionId, UploadTokenId, UserId};
use crate::media::{Labels, Properties, check_tags};
use crate::mime::MimeFilter;
use crate::time::Timestamp;

/// How long a token may hold, in seconds.
pub const LIFE: std::ops::RangeInclusive<u64> = 60..=86_400;
/// How long it holds where nothing else is said.
pub const DEFAULT_LIFE: Duration = Duration::from_secs(3600);
/// How many files a token may take at most.
pub const MAX_FILES: u64 = 10_000;
/// How many kinds of files a token may name.
pub const MAX_MIME_TYPES: usize = 50;

/// A token as the database keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadToken {
    /// Its id.
    pub id: UploadTokenId,
    /// Who issued it; what comes in is theirs.
    pub user_id: UserId,
    /// How many files it takes in all.
    pub max_files: u64,
    /// How many came.
    pub files: u64,
    /// How many bytes it takes in all; `None` is as many as fit.
    pub max_bytes: Option<u64>,
    /// How many came.
    pub bytes: u64,
    /// Which kinds of files it takes, as [`MimeFilter`] reads them; none is all.
    pub mime_types: Vec<String>,
    /// Where the items go as well.
    pub collection_id: Option<CollectionId>,
    /// What every item gets.
    pub tags: Vec<String>,
    /// Likewise.
    pub properties: Properties,
    /// The origin of pages that may use it in a browser.
    pub origin: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

impl UploadToken {
    /// Whether it takes files of this type, told from their bytes.
    pub fn takes(&self, mime: &str) -> bool {
        let fits = |kind: &String| MimeFilter::parse("mime_types", kind).is_ok_and(|filter| filter.matches(mime));
        self.mime_types.is_empty() || self.mime_types.iter().any(fits)
    }

    /// What an item is to be called, whose sender said this: the token's own tags and properties come on top.
    ///
    /// # Errors
    /// `validation_error` on a property that the token decides, or where both together are too many.
    pub fn label(&self, said: &Labels) -> Result<Labels, Error> {
        let fixed = self.properties.clone().into_members();
        let sent = said.properties.clone().into_members();
        let mut problems = Problems::default();
        for key in fixed.keys().filter(|key| sent.contains_key(*key)) {
            problems.add(format!("properties.{key}"), "Is decided by the upload token");
        }
        problems.finish()?;
        let tags = check_tags(self.tags.iter().chain(&said.tags).map(String::as_str))?;
        Ok(Labels { tags, properties: said.properties.merged(fixed)?, ..said.clone() })
    }
}

/// Checks a list of kinds of files: 1 to 50 of `image/jpeg` or `image/*`, in lower case afterwards.
///
/// # Errors
/// `validation_error` on `mime_types`.
pub fn check_mime_types(kinds: &[String]) -> Result<Vec<String>, Error> {
    if !(1..=MAX_MIME_TYPES).contains(&kinds.len()) {
        return Err(Error::invalid("mime_types", "Must be 1 to 50 media types"));
    }
    kinds.iter().map(|kind| MimeFilter::parse("mime_types", kind).map(|_| kind.to_ascii_lowercase())).collect()
}

/// Checks an origin as browsers write it (RFC 6454 section 6.2): `https://app.example.org`, with a port where it is not
/// the usual one; no path, no wildcard, no `null`.
///
/// # Errors
/// `validation_error` on `origin`.
pub fn check_origin(origin: &str) -> Result<String, Error> {
    let bad = || Error::invalid("origin", "Must be an origin such as https://app.example.org, as browsers write it");
    let (scheme, rest) = origin.split_once("://").ok_or_else(bad)?;
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let usual = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return Err(bad()),
    };
    let port_fits = port.is_none_or(|port| {
        port != usual
            && !port.starts_with('0')
            && port.parse::<u16>().is_ok()
            && port.bytes().all(|b| b.is_ascii_digit())
    });
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host_fits = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address),
        None => {
            let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
            (1..=253).contains(&host.len())
                && host.bytes().all(letter)
                && !host.starts_with('.')
                && !host.contains("..")
        }
    };
    if port_fits && host_fits { Ok(origin.to_owned()) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::id::Id;
    use serde_json::json;
    use uuid::Uuid;

    fn token() -> UploadToken {
        let at = Timestamp::from_seconds(1_700_000_000);
        let properties = json!({ "form": "claims" }).as_object().unwrap().clone();
        UploadToken {
            id: Id::from_uuid(Uuid::from_u128(1)),
            user_id: Id::from_uuid(Uuid::from_u128(2)),
            max_files: 1,
            files: 0,
            max_bytes: None,
            bytes: 0,
            mime_types: vec!["image/*".into(), "application/pdf".into()],
            collection_id: None,
            tags: vec!["claim".into()],
            properties: Properties::check(properties).unwrap(),
            origin: None,
            expires_at: at.plus(DEFAULT_LIFE),
            created_at: at,
        }
    }

    #[test]
    fn takes_the_kinds_it_names() {
        for (mime, fits) in [("image/jpeg", true), ("application/pdf", true), ("text/html", false), ("imagex/a", false)]
        {
            assert_eq!(token().takes(mime), fits, "{mime}");
        }
        assert!(UploadToken { mime_types: Vec::new(), ..token() }.takes("text/html"));
        assert_eq!(check_mime_types(&["Image/*".into()]).unwrap(), ["image/*"]);
        for bad in [vec![], vec!["image".into()], vec!["*/*".into()], vec!["a/b".to_owned(); 51]] {
            assert!(check_mime_types(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn labels_come_on_top_of_what_the_sender_says() {
        let members = json!({ "note": "a" }).as_object().unwrap().clone();
        let said = Labels {
            tags: vec!["Claim".into(), "roof".into()],
            properties: Properties::check(members).unwrap(),
            title: Some("t".into()),
            ..Labels::default()
        };
        let labels = token().label(&said).unwrap();
        assert_eq!((labels.tags, labels.title.as_deref()), (vec!["claim".into(), "roof".to_owned()], Some("t")));
        assert_eq!(json!(labels.properties.into_members()), json!({ "note": "a", "form": "claims" }));
        let members = json!({ "form": "other" }).as_object().unwrap().clone();
        let forged = Labels { properties: Properties::check(members).unwrap(), ..Labels::default() };
        let refused = token().label(&forged).unwrap_err();
        assert_eq!((refused.code, refused.details[0].field.as_ref()), (Code::ValidationError, "properties.form"));
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for good in ["https://app.example.org", "http://localhost:3000", "https://[::1]:8443", "http://127.0.0.1:8080"]
        {
            assert_eq!(check_origin(good).unwrap(), good);
        }
        for bad in [
            "",
            "*",
            "null",
            "app.example.org",
            "https://",
            "https://a/",
            "https://a/b",
            "https://A.example",
            "ftp://a",
            "https://a:443",
            "http://a:80",
            "https://a:0",
            "https://a:99999",
            "https://u@a",
            "https://*.a",
            "https://a?b",
            "https://a b",
            "https://[::0001]",
            "https://a\r\nX: y",
            "https://a..b",
            "https://a:+1",
        ] {
            assert!(check_origin(bad).is_err(), "{bad:?}");
        }
    }
}
