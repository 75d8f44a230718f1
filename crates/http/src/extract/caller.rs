//! Who asks, for the handler: the request's credentials (`layers::identity`), let into the part that the route belongs to.

use std::any::TypeId;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mv_app::auth::access::{self, Authenticated};
use mv_core::access::Area;
use mv_core::{Client, Code, Error, Scope};

use crate::error::ApiError;
use crate::layers::identity::{Credentials, Identity};
use crate::state::AppState;

/// A caller with good credentials who may enter the part `A`.
pub struct Auth<A>(pub Arc<Authenticated>, pub PhantomData<A>);

/// The part that a route belongs to.
pub trait Entered {
    /// Which.
    const AREA: Area;
}

macro_rules! areas {
    ($($(#[$doc:meta])* $name:ident = $area:expr;)*) => {
        $(
            $(#[$doc])*
            pub enum $name {}
            impl Entered for $name { const AREA: Area = $area; }
        )*

        /// The part that a handler with a parameter of this type belongs to, if the type is an [`Auth`], or one that may
        /// fail.
        pub fn of_parameter(parameter: TypeId) -> Option<Area> {
            $(if parameter == TypeId::of::<Auth<$name>>() || parameter == TypeId::of::<Result<Auth<$name>, ApiError>>() {
                return Some($name::AREA);
            })*
            None
        }
    };
}

/// Parts of the product, as types for [`Auth`].
pub mod area {
    use super::{ApiError, Area, Auth, Entered, Scope, TypeId};

    areas! {
        /// Items and their bytes, to be read.
        MediaRead = Area::Scoped(&[Scope::MediaRead]);
        /// Items, to be changed.
        MediaWrite = Area::Scoped(&[Scope::MediaWrite]);
        /// Collections, to be read.
        CollectionsRead = Area::Scoped(&[Scope::CollectionsRead]);
        /// Collections, to be changed.
        CollectionsWrite = Area::Scoped(&[Scope::CollectionsWrite]);
        /// What is in collections: the items too are shown, or their bytes.
        CollectionContents = Area::Scoped(&[Scope::MediaRead, Scope::CollectionsRead]);
        /// Webhooks, to be read and changed.
        WebhooksWrite = Area::Scoped(&[Scope::WebhooksWrite]);
        /// Accounts, to be read.
        UsersRead = Area::Scoped(&[Scope::UsersRead]);
        /// What happened, and what changed.
        Events = Area::Events;
        /// Bytes, to be put in.
        Upload = Area::Upload;
        /// The account itself.
        Account = Area::Account;
        /// Whatever the credentials are.
        Any = Area::Any;
        /// The server.
        Admin = Area::Admin;
    }
}

impl<A: Entered + Send> FromRequestParts<AppState> for Auth<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ApiError> {
        let credentials = parts.extensions.get::<Identity>().map(|identity| &identity.credentials);
        match credentials {
            None | Some(Credentials::None) => Err(Error::unauthorized("Authentication is required").into()),
            Some(Credentials::Refused(error)) => Err(bad_credentials(error.clone().into())),
            Some(Credentials::Good(authenticated)) => {
                access::enter(&authenticated.caller, A::AREA)?;
                Ok(Self(Arc::clone(authenticated), PhantomData))
            }
        }
    }
}

/// An error of checking credentials that were sent.
pub fn bad_credentials(error: ApiError) -> ApiError {
    if error.error().code == Code::Unauthorized { error.bad_token() } else { error }
}

/// Where the request comes from.
pub struct Sender(pub Client);

impl<S: Send + Sync> FromRequestParts<S> for Sender {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(parts.extensions.get::<Identity>().map(|identity| identity.client.clone()).unwrap_or_default()))
    }
}
