//! Administrators through HTTP on both databases: accounts and their rights, quotas, the audit trail, the numbers.
//! Promise: every case names itself where it fails.
//! Not here: which caller may enter which route at all (the suite `access`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

use std::sync::Arc;

use futures_util::future::join_all;
use mv_app::accounts::register::NewAccount;
use mv_testkit::client::PASSWORD;
use mv_testkit::{Actor, Answer, Options, Server, files, on_both};
use serde_json::{Value, json};
use tokio::sync::Barrier;

mod accounts;
mod departures;
mod quotas;
mod rights;
mod trail;

/// An administrator, as the operator makes one at the machine.
async fn administrator(server: &Server, name: &str) -> Actor {
    let email = format!("{name}@example.com");
    let account = NewAccount { email: email.clone(), password: PASSWORD.into(), ..NewAccount::default() };
    let user = server.app().create_admin(account).await.unwrap();
    let mut actor = Actor { id: user.id.to_string(), email, ..server.anonymous() };
    actor.log_in(PASSWORD).await;
    actor
}

/// The path of an account.
fn path_of(actor: &Actor) -> String {
    format!("/admin/users/{}", actor.id)
}

/// A string member.
fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

/// The e-mail addresses of a page of accounts.
fn emails(answer: &Answer) -> Vec<String> {
    answer.expect(200).as_array().unwrap().iter().map(|user| text(user, "email").to_owned()).collect()
}

/// Runs all at the same moment: each is ready before the first begins.
async fn at_once<F, T>(requests: impl IntoIterator<Item = F>) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let requests: Vec<F> = requests.into_iter().collect();
    let barrier = Arc::new(Barrier::new(requests.len()));
    let tasks = requests.into_iter().map(|request| {
        let barrier = barrier.clone();
        tokio::spawn(async move {
            barrier.wait().await;
            request.await
        })
    });
    join_all(tasks.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect()
}
