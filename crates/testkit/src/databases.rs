//! A fresh database for each test: a file, or a copy of a migrated template on the PostgreSQL server that
//! `MEDIAVAULT_TEST_POSTGRES_URL` names.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mv_core::SystemClock;
use mv_store::{Store, Target};
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The built-in one.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// A database of a test's own.
#[derive(Debug)]
pub struct Database {
    /// The setting `database_url`; `None` is the default below `data_dir`.
    pub url: Option<String>,
    name: Option<String>,
}

impl Database {
    /// Makes one.
    pub async fn fresh(backend: Backend, _data_dir: &Path) -> Self {
        match backend {
            Backend::Sqlite => Self { url: None, name: None },
            Backend::Postgres => {
                let name = copy_of_template().await;
                Self { url: Some(with_name(&server_url(), &name)), name: Some(name) }
            }
        }
    }

    /// Drops it.
    pub async fn drop_it(&self) {
        if let Some(name) = &self.name {
            execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

/// The server of the tests.
#[expect(clippy::disallowed_methods, reason = "the test harness is told of its server by the environment")]
pub fn server_url() -> String {
    std::env::var("MEDIAVAULT_TEST_POSTGRES_URL")
        .expect("MEDIAVAULT_TEST_POSTGRES_URL must name a PostgreSQL server; `make test` starts one")
}

fn with_name(url: &str, name: &str) -> String {
    let (front, _) = url.rsplit_once('/').expect("the URL ends in a database's name");
    format!("{front}/{name}")
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("mv_it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn copy_of_template() -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let template = TEMPLATE
        .get_or_init(|| async {
            let name = format!("{}_template", unique());
            execute(&format!("CREATE DATABASE {name}")).await;
            let options = mv_store::Options::new(Arc::new(SystemClock::default()));
            Store::migrate(&Target::Postgres(with_name(&server_url(), &name)), &options)
                .await
                .expect("the template migrates");
            name
        })
        .await;
    let name = unique();
    execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    name
}

async fn execute(statement: &str) {
    let (client, connection) =
        tokio_postgres::connect(&server_url(), NoTls).await.expect("the PostgreSQL server answers");
    let driver = tokio::spawn(connection);
    // Copies of one template at the same time wait for each other; PostgreSQL refuses instead.
    for _ in 0..200 {
        match client.batch_execute(statement).await {
            Ok(()) => break,
            Err(error) if error.code().is_some_and(|code| code.code() == "55006") => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{statement}: {error:?}"),
        }
    }
    drop(client);
    driver.await.unwrap().ok();
}
