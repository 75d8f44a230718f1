//! Peers on Node: Express with multer (as most services take uploads), the reference tus server, and a hub of `ws`.
//! Promise: written in the idiom of their own documentation (`bench/peers/node/`). Not here: databases behind them,
//! which flatters them.

use serde_json::Value;

use super::Script;
use crate::client::Answer;
use crate::error::Result;
use crate::settings::Settings;
use crate::subject::{Dialect, Subject};

pub(super) const EXPRESS: &str = "Express";
pub(super) const EXPRESS_SYNCED: &str = "Express fsync";
pub(super) const TUS: &str = "tus-node";
pub(super) const WS: &str = "ws on Node";

/// Express + multer + SHA-1; `synced` syncs each file before its answer.
pub(super) fn express(settings: &Settings, synced: bool) -> Result<Subject> {
    let (name, verb) = if synced { (EXPRESS_SYNCED, "start-express-fsync") } else { (EXPRESS, "start-express") };
    let mut dialect = Dialect::new("");
    dialect.upload = "/upload";
    dialect.stored_at = stored_at;
    dialect.own_user = Some("/me".into());
    Script { name, file: "node", verb, ports: 1, ready: ("/me", 200) }.start(settings, dialect)
}

/// The reference tus server with its file store.
pub(super) fn tus(settings: &Settings) -> Result<Subject> {
    let mut dialect = Dialect::new("");
    dialect.tus = Some("/files");
    Script { name: TUS, file: "node", verb: "start-tus", ports: 1, ready: ("/", 404) }.start(settings, dialect)
}

/// A hub of the package `ws`.
pub(super) fn ws(settings: &Settings) -> Result<Subject> {
    Script { name: WS, file: "node", verb: "start-ws", ports: 1, ready: ("/hello", 200) }
        .start(settings, Dialect::new(""))
}

fn stored_at(answer: &Answer, _number: u64) -> Option<String> {
    Some(format!("/files/{}", answer.json().get("id").and_then(Value::as_str)?))
}
