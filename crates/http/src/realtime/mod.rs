//! Events as they happen, on connections that stay open.

pub mod sse;
