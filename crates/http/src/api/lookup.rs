//! Finding other people's accounts (contract section 3).

use std::sync::OnceLock;

use axum::extract::State;
use mv_app::accounts::lookup::Lookup;
use mv_core::Error;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::query::{Known, Pairs, Parameters, Query};
use crate::state::AppState;

/// Somebody else, as far as others see.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Person)]
pub struct PersonOut {
    /// The account's id.
    #[schema(example = "user_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The second login name.
    username: Option<String>,
    /// What others see.
    display_name: Option<String>,
}

/// Whom to look for: exactly one of the two.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct LookupParameters {
    /// The whole e-mail address, whatever the case.
    email: Option<String>,
    /// The whole username, whatever the case.
    username: Option<String>,
}

impl Parameters for LookupParameters {
    type Read = Lookup;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Lookup, Error> {
        match (pairs.take("email"), pairs.take("username")) {
            (Some(email), None) => Ok(Lookup::Email(email)),
            (None, Some(username)) => Ok(Lookup::Username(username)),
            (both, _) => {
                let message = if both.is_some() {
                    "Must not be given together with the other"
                } else {
                    "This or the other is required"
                };
                Err(Error::invalid("email", message).with("username", message))
            }
        }
    }
}

/// Find somebody by the exact e-mail address or username. Nothing can be listed or guessed in parts.
#[utoipa::path(get, path = "/users/lookup", operation_id = "users.lookup", tag = "users", params(LookupParameters),
    responses((status = 200, description = "The account.", body = Envelope<PersonOut>)))]
pub async fn lookup(
    State(state): State<AppState>,
    Query(whom): Query<LookupParameters>,
    _: Auth<area::UsersRead>,
) -> Result<Answer<PersonOut>, ApiError> {
    let found = state.app.look_up(whom).await?;
    Ok(Answer::ok(PersonOut { id: found.id.to_string(), username: found.username, display_name: found.display_name }))
}
