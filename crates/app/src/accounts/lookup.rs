//! Finding other people's accounts: by the exact address or name alone, so that nobody can list them.

use mv_core::Error;
use mv_core::user::User;
use mv_store::{Conn, users};

use crate::{App, Result};

/// Whom to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The account with this e-mail address.
    Email(String),
    /// The account with this username.
    Username(String),
}

impl App {
    /// The account that is looked for, whatever the case.
    ///
    /// # Errors
    /// `not_found`, the same for an unknown and a disabled account, and for all where the operator has turned it off.
    pub async fn look_up(&self, whom: Lookup) -> Result<User> {
        if !self.options().users_lookup {
            return Err(Error::not_found().into());
        }
        let find = move |db: &Conn| match &whom {
            Lookup::Email(email) => users::by_email(db, email),
            Lookup::Username(name) => users::by_username(db, name),
        };
        let found = self.store.read(find).await?.filter(|user| !user.disabled);
        Ok(found.ok_or_else(Error::not_found)?)
    }
}
