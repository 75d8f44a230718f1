//! Ids in paths.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mv_core::id::Kind;
use mv_core::{Error, Id};

use crate::error::ApiError;

/// The parameters of the path as ids, in order. One that is no id of its kind is a `validation_error` naming it.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<K: Kind, S: Send + Sync> FromRequestParts<S> for Path<Id<K>> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let values = read(parts, state).await?;
        match &values[..] {
            [(name, value)] => Ok(Self(parse(name, value)?)),
            _ => Err(Error::not_found().into()),
        }
    }
}

impl<A: Kind, B: Kind, S: Send + Sync> FromRequestParts<S> for Path<(Id<A>, Id<B>)> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let values = read(parts, state).await?;
        match &values[..] {
            [(first, one), (second, two)] => Ok(Self((parse(first, one)?, parse(second, two)?))),
            _ => Err(Error::not_found().into()),
        }
    }
}

async fn read<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<(String, String)>, ApiError> {
    let parameters = axum::extract::RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Error::invalid("id", "Must be UTF-8"))?;
    Ok(parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn parse<K: Kind>(name: &str, value: &str) -> Result<Id<K>, Error> {
    value.parse().map_err(|_| Error::invalid(name.to_owned(), format!("Must be an id that begins with {}_", K::PREFIX)))
}
