//! The people and things that the table's requests are made of: found where they are only looked at, made anew where a
//! request may use them up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use mv_app::accounts::register::NewAccount;
use mv_core::Scope;
use mv_store::sql;
use mv_testkit::client::PASSWORD;
use mv_testkit::{Actor, Server, files};
use serde_json::{Value, json};

/// An id's end that nothing has.
const NOTHING: &str = "01h455vb4pex5vsknk084sn02q";

/// A server with an administrator.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) root: Actor,
    count: AtomicU64,
}

/// What stands for the placeholders of a path and a body.
pub(crate) type Things = HashMap<String, String>;

impl World {
    pub(crate) async fn new(server: Server) -> Self {
        let root = administrator(&server, "root").await;
        Self { server, root, count: AtomicU64::new(0) }
    }

    fn number(&self) -> u64 {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A new account, logged in.
    pub(crate) async fn person(&self) -> Actor {
        self.server.user(&format!("person{}", self.number())).await
    }

    /// A new administrator, logged in.
    pub(crate) async fn administrator(&self) -> Actor {
        administrator(&self.server, &format!("admin{}", self.number())).await
    }

    /// An API key of the person's with these scopes.
    pub(crate) async fn key(&self, of: &Actor, scopes: &[Scope], expires_at: Option<String>) -> Actor {
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let mut body = json!({ "name": "key", "scopes": scopes });
        if let Some(expires_at) = expires_at {
            body["expires_at"] = json!(expires_at);
        }
        let made = of.post("/api-keys", body).await.expect(201);
        of.with_token(made["key"].as_str().unwrap())
    }

    /// An upload token of the person's.
    pub(crate) async fn upload_token(&self, of: &Actor) -> Actor {
        let made = of.post("/upload-tokens", json!({ "max_files": 100 })).await.expect(201);
        of.with_token(made["token"].as_str().unwrap())
    }

    /// All that the texts name, belonging to this person; made anew.
    pub(crate) async fn things(&self, texts: &[&str], of: &Actor) -> Things {
        let mut things = Things::new();
        let wanted = |name: &str| texts.iter().any(|text| text.contains(name));
        if wanted("$media") || wanted("$collection") || wanted("$checksum") {
            let bytes = files::noise(self.number(), 40);
            let item = of.upload("a.bin", &bytes).await;
            things.insert("$media".into(), id_of(&item));
            things.insert("$checksum".into(), files::checksum(&bytes));
        }
        if wanted("$collection") {
            let made = id_of(&of.post("/collections", json!({ "name": "c" })).await.expect(201));
            let body = json!({ "media_id": things["$media"] });
            of.post(&format!("/collections/{made}/media"), body).await.expect(200);
            things.insert("$collection".into(), made);
        }
        if wanted("$session") || wanted("$refresh") {
            let mut again = of.clone();
            again.log_in(PASSWORD).await;
            let session = again.get("/auth/whoami").await.expect(200)["credential"]["id"].clone();
            things.insert("$session".into(), session.as_str().unwrap().to_owned());
            things.insert("$refresh".into(), again.refresh_token.unwrap());
        }
        if wanted("$key") {
            let made = of.post("/api-keys", json!({ "name": "k", "scopes": ["media:read"] })).await.expect(201);
            things.insert("$key".into(), id_of(&made));
        }
        if wanted("$token") {
            things.insert("$token".into(), id_of(&of.post("/upload-tokens", json!({})).await.expect(201)));
        }
        if wanted("$hook") || wanted("$delivery") {
            let body = json!({ "url": "http://hooks.example/", "events": ["*"] });
            let hook = id_of(&of.post("/webhooks", body).await.expect(201));
            let sent = of.post_empty(&format!("/webhooks/{hook}/test")).await.expect(201);
            things.insert("$hook".into(), hook);
            things.insert("$delivery".into(), id_of(&sent));
        }
        if wanted("$invite") {
            let made = self.root.post("/admin/invites", json!({})).await.expect(201);
            things.insert("$invite".into(), id_of(&made));
            things.insert("$secret_of_invite".into(), secret_of(&made));
        }
        if wanted("$secret_of_reset") {
            let made = self.root.post_empty(&format!("/admin/users/{}/reset-link", of.id)).await.expect(201);
            things.insert("$secret_of_reset".into(), secret_of(&made));
        }
        things.insert("$user".into(), of.id.clone());
        things.insert("$own_email".into(), of.email.clone());
        things.insert("$email".into(), format!("new{}@example.com", self.number()));
        things.insert("$password".into(), PASSWORD.into());
        things
    }

    /// Everything that a refused request must leave as it was.
    pub(crate) async fn state(&self) -> Vec<String> {
        let state = self.server.store().read(|db| -> Result<Vec<String>, mv_store::Error> {
            let numbers = |text| db.one::<(i64, i64)>(sql(text));
            let mut state = Vec::new();
            for (table, text) in [
                ("media", "SELECT count(*), CAST(coalesce(sum(version), 0) AS BIGINT) FROM media"),
                ("trash", "SELECT count(*), CAST(coalesce(sum(deleted_at), 0) AS BIGINT) FROM media WHERE deleted_at IS NOT NULL"),
                ("collections", "SELECT count(*), CAST(coalesce(sum(version), 0) AS BIGINT) FROM collections"),
                ("in collections", "SELECT count(*), CAST(coalesce(sum(position), 0) AS BIGINT) FROM collection_media"),
                ("users", "SELECT count(*), CAST(coalesce(sum(updated_at / 1000 + link_epoch), 0) AS BIGINT) FROM users"),
                ("disabled", "SELECT count(*), CAST(coalesce(sum(quota_bytes), 0) AS BIGINT) FROM users WHERE disabled"),
                ("sessions", "SELECT count(*), CAST(coalesce(sum(generation), 0) AS BIGINT) FROM sessions"),
                ("ended", "SELECT count(*), CAST(coalesce(sum(revoked_at / 1000), 0) AS BIGINT) FROM sessions WHERE revoked_at IS NOT NULL"),
                ("keys", "SELECT count(*), 0 FROM api_keys"),
                ("tokens", "SELECT count(*), CAST(coalesce(sum(files), 0) AS BIGINT) FROM upload_tokens"),
                ("invites", "SELECT count(*), CAST(coalesce(sum(used_at / 1000), 0) AS BIGINT) FROM invites"),
                ("links", "SELECT count(*), 0 FROM account_links"),
                ("usage", "SELECT count(*), CAST(coalesce(sum(bytes + trash_bytes), 0) AS BIGINT) FROM usage"),
                ("events", "SELECT count(*), 0 FROM events"),
                ("webhooks", "SELECT count(*), CAST(coalesce(sum(updated_at / 1000), 0) AS BIGINT) FROM webhooks"),
                ("tickets", "SELECT count(*), 0 FROM event_tickets"),
                ("answers", "SELECT count(*), 0 FROM idempotency"),
            ] {
                state.push(format!("{table}: {:?}", numbers(text)?));
            }
            Ok(state)
        });
        state.await.unwrap()
    }
}

async fn administrator(server: &Server, name: &str) -> Actor {
    let email = format!("{name}@example.com");
    let account = NewAccount { email: email.clone(), password: PASSWORD.into(), ..NewAccount::default() };
    let user = server.app().create_admin(account).await.unwrap();
    let mut actor = Actor { id: user.id.to_string(), email, ..server.anonymous() };
    actor.log_in(PASSWORD).await;
    actor
}

fn id_of(made: &Value) -> String {
    made["id"].as_str().unwrap_or_else(|| panic!("no id in {made}")).to_owned()
}

/// What a link carries behind its last `=`.
fn secret_of(made: &Value) -> String {
    let url = made["url"].as_str().unwrap_or_else(|| panic!("no url in {made}"));
    url.rsplit('=').next().unwrap().to_owned()
}

/// The same names for things that are not there.
pub(crate) fn nothing(things: &Things) -> Things {
    let mut none = things.clone();
    for (name, prefix) in [
        ("$media", "media"),
        ("$collection", "col"),
        ("$session", "ses"),
        ("$key", "key"),
        ("$token", "upt"),
        ("$hook", "whk"),
        ("$delivery", "dlv"),
        ("$invite", "inv"),
        ("$user", "user"),
    ] {
        none.insert(name.into(), format!("{prefix}_{NOTHING}"));
    }
    none
}

/// A path with a placeholder for each parameter, by what stands before it: `/media/{id}` is `/media/$media`.
pub(crate) fn path_of(template: &str) -> String {
    let mut parts: Vec<&str> = template.split('/').collect();
    for place in 1..parts.len() {
        if parts[place].starts_with('{') {
            parts[place] = match parts[place - 1] {
                "media" => "$media",
                "collections" => "$collection",
                "sessions" => "$session",
                "api-keys" => "$key",
                "upload-tokens" => "$token",
                "invites" => "$invite",
                "users" => "$user",
                "webhooks" => "$hook",
                "deliveries" => "$delivery",
                other => panic!("{template}: what is an id behind {other}?"),
            };
        }
    }
    parts.join("/")
}

/// The text with its placeholders filled; longer names first, since one may begin like another.
pub(crate) fn fill(text: &str, things: &Things) -> String {
    let mut names: Vec<&String> = things.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.into_iter().fold(text.to_owned(), |text, name| text.replace(name.as_str(), &things[name]))
}
