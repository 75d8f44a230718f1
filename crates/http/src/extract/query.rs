//! Query strings: every parameter known, none twice, every bad one named.

use std::borrow::Cow;
use std::sync::OnceLock;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mv_core::page::PageRequest;
use mv_core::{Error, Problems};
use percent_encoding::percent_decode_str;
use utoipa::IntoParams;

use crate::error::ApiError;

/// What a route's parameters say; `T` documents and names them.
#[derive(Debug)]
pub struct Query<T: Parameters>(pub T::Read);

/// A route's parameters. The names come from the derive that documents them, so document and code agree.
pub trait Parameters: IntoParams {
    /// What they are read into.
    type Read;

    /// Where the names are kept once they were taken from the documentation.
    fn known() -> &'static OnceLock<Vec<Known>>;

    /// Reads the values; every problem is collected.
    ///
    /// # Errors
    /// `validation_error` naming each bad parameter.
    fn read(pairs: &mut Pairs) -> Result<Self::Read, Error>;
}

/// A parameter that a route knows.
#[derive(Debug)]
pub struct Known {
    name: String,
    repeats: bool,
}

/// For routes without parameters: any is refused.
#[derive(Debug)]
pub struct NoParameters;

impl IntoParams for NoParameters {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        Vec::new()
    }
}

impl Parameters for NoParameters {
    type Read = ();

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(_: &mut Pairs) -> Result<(), Error> {
        Ok(())
    }
}

/// Decoded parameters in the order sent.
#[derive(Debug, Default, Clone)]
pub struct Pairs(Vec<(String, String)>);

impl<T: Parameters, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut pairs = Pairs::decode(parts.uri.query().unwrap_or_default())?;
        pairs.check_names::<T>()?;
        Ok(Self(T::read(&mut pairs)?))
    }
}

impl Pairs {
    /// Decodes `application/x-www-form-urlencoded` (WHATWG URL section 5.1).
    ///
    /// # Errors
    /// `validation_error` on a name or value that is not UTF-8 or more than 100 parameters.
    pub fn decode(query: &str) -> Result<Self, Error> {
        let mut pairs = Vec::new();
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let name = decode(name).ok_or_else(|| Error::invalid("query", "Must be UTF-8, percent-encoded"))?;
            let value = decode(value).ok_or_else(|| Error::invalid(name.clone(), "Must be UTF-8, percent-encoded"))?;
            if pairs.len() == 100 {
                return Err(Error::invalid("query", "Must have at most 100 parameters"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// All that are left, as sent.
    pub fn sent(&self) -> &[(String, String)] {
        &self.0
    }

    /// Adds one, as a form's field.
    pub fn add(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// Takes `page`, `per_page` and `cursor` of a list; a cursor goes with no page number.
    pub fn page(&mut self, problems: &mut Problems) -> (PageRequest, Option<String>) {
        let cursor = self.take("cursor");
        let page = self.number("page", problems);
        let per_page = self.number("per_page", problems);
        if cursor.is_some() && page.is_some() {
            problems.add("page", "Must not be given together with cursor");
        }
        let request = problems.check(PageRequest::check(page, per_page));
        (request.unwrap_or(PageRequest { page: 1, per_page: 1 }), cursor)
    }

    /// Takes the value of a parameter out, if it is there.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(index).1)
    }

    /// Takes every value of a parameter that may be repeated.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        let (taken, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(known, _)| known == name);
        self.0 = rest;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// Takes every `name[key]=value`.
    pub fn take_keyed(&mut self, name: &str) -> Vec<(String, String)> {
        let (taken, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(known, _)| key_of(known, name).is_some());
        self.0 = rest;
        taken.into_iter().filter_map(|(known, value)| Some((key_of(&known, name)?.to_owned(), value))).collect()
    }

    /// Takes a parameter and parses it, noting what is wrong.
    pub fn parse<V>(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
        parse: impl FnOnce(&str) -> Result<V, Error>,
    ) -> Option<V> {
        self.take(name).and_then(|text| problems.check(parse(&text)))
    }

    /// Takes a whole number.
    pub fn number(&mut self, name: &'static str, problems: &mut Problems) -> Option<u64> {
        self.parse(name, problems, |text| {
            let digits = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|_| digits).ok_or_else(|| Error::invalid(name, "Must be a whole number"))
        })
    }

    /// Takes `true` or `false`.
    pub fn flag(&mut self, name: &'static str, problems: &mut Problems) -> Option<bool> {
        self.parse(name, problems, |text| match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(Error::invalid(name, "Must be true or false")),
        })
    }

    fn check_names<T: Parameters>(&self) -> Result<(), Error> {
        let known = T::known().get_or_init(|| {
            let documented = T::into_params(|| None);
            documented
                .into_iter()
                .map(|parameter| Known { repeats: is_list(&parameter), name: parameter.name })
                .collect()
        });
        let mut problems = Problems::default();
        for (index, (name, _)) in self.0.iter().enumerate() {
            let documented = known.iter().find(|known| known.name == *name || is_keyed(&known.name, name));
            let earlier = self.0.iter().take(index).filter(|(other, _)| other == name).count();
            match documented {
                None => problems
                    .add(name.chars().filter(|c| !c.is_control()).take(100).collect::<String>(), "Is not known here"),
                Some(known) if earlier == 1 && !known.repeats => problems.add(name.clone(), "Must be given once"),
                Some(_) => {}
            }
        }
        problems.finish()
    }
}

/// Whether a parameter is documented as a list, and so may be repeated.
fn is_list(parameter: &utoipa::openapi::path::Parameter) -> bool {
    use utoipa::openapi::{RefOr, Schema};
    matches!(parameter.schema, Some(RefOr::T(Schema::Array(_))))
}

/// Whether `sent` is `name[some key]` of a parameter documented as `name[key]`.
fn is_keyed(documented: &str, sent: &str) -> bool {
    documented.strip_suffix("[key]").is_some_and(|name| key_of(sent, name).is_some())
}

fn key_of<'a>(sent: &'a str, name: &str) -> Option<&'a str> {
    sent.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']').filter(|key| !key.is_empty())
}

fn decode(text: &str) -> Option<String> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_takes() {
        let mut pairs = Pairs::decode("a=1&b=x+y%20z&property[k]=v&property[]=w&t=1&t=2&empty").unwrap();
        assert_eq!(pairs.take("b").as_deref(), Some("x y z"));
        assert_eq!(pairs.take_keyed("property"), [("k".to_owned(), "v".to_owned())]);
        assert_eq!(pairs.take_all("t"), ["1", "2"]);
        assert_eq!(pairs.take("empty").as_deref(), Some(""));
        assert!(Pairs::decode("a=%ff").is_err());
        assert!(Pairs::decode("a=%00").is_err());
        assert!(Pairs::decode(&"a&".repeat(101)).is_err());
    }
}
