//! What surrounds every request: its id, its log line and metrics, who sends it, a net for panics, headers for safety and for pages of other
//! origins, and the rules for hosts and proxies. `frame` is the order in which they lie around each other.

pub mod access_log;
mod client;
mod cors;
mod host;
pub mod identity;
mod panic;
mod request_id;
mod security_headers;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::context::{self, RequestContext};
use crate::state::AppState;

/// The frame around every request.
pub async fn frame(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let context = RequestContext { id: request_id::of(request.headers(), state.app.mint()), at: state.app.now() };
    let address = client::address(&request, &state.wire);
    let seen = access_log::Seen::of(&request, address, state.app.clock().mono());
    let (asked, secure) = (cors::Asked::of(&request, &state.wire), host::over_https(&request, &state.wire));
    let answered = context::within(context.clone(), async {
        match host::check(&request, &state.wire) {
            Ok(()) => {
                if let Some(answer) = asked.preflight() {
                    return answer;
                }
                let identity = identity::of(request.headers(), address, &state).await;
                request.extensions_mut().insert(identity);
                panic::caught(next.run(request)).await
            }
            Err(error) => error.into_response(),
        }
    });
    let mut response = answered.await;
    security_headers::set(&mut response, secure);
    asked.set(&mut response);
    request_id::set(&mut response, &context.id);
    seen.log(&response, &context.id, state.app.clock().mono());
    response
}
