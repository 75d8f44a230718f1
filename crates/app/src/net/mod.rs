//! Requests to addresses that users name: which may be made (`guard`), and the one client that makes them (`client`).
//! Promise: nothing is sent to where the policy does not allow it, whatever names, redirects or answers say; no exchange
//! takes longer or more memory than its caller allows.
//! Not here: what is sent (webhooks), the mail server, which the operator names (`mail::smtp`).

pub mod client;
mod connection;
pub mod guard;
mod pool;
pub mod resolver;

pub use client::{Answer, Exchange, Failure, Outgoing, RetryAfter};
pub use guard::{Own, Policy};
pub use http::{HeaderMap, HeaderName, HeaderValue};
pub use resolver::Resolver;
pub use url::Url;
