//! Accounts: made, shown and changed; invites to them, and links that lead back into them.

pub mod admin;
pub mod invites;
pub mod operator;
pub mod profile;
pub mod register;
pub mod reset;
mod secret;
pub mod setup;
