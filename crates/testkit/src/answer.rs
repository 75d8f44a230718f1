//! An answer, and what tests say of it.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked: method and path.
    pub asked: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: not JSON ({error}): {:?}", self.asked, self.body))
    }

    /// A header's value, empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Must have this status; gives `data`, or null without a body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, String::from_utf8_lossy(&self.body));
        if self.body.is_empty() {
            return Value::Null;
        }
        let body = self.json();
        assert_eq!(body["success"], true, "{}", self.asked);
        body["data"].clone()
    }

    /// Must be this error; gives the names of the fields in `details`.
    #[track_caller]
    pub fn error(&self, status: u16, code: &str) -> Vec<String> {
        assert_eq!(self.status, status, "{}: {}", self.asked, String::from_utf8_lossy(&self.body));
        let body = self.json();
        assert_eq!(body["success"], false, "{}", self.asked);
        assert_eq!(body["error"]["code"], code, "{}: {body}", self.asked);
        assert!(body["meta"]["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{}: {body}", self.asked);
        let details =
            body["error"]["details"].as_array().unwrap_or_else(|| panic!("{}: no details: {body}", self.asked));
        details.iter().map(|detail| detail["field"].as_str().unwrap().to_owned()).collect()
    }

    /// Must be this error and name these fields, no others.
    #[track_caller]
    pub fn error_on(&self, status: u16, code: &str, fields: &[&str]) {
        assert_eq!(self.error(status, code), fields, "{}: {}", self.asked, String::from_utf8_lossy(&self.body));
    }

    /// `meta` of the body.
    pub fn meta(&self) -> Value {
        self.json()["meta"].clone()
    }
}
