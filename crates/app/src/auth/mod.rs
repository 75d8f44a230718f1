//! Getting in: passwords, sessions and the tokens that stand for them.

pub mod access;
pub mod api_keys;
pub mod cache;
pub(crate) mod key_uses;
pub mod login;
pub mod logout;
pub mod passwords;
pub mod proof;
pub mod refresh;
mod secret;
pub mod sessions;
pub(crate) mod throttle;
pub mod tokens;
pub mod upload_tokens;
pub mod watch;
pub mod whoami;
