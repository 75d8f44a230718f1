//! Placeholder while the house is laid.
pub mod server;
pub mod digest_fields;
pub mod multipart;
