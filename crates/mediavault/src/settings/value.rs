//! Values of settings: reading one of a declared kind from text (environment, flags) or from TOML.
//! Promise: a text is never taken for another type than its row declares, so an all-digit password stays text.
//! Not here: where values come from (`load`), and what addresses, URLs and networks mean (`check`).

use super::schema::{Default, Kind, MOST, Setting};
use std::fmt::Write as _;
use toml::de::DeValue;

/// A value of a declared kind.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Of `Address`, `Path`, `Text`, `Secret` and `Choice`.
    Text(String),
    /// Of `Number` and `Bytes`.
    Number(u64),
    /// Of `Switch`.
    Switch(bool),
    /// Of `List`.
    List(Vec<String>),
}

/// The value does not fit the kind; what was expected is in [`expected`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit;

/// Reads the text form. `None` is the empty text of a setting that may have no value.
pub(super) fn from_text(setting: &Setting, text: &str) -> Result<Option<Value>, Unfit> {
    if text.is_empty() {
        return match (setting.default, setting.kind) {
            (Default::Nothing | Default::From(_), _) => Ok(None),
            (Default::Is(_), Kind::List) => Ok(Some(Value::List(Vec::new()))),
            (Default::Is(_), _) => Err(Unfit),
        };
    }
    let value = match setting.kind {
        Kind::Switch => Value::Switch(text.parse().map_err(|_| Unfit)?),
        Kind::Number { .. } => Value::Number(digits(text)?),
        Kind::Bytes { .. } => Value::Number(bytes(text)?),
        Kind::List => Value::List(serde_json::from_str(text).map_err(|_| Unfit)?),
        Kind::Address | Kind::Path | Kind::Text | Kind::Secret | Kind::Choice(_) => Value::Text(text.to_owned()),
    };
    within(setting.kind, value).map(Some)
}

/// Reads a TOML value. Numbers must be written as numbers and text in quotes; sizes may be either.
pub(super) fn from_toml(setting: &Setting, value: &DeValue<'_>) -> Result<Option<Value>, Unfit> {
    let value = match (setting.kind, value) {
        (Kind::Switch, DeValue::Boolean(on)) => Value::Switch(*on),
        (Kind::Number { .. } | Kind::Bytes { .. }, DeValue::Integer(number)) => {
            Value::Number(u64::from_str_radix(number.as_str(), number.radix()).map_err(|_| Unfit)?)
        }
        (Kind::List, DeValue::Array(items)) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned).ok_or(Unfit));
            Value::List(texts.collect::<Result<_, _>>()?)
        }
        (Kind::Switch | Kind::Number { .. } | Kind::List, _) => return Err(Unfit),
        (_, DeValue::String(text)) => return from_text(setting, text),
        _ => return Err(Unfit),
    };
    within(setting.kind, value).map(Some)
}

/// What the setting takes, to stand after "must be".
pub(super) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Address => "an address with a port, such as 127.0.0.1:8080".into(),
        Kind::Path => "a path (in a file: in quotes)".into(),
        Kind::Text | Kind::Secret => "text on one line (in a file: in quotes)".into(),
        Kind::Switch => "true or false".into(),
        Kind::Number { least, most: MOST } => format!("a whole number, {least} or more"),
        Kind::Number { least, most } => format!("a whole number from {least} to {most}"),
        Kind::Bytes { least } => format!("a number of bytes, {least} or more, such as 1073741824 or \"50 GiB\""),
        Kind::Choice(words) => alternatives(words),
        Kind::List => "a list of texts, such as [\"10.0.0.0/8\"]".into(),
    }
}

/// `a, b or c`.
fn alternatives(words: &[&str]) -> String {
    let mut text = String::new();
    for (position, word) in words.iter().enumerate() {
        let joint = match position {
            0 => "",
            last if last + 1 == words.len() => " or ",
            _ => ", ",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{joint}{word}");
    }
    text
}

fn within(kind: Kind, value: Value) -> Result<Value, Unfit> {
    let fits = match (kind, &value) {
        (Kind::Number { least, most }, Value::Number(number)) => (least..=most).contains(number),
        (Kind::Bytes { least }, Value::Number(number)) => (least..=MOST).contains(number),
        (Kind::Choice(words), Value::Text(text)) => words.contains(&text.as_str()),
        // A control character in a text is an editing accident; in a path or URL it would also spoil the log.
        (_, Value::Text(text)) => !text.contains(char::is_control),
        (_, Value::List(texts)) => !texts.iter().any(|text| text.contains(char::is_control)),
        _ => true,
    };
    if fits { Ok(value) } else { Err(Unfit) }
}

/// A whole number in plain digits; `u64::from_str` would also take a plus sign.
fn digits(text: &str) -> Result<u64, Unfit> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unfit);
    }
    text.parse().map_err(|_| Unfit)
}

/// `1024`, `50 GiB`, `50GiB`, `500 MB`: whole numbers, binary (IEC 80000-13) or decimal units, any letter case.
fn bytes(text: &str) -> Result<u64, Unfit> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor: u64 = match unit.trim_start_matches(' ').to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(Unfit),
    };
    digits(number)?.checked_mul(factor).ok_or(Unfit)
}

#[cfg(test)]
mod tests {
    use super::super::schema::Key;
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, number) in [
            ("0", Ok(0)),
            ("1073741824", Ok(1 << 30)),
            ("50 GiB", Ok(50 << 30)),
            ("50gib", Ok(50 << 30)),
            ("7 B", Ok(7)),
            ("1 KiB", Ok(1024)),
            ("3 MiB", Ok(3 << 20)),
            ("2 TiB", Ok(2 << 40)),
            ("5 KB", Ok(5_000)),
            ("500 MB", Ok(500_000_000)),
            ("1 GB", Ok(1_000_000_000)),
            ("2 TB", Ok(2_000_000_000_000)),
            ("", Err(Unfit)),
            ("GiB", Err(Unfit)),
            ("50 G", Err(Unfit)),
            ("1.5 GiB", Err(Unfit)),
            ("-1", Err(Unfit)),
            ("+1", Err(Unfit)),
            ("1 GiB extra", Err(Unfit)),
            ("20000000 TiB", Err(Unfit)),
            ("99999999999999999999", Err(Unfit)),
        ] {
            assert_eq!(bytes(text), number, "{text}");
        }
    }

    #[test]
    fn text_stays_text() {
        let password = Key::AdminPassword.row();
        assert!(from_text(password, "12345678") == Ok(Some(Value::Text("12345678".into()))));
        assert!(from_text(password, "true") == Ok(Some(Value::Text("true".into()))));
        assert!(from_text(password, "[\"a\"]") == Ok(Some(Value::Text("[\"a\"]".into()))));
    }

    #[test]
    fn empty_text_is_no_value_where_none_is_allowed() {
        assert!(from_text(Key::MetricsToken.row(), "") == Ok(None));
        assert!(from_text(Key::PublicUrl.row(), "") == Ok(None));
        assert!(from_text(Key::DefaultQuotaBytes.row(), "") == Ok(None));
        assert!(from_text(Key::TrustedProxies.row(), "") == Ok(Some(Value::List(vec![]))));
        assert!(from_text(Key::DataDir.row(), "") == Err(Unfit));
        assert!(from_text(Key::MaxUploadBytes.row(), "") == Err(Unfit));
    }

    #[test]
    fn lists_the_choices() {
        assert_eq!(expected(Kind::Choice(&["a"])), "a");
        assert_eq!(expected(Kind::Choice(&["a", "b"])), "a or b");
        assert_eq!(expected(Kind::Choice(&["a", "b", "c"])), "a, b or c");
    }
}
