//! Links that work once, invites and mail, through HTTP on both databases.
//! Promise: of many who use one link exactly one succeeds; what an answer, its time or a log tells does not depend on
//! whether an account exists.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

use std::time::Duration;

use mv_store::sql;
use mv_testkit::mail::{Mail, MailServer, Mood};
use mv_testkit::{Actor, Backend, Options, Server, on_both};
use serde_json::{Value, json};

mod email;
mod invites;
mod mail;
mod pages;
mod reset;
mod setup;
mod traces;

/// The password that `Server::user` gives.
const PASSWORD: &str = "correct horse battery";
/// Another good one.
const OTHER: &str = "another horse battery";
const ROOT: &str = "root@example.com";
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Options with a first administrator, `root`.
fn with_root() -> Options {
    Options::with("admin.email", ROOT).and("admin.password", PASSWORD)
}

/// The administrator of [`with_root`], logged in.
async fn root(server: &Server) -> Actor {
    let mut root = Actor { email: ROOT.to_owned(), ..server.anonymous() };
    root.log_in(PASSWORD).await;
    root
}

/// The secret of a link, behind the fragment's name.
fn secret(url: &Value) -> String {
    let (_, secret) = url.as_str().unwrap().split_once('#').unwrap();
    secret.split_once('=').unwrap().1.to_owned()
}

/// The status of a login.
async fn login(server: &Server, name: &str, password: &str) -> u16 {
    server.anonymous().post("/auth/login", json!({ "username": name, "password": password })).await.status
}

/// What the audit trail tells of this kind: by what credential, of which resource.
async fn audited(server: &Server, what: &'static str) -> Vec<(String, String)> {
    server
        .store()
        .read(move |db| db.all(sql("SELECT credential, resource FROM audit WHERE type = $1 ORDER BY id").bind(what)))
        .await
        .map_err(|error: mv_store::Error| error)
        .unwrap()
}

/// A server that sends its mail to a mail server of the test's own.
async fn with_mail(backend: Backend) -> (Server, MailServer) {
    let mail = MailServer::start().await;
    let options = with_root().and("smtp.url", mail.url()).and("smtp.from", "Media Vault <vault@example.org>");
    (Server::start(backend, options).await, mail)
}

/// As `on_both!`, with a mail server.
macro_rules! on_both_with_mail {
    ($name:ident, |$server:ident, $mail:ident| $body:expr) => {
        mod $name {
            use super::*;

            async fn run(backend: Backend) {
                let ($server, $mail) = with_mail(backend).await;
                let kept = $server.clone();
                ($body).await;
                kept.end().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(Backend::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(Backend::Postgres).await;
            }
        }
    };
}
pub(crate) use on_both_with_mail;
