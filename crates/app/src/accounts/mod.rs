//! Accounts: made, shown and changed.

pub mod admin;
pub mod administration;
pub mod profile;
pub mod register;
