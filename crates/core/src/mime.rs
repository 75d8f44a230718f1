//! Kinds of media, how stored bytes are served, and filters on media types.
//! Promise: only what is on the inline list can show in a browser; nothing on it can run a script.
//! Not here: finding out what a file is (`mv_media`), the rest of the headers on user bytes (`http`).

use std::fmt;

use crate::error::Error;

/// The coarse kind of an item: contract section 4, member `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaType {
    /// Still or animated pictures, camera raws among them.
    Image,
    /// Moving pictures; also a container that may hold them, until its tracks are read.
    Video,
    /// Sound alone.
    Audio,
    /// Text, markup, office files, PDF.
    Document,
    /// All else, the empty file among it.
    Other,
}

impl MediaType {
    /// Every kind, in the contract's order.
    pub const ALL: &'static [Self] = &[Self::Image, Self::Video, Self::Audio, Self::Document, Self::Other];

    /// The kind as clients and the database see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Other => "other",
        }
    }

    /// The kind with this name, exactly as [`MediaType::as_str`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How bytes of one media type leave the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// Whether a browser may show it in place; otherwise it is an attachment.
    pub inline: bool,
}

/// The inline list. MP4, WebM and Ogg stand in it with their audio types too: the containers are the same.
const INLINE: &[(&str, &str)] = &[
    ("image/jpeg", "image/jpeg"),
    ("image/png", "image/png"),
    ("image/gif", "image/gif"),
    ("image/webp", "image/webp"),
    ("image/avif", "image/avif"),
    ("video/mp4", "video/mp4"),
    ("audio/mp4", "audio/mp4"),
    ("video/webm", "video/webm"),
    ("audio/webm", "audio/webm"),
    ("video/ogg", "video/ogg"),
    ("audio/ogg", "audio/ogg"),
    ("audio/mpeg", "audio/mpeg"),
    ("audio/flac", "audio/flac"),
    ("audio/wav", "audio/wav"),
    // UTF-16 needs no row of its own: a byte order mark outweighs `charset` (WHATWG Encoding, "BOM sniff").
    ("text/plain", "text/plain; charset=utf-8"),
];

/// How to serve bytes that the server itself found to be `mime` (the type as stored, lower case, no parameters).
///
/// All that is off the inline list goes out as `application/octet-stream` and as an attachment: HTML, SVG, XML and
/// PDF can run scripts, and an unknown type is whatever a browser makes of it.
pub fn served_as(mime: &str) -> Served {
    match INLINE.iter().find(|(stored, _)| *stored == mime) {
        Some((_, content_type)) => Served { content_type, inline: true },
        None => Served { content_type: "application/octet-stream", inline: false },
    }
}

/// A media type or a family of them, as clients send it in filters and in upload tokens: `image/jpeg`, `image/*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MimeFilter {
    /// One type, lower case: `image/jpeg`.
    Exact(String),
    /// A family, lower case, up to and with the slash: `image/`.
    Family(String),
}

/// The longest name on either side of the slash (RFC 6838 section 4.2).
const NAME_BYTES_MAX: usize = 127;

impl MimeFilter {
    /// Reads what the client sent in `field`; letter case does not matter (RFC 9110 section 8.3.1).
    ///
    /// # Errors
    /// `validation_error` on `field` for anything but `type/subtype` and `type/*`. Parameters are refused, for stored
    /// types have none; `*/*` is refused, for it filters nothing.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Error> {
        let refused = || Error::invalid(field, "Must be a media type such as image/jpeg, or a family such as image/*");
        let lower = text.to_ascii_lowercase();
        let (family, subtype) = lower.split_once('/').ok_or_else(refused)?;
        if !is_restricted_name(family) {
            return Err(refused());
        }
        if subtype == "*" {
            return Ok(Self::Family(format!("{family}/")));
        }
        if is_restricted_name(subtype) { Ok(Self::Exact(lower)) } else { Err(refused()) }
    }

    /// The kind that every item of the family is of: `image/*` is only found among images.
    pub fn kind(&self) -> Option<MediaType> {
        match self {
            Self::Exact(_) => None,
            Self::Family(family) => MediaType::parse(family.trim_end_matches('/')),
        }
    }

    /// Whether a stored type (lower case, no parameters) passes.
    pub fn matches(&self, mime: &str) -> bool {
        match self {
            Self::Exact(exact) => mime == exact,
            Self::Family(prefix) => mime.starts_with(prefix.as_str()),
        }
    }
}

/// `restricted-name` of RFC 6838 section 4.2.
fn is_restricted_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= NAME_BYTES_MAX
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Code;

    #[test]
    fn kinds_round_trip() {
        for kind in MediaType::ALL {
            assert_eq!(MediaType::parse(kind.as_str()), Some(*kind));
            assert_eq!(kind.to_string(), kind.as_str());
        }
        for bad in ["", "Image", "image ", "photo", "images"] {
            assert_eq!(MediaType::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn inline_list() {
        for mime in ["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "video/mp4", "video/webm"] {
            assert_eq!(served_as(mime), Served { content_type: mime, inline: true });
        }
        for mime in ["audio/mpeg", "audio/ogg", "audio/flac", "audio/wav", "audio/mp4"] {
            assert_eq!(served_as(mime), Served { content_type: mime, inline: true });
        }
        assert_eq!(served_as("text/plain"), Served { content_type: "text/plain; charset=utf-8", inline: true });
    }

    #[test]
    fn never_inline() {
        let attachment = Served { content_type: "application/octet-stream", inline: false };
        let dangerous = [
            "text/html",
            "image/svg+xml",
            "application/xml",
            "text/xml",
            "application/xhtml+xml",
            "application/pdf",
            "application/javascript",
            "text/css",
            "application/json",
            "application/octet-stream",
            "image/heic",
            "video/quicktime",
            "",
            "*/*",
            // Only the stored spelling counts, so nothing slips in by case or by a parameter.
            "IMAGE/JPEG",
            "image/jpeg; charset=x",
            "text/plain; charset=utf-7",
            "image/jpeg\r\nX: y",
        ];
        for mime in dangerous {
            assert_eq!(served_as(mime), attachment, "{mime:?}");
        }
    }

    #[test]
    fn filters() {
        let exact = MimeFilter::parse("mime_type", "Image/JPEG").unwrap();
        assert_eq!(exact, MimeFilter::Exact("image/jpeg".into()));
        assert!(exact.matches("image/jpeg") && !exact.matches("image/jpeg2") && !exact.matches("image/png"));

        let family = MimeFilter::parse("mime_type", "image/*").unwrap();
        assert_eq!(family, MimeFilter::Family("image/".into()));
        assert!(family.matches("image/svg+xml") && !family.matches("imagery/png") && !family.matches("video/mp4"));

        for good in ["image/svg+xml", "application/vnd.oasis.opendocument.text", "audio/x-ms-wma", "x_y/a!#$&^"] {
            assert_eq!(MimeFilter::parse("mime_type", good).unwrap(), MimeFilter::Exact(good.into()));
        }
    }

    #[test]
    fn bad_filters_name_the_field() {
        let long = format!("image/{}", "x".repeat(NAME_BYTES_MAX + 1));
        let bad = [
            "",
            "/",
            "image",
            "image/",
            "/jpeg",
            "*/*",
            "*",
            "*/jpeg",
            "image/jp*",
            "image/**",
            "image/jpeg/x",
            "image/jpeg;q=1",
            " image/jpeg",
            "image/ jpeg",
            "image/%",
            "image/é",
            "image/jpeg\0",
            ".x/y",
            &long,
        ];
        for text in bad {
            let error = MimeFilter::parse("mime_types", text).unwrap_err();
            assert_eq!(
                (error.code, error.details[0].field.as_ref()),
                (Code::ValidationError, "mime_types"),
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_filter_is_never_more_than_asked(text in "[a-zA-Z*/;% .+-]{0,20}") {
            match MimeFilter::parse("mime_type", &text) {
                Ok(MimeFilter::Exact(exact)) => prop_assert_eq!(exact, text.to_ascii_lowercase()),
                Ok(MimeFilter::Family(prefix)) => prop_assert_eq!(format!("{prefix}*"), text.to_ascii_lowercase()),
                Err(error) => prop_assert_eq!(error.code, Code::ValidationError),
            }
        }
    }
}
