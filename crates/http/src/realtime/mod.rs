//! Events as they happen, on connections that stay open.

mod origin;
pub mod protocol;
pub mod socket;
pub mod sse;
pub mod subscriptions;
