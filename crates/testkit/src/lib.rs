//! A real server on either database, people who use it, files, and what answers must look like. For tests only.
//! Promise: every answer of every test is checked against the API's own description.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit stops the test at once when anything is not as it must be"
)]

pub mod answer;
pub mod client;
pub mod clock;
pub mod databases;
pub mod description;
pub mod files;
pub mod mail;
pub mod server;
pub mod sink;
pub mod socket;

pub use answer::Answer;
pub use client::{Actor, multipart};
pub use databases::Backend;
pub use server::{Options, Server};
pub use sink::{Reply, Sink};
pub use socket::Socket;

/// One test on both databases: `on_both!(renames_an_item, |server| async move { ... });` makes `renames_an_item::sqlite`
/// and `renames_an_item::postgres`, each on a fresh server with a fresh database. A second form takes options:
/// `on_both!(name, Options { max_upload_bytes: Some(10), ..Options::default() }, |server| async move { ... });`.
#[macro_export]
macro_rules! on_both {
    ($(#[$meta:meta])* $name:ident, |$server:ident| $body:expr) => {
        $crate::on_both!($(#[$meta])* $name, $crate::Options::default(), |$server| $body);
    };
    ($(#[$meta:meta])* $name:ident, $options:expr, |$server:ident| $body:expr) => {
        $(#[$meta])*
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let $server = $crate::Server::start($crate::Backend::Sqlite, $options).await;
                let kept = $server.clone();
                ($body).await;
                kept.end().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let $server = $crate::Server::start($crate::Backend::Postgres, $options).await;
                let kept = $server.clone();
                ($body).await;
                kept.end().await;
            }
        }
    };
}
