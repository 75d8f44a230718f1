//! What surrounds every request: its id, its log line and metrics, who sends it, how many pass, a net for panics, headers for
//! safety and for pages of other origins, and the rules for hosts and proxies. `frame` is the order in which they lie around
//! each other.

pub mod access_log;
mod client;
mod cors;
mod host;
pub mod identity;
mod panic;
pub mod rate_limit;
mod request_id;
mod security_headers;

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::context::{self, RequestContext};
use crate::state::AppState;

/// The frame around every request.
pub async fn frame(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let context = RequestContext { id: request_id::of(request.headers(), state.app.mint()), at: state.app.now() };
    let address = client::address(&request, &state.wire);
    let seen = access_log::Seen::of(&request, address, state.app.clock().mono());
    let (page, secure) = (cors::Asked::of(&request, &state.wire), host::over_https(&request, &state.wire));
    let page = page.by_tokens(&state.app).await;
    let answered = context::within(context.clone(), answer(&state, request, address, &page, next));
    let mut response = answered.await;
    security_headers::set(&mut response, secure);
    page.set(&mut response);
    request_id::set(&mut response, &context.id);
    seen.log(&response, &context.id, state.app.clock().mono());
    response
}

/// The answer to a request that is meant for this server and passes, or why it is not or does not.
async fn answer(
    state: &AppState,
    mut request: Request,
    address: Option<IpAddr>,
    page: &cors::Asked,
    next: Next,
) -> Response {
    let meant = host::check(&request, &state.wire);
    // Not counted: browsers ask without credentials before each new request, and the answer costs nothing.
    if let Some(preflight) = page.preflight().filter(|_| meant.is_ok()) {
        return preflight;
    }
    let counted = rate_limit::applies(request.uri().path());
    // Credentials open only what is under the base, and only what is counted may cost a lookup.
    let identity = if counted && meant.is_ok() {
        identity::of(request.headers(), address, state).await
    } else {
        identity::unasked(request.headers(), address)
    };
    let asked = counted.then(|| rate_limit::Asked::of(&request, &identity, state));
    let told = match asked {
        Some(asked) => Some(rate_limit::count(asked, state).await),
        None => None,
    };
    let mut response = match (told.as_ref().and_then(rate_limit::Told::refusal), meant) {
        (Some(error), _) | (None, Err(error)) => error.into_response(),
        (None, Ok(())) => {
            request.extensions_mut().insert(identity);
            panic::caught(next.run(request)).await
        }
    };
    if let Some(told) = told {
        told.tell(&mut response, state, context::current().at);
    }
    response
}
