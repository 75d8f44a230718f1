//! PocketBase: a row with a file in SQLite, plain files on disk.
//! Promise: its own rules and logs stay on, as it comes; requests carry a superuser's token.
//! Not here: its settings (`bench/peers/pocketbase.sh`).

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::{Script, data_folder};
use crate::client::{Answer, Keep, Request, ask};
use crate::error::{Error, Result};
use crate::process;
use crate::settings::Settings;
use crate::subject::{Dialect, Subject};

pub(super) const NAME: &str = "PocketBase";
const EMAIL: &str = "bench@example.com";
const PASSWORD: &str = "bench-password-1";

/// The list of 20, newest first, with the total.
pub(crate) const LIST: &str = "/api/collections/rows/records?perPage=20&sort=-created";
/// The same without the total.
pub(crate) const LIST_WITHOUT_TOTAL: &str = "/api/collections/rows/records?perPage=20&sort=-created&skipTotal=1";

/// Starts it with one collection for files, one for the list, and one user.
pub(super) fn start(settings: &Settings) -> Result<Subject> {
    let script = Script { name: NAME, file: "pocketbase", verb: "start", ports: 1, ready: ("/api/health", 200) };
    let mut subject = script.start(settings, Dialect::new(""))?;
    let address = subject.server.address();
    let signed_in = call(
        address,
        "POST",
        "/api/collections/_superusers/auth-with-password",
        "",
        &json!({"identity": EMAIL, "password": PASSWORD}),
    )?;
    let token = signed_in.get("token").and_then(Value::as_str).unwrap_or_default();
    let headers = format!("Authorization: {token}\r\n");
    // One file of up to 4 GiB; PocketBase's default is 5 MB.
    let file = json!({"name": "file", "type": "file", "maxSelect": 1, "maxSize": 4_294_967_296_u64});
    let created = json!({"name": "created", "type": "autodate", "onCreate": true});
    for collection in [
        json!({"name": "files", "type": "base", "fields": [file, created]}),
        json!({"name": "rows", "type": "base",
            "fields": [{"name": "title", "type": "text"}, {"name": "description", "type": "text"}, created],
            "indexes": ["CREATE INDEX rows_created_idx ON rows (created)"]}),
    ] {
        call(address, "POST", "/api/collections", &headers, &collection)?;
    }
    let user = json!({"email": "user@example.com", "password": PASSWORD, "passwordConfirm": PASSWORD});
    let user = call(address, "POST", "/api/collections/users/records", &headers, &user)?;
    let user = user.get("id").and_then(Value::as_str).unwrap_or_default();
    let mut dialect = Dialect::new(&headers);
    dialect.upload = "/api/collections/files/records";
    dialect.stored_at = stored_at;
    dialect.own_user = Some(format!("/api/collections/users/records/{user}").into());
    dialect.login = Some((
        "/api/collections/users/auth-with-password",
        json!({"identity": "user@example.com", "password": PASSWORD}),
    ));
    subject.dialect = dialect;
    Ok(subject)
}

fn stored_at(answer: &Answer, _number: u64) -> Option<String> {
    let record = answer.json();
    let text = |key: &str| record.get(key).and_then(Value::as_str);
    Some(format!("/api/files/{}/{}/{}", text("collectionId")?, text("id")?, text("file")?))
}

fn call(address: SocketAddr, method: &str, path: &str, headers: &str, body: &Value) -> Result<Value> {
    let answer = ask(address, &Request::json(method, path, headers, body), Keep::Body)?;
    if answer.status / 100 == 2 {
        return Ok(answer.json());
    }
    Err(Error::Missing(format!("{NAME}: {method} {path}: {}", answer.summary())))
}

/// Puts `rows` rows straight into the table `rows` of its database, which it shares by SQLite's own locks.
pub(super) fn fill(settings: &Settings, rows: u64) -> Result<()> {
    let database = data_folder(settings, NAME)?.join("data.db");
    let script = settings.scripts.join("peers/pocketbase-rows.py");
    process::run(Path::new("python3"), [script, database, rows.to_string().into()])
}
