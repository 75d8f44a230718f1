//! Accounts: made, shown and changed.

pub mod admin;
pub mod administration;
pub mod held;
pub mod lookup;
pub mod password;
pub mod profile;
pub mod register;
