//! What the server takes a caller for. It tells no more of the account than the credentials may read elsewhere.

use mv_core::access::Area;
use mv_core::audit;
use mv_core::user::User;
use mv_core::{Caller, Scope, Scopes, Timestamp, UserId};

use super::access::{Authenticated, enter};
use crate::App;

/// A caller as it may be told to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whoami {
    /// The account that is acted for.
    pub user: UserId,
    /// The account itself, where the credentials may read it.
    pub account: Option<User>,
    /// `session`, `api_key` or `upload_token`.
    pub kind: &'static str,
    /// The id of the session, key or token.
    pub id: String,
    /// What the key is called.
    pub name: Option<String>,
    /// What it may do; `None` is all that the account may.
    pub scopes: Option<Scopes>,
    /// When it ends; `None` is never.
    pub expires_at: Option<Timestamp>,
}

impl App {
    /// Who the caller is, as of when the credentials were checked, which was within this request.
    pub fn whoami(&self, authenticated: &Authenticated) -> Whoami {
        let Authenticated { caller, user, credential, .. } = authenticated;
        let (id, scopes) = match caller {
            Caller::Session { session, .. } => (session.to_string(), None),
            Caller::Key { key, scopes, .. } => (key.to_string(), Some(*scopes)),
            Caller::UploadToken { token, .. } => (token.to_string(), Some(Scopes::default())),
            Caller::Link { .. } => (String::new(), Some(Scopes::default())),
        };
        Whoami {
            user: user.id,
            account: enter(caller, Area::Scoped(&[Scope::UsersRead])).is_ok().then(|| user.clone()),
            kind: audit::credential(caller),
            id,
            name: credential.name.clone(),
            scopes,
            expires_at: credential.expires_at,
        }
    }
}
