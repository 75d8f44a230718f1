//! The wire: routes, envelope, uploads, content, description of the API. The only crate that knows a status code.
//! Not here: what may be done by whom (`mv-app`), SQL, files.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "tests may stop at once"
    )
)]

pub mod api;
pub mod areas;
pub mod context;
pub mod digest_fields;
pub mod docs_page;
pub mod envelope;
pub mod error;
pub mod extract;
pub mod layers;
pub mod link_pages;
pub mod multipart;
pub mod openapi;
pub mod ops;
pub mod realtime;
pub mod router;
pub mod server;
pub mod state;
pub mod wire;
