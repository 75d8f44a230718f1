//! The product as a subject: started on a data folder of its own, one user registered and signed in.
//! Promise: the defaults of `mediavault serve`, nothing switched off and nothing raised but the rate limits. Not here: rows of the list scenarios
//! (`pages`).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::PRODUCT;
use crate::client::{Answer, Keep, Request, ask};
use crate::error::{Doing, Error, Result};
use crate::machine;
use crate::process::Server;
use crate::settings::Settings;
use crate::subject::{Dialect, Form, Subject};

/// The password of every account here.
const PASSWORD: &str = "otters-ferry-9-maps-north";
/// The account of all scenarios but the lists.
const EMAIL: &str = "bench@example.com";

/// Where its data is.
pub(crate) fn data_folder(settings: &Settings) -> PathBuf {
    settings.work.join("data/product")
}

/// Starts it on an empty data folder, registers the user, signs in.
pub(crate) fn start(settings: &Settings) -> Result<Subject> {
    let data = data_folder(settings);
    machine::fresh_folder(&data)?;
    let (server, ready, idle_mib) = serve(settings, &data)?;
    register(server.address(), EMAIL)?;
    let headers = sign_in(server.address(), EMAIL)?;
    Ok(Subject {
        name: PRODUCT,
        dialect: dialect(&headers),
        server,
        sign_in: Some(|address| sign_in(address, EMAIL)),
        small: Vec::new(),
        large: None,
        ready,
        idle_mib,
    })
}

/// Starts the server on a data folder and waits for `/health/ready`: the server, the time that took, idle memory.
pub(crate) fn serve(settings: &Settings, data: &Path) -> Result<Started> {
    let raised = ["anonymous", "authenticated", "api_key", "delivery"];
    serve_with(settings, data, &raised.map(|class| format!("limits.{class}_per_minute=1000000")))
}

/// A server, how long it took to be ready, its memory when idle in MiB.
type Started = (Server, std::time::Duration, f64);

/// As `serve`, with these settings (`key=value`) and no others.
pub(crate) fn serve_with(settings: &Settings, data: &Path, set: &[String]) -> Result<Started> {
    if !settings.binary.exists() {
        return Err(Error::Missing(format!("{} is not built", settings.binary.display())));
    }
    let port = machine::free_ports(1)?;
    let listen = format!("127.0.0.1:{port}");
    let mut arguments: Vec<PathBuf> =
        vec!["serve".into(), "--listen".into(), PathBuf::from(listen), "--data-dir".into(), data.into()];
    arguments.extend(set.iter().flat_map(|setting| [PathBuf::from("--set"), setting.into()]));
    // setpriv looks a bare name up in the search path; a path it takes as it is.
    let binary = std::path::absolute(&settings.binary).doing(|| "finding the server".to_owned())?;
    let mut server = Server::start(&binary, arguments, port, &data.with_extension("log"))?;
    let ready = server.wait_ready("/health/ready", 200)?;
    let idle_mib = machine::memory_mib(server.pid());
    Ok((server, ready, idle_mib))
}

/// Registers an account (contract section 3).
pub(crate) fn register(address: SocketAddr, email: &str) -> Result<()> {
    let body = json!({"email": email, "password": PASSWORD});
    let answer = ask(address, &Request::json("POST", "/api/v1/auth/register", "", &body), Keep::Body)?;
    if answer.status == 201 { Ok(()) } else { Err(Error::Wrong(format!("register: {}", answer.summary()))) }
}

/// Signs in; the header line with the token.
pub(crate) fn sign_in(address: SocketAddr, email: &str) -> Result<String> {
    let answer = ask(address, &Request::json("POST", "/api/v1/auth/login", "", &credentials(email)), Keep::Body)?;
    let answered = answer.json();
    let token = answered.pointer("/data/token").and_then(Value::as_str);
    let token = token.ok_or_else(|| Error::Wrong(format!("login: {}", answer.summary())))?;
    Ok(format!("Authorization: Bearer {token}\r\n"))
}

fn credentials(email: &str) -> Value {
    json!({"username": email, "password": PASSWORD})
}

/// Its requests, as the contract has them.
pub(crate) fn dialect(headers: &str) -> Dialect {
    let mut dialect = Dialect::new(headers);
    dialect.upload = "/api/v1/media/upload";
    dialect.large = Form::Raw;
    dialect.stored_at = stored_at;
    dialect.tus = Some("/api/v1/media/uploads");
    dialect.own_user = Some("/api/v1/users/me".into());
    dialect.login = Some(("/api/v1/auth/login", credentials(EMAIL)));
    dialect
}

fn stored_at(answer: &Answer, _number: u64) -> Option<String> {
    let answered = answer.json();
    Some(format!("/api/v1/media/{}/content", answered.pointer("/data/id").and_then(Value::as_str)?))
}
