//! Accounts: made, shown, changed and deleted.

pub mod admin;
pub mod administration;
pub mod delete;
pub mod held;
pub mod lookup;
pub mod password;
pub mod profile;
pub mod register;
mod transfer;
