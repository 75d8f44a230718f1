//! Accounts: made, shown, changed and deleted; invites to them, and links that lead back into them.

pub mod admin;
pub mod administration;
pub mod delete;
pub mod held;
pub mod invites;
pub mod lookup;
pub mod operator;
pub mod password;
pub mod profile;
pub mod register;
pub mod reset;
pub mod setup;
mod transfer;
