//! The kinds of callers of the table.

use std::time::Duration;

use mv_core::Scope;
use mv_testkit::Actor;
use serde_json::json;

use crate::matrix::Row;
use crate::world::World;

/// A kind of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Anonymous,
    Owner,
    Other,
    Admin,
    Disabled,
    LoggedOut,
    UploadToken,
    ExpiredKey,
    Key(Scope),
    EveryScope,
}

impl Kind {
    /// All kinds; those by keys and upload tokens only where the API makes these.
    pub(crate) fn all(makes: Makes) -> Vec<Self> {
        let mut all = vec![Self::Anonymous, Self::Owner, Self::Other, Self::Admin, Self::Disabled, Self::LoggedOut];
        if makes.keys {
            all.extend([Self::ExpiredKey, Self::EveryScope]);
            all.extend(Scope::ALL.iter().map(|scope| Self::Key(*scope)));
        }
        if makes.upload_tokens {
            all.push(Self::UploadToken);
        }
        all
    }

    /// The status that the table promises this caller.
    pub(crate) fn expected(self, row: &Row) -> u16 {
        match self {
            Self::Anonymous => row.anonymous,
            Self::Owner => row.owner,
            Self::Other => row.other,
            Self::Admin => row.admin,
            Self::Disabled => row.disabled,
            Self::LoggedOut => row.logged_out,
            Self::UploadToken => row.upload_token,
            Self::ExpiredKey => row.expired_key,
            Self::EveryScope => row.every_scope,
            Self::Key(scope) => row.key.get(scope.as_str()).or(row.key.get("*")).copied().unwrap_or(403),
        }
    }
}

/// Which credentials for programs the API makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Makes {
    pub(crate) keys: bool,
    pub(crate) upload_tokens: bool,
}

/// One caller of each kind. All but two act for the owner: `other` and `admin` have accounts of their own.
pub(crate) struct Callers {
    pub(crate) owner: Actor,
    pub(crate) other: Actor,
    pub(crate) admin: Actor,
    disabled: Actor,
    logged_out: Actor,
    upload_token: Option<Actor>,
    /// The expired one, the one with all scopes, and those with one scope each.
    keys: Option<(Actor, Actor, Vec<Actor>)>,
}

impl Callers {
    pub(crate) async fn new(world: &World, makes: Makes) -> Self {
        let owner = world.person().await;
        let mut logged_out = owner.clone();
        logged_out.log_in(mv_testkit::client::PASSWORD).await;
        logged_out.post_empty("/auth/logout").await.expect(204);
        let disabled = world.person().await;
        let path = format!("/admin/users/{}", disabled.id);
        world.root.patch(&path, json!({ "disabled": true })).await.expect(200);
        Self {
            keys: if makes.keys { Some(Self::keys(world, &owner).await) } else { None },
            upload_token: if makes.upload_tokens { Some(world.upload_token(&owner).await) } else { None },
            other: world.person().await,
            admin: world.administrator().await,
            owner,
            disabled,
            logged_out,
        }
    }

    async fn keys(world: &World, owner: &Actor) -> (Actor, Actor, Vec<Actor>) {
        let soon = world.server.app().now().plus(Duration::from_secs(5));
        let expired = world.key(owner, Scope::ALL, Some(soon.to_string())).await;
        expired.get("/media").await.expect(200);
        world.server.clock().advance(Duration::from_secs(6));
        let mut single = Vec::new();
        for scope in Scope::ALL {
            single.push(world.key(owner, &[*scope], None).await);
        }
        (expired, world.key(owner, Scope::ALL, None).await, single)
    }

    /// The caller of this kind.
    pub(crate) fn of(&self, kind: Kind, world: &World) -> Actor {
        let keys = || self.keys.as_ref().unwrap();
        match kind {
            Kind::Anonymous => world.server.anonymous(),
            Kind::Owner => self.owner.clone(),
            Kind::Other => self.other.clone(),
            Kind::Admin => self.admin.clone(),
            Kind::Disabled => self.disabled.clone(),
            Kind::LoggedOut => self.logged_out.clone(),
            Kind::UploadToken => self.upload_token.clone().unwrap(),
            Kind::ExpiredKey => keys().0.clone(),
            Kind::EveryScope => keys().1.clone(),
            Kind::Key(scope) => keys().2[Scope::ALL.iter().position(|it| *it == scope).unwrap()].clone(),
        }
    }
}
