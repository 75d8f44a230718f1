//! Accounts: made, shown and changed.

pub mod admin;
pub mod profile;
pub mod register;
