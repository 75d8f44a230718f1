//! A server in this process, over real sockets, with a database and a data folder of its own.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mediavault::settings::{Flag, Settings, Sources};
use mediavault::wire::{self, Machine, Sharing, Vault};
use mv_app::App;
use mv_app::net::Resolver;
use mv_app::processing::runner;
use mv_app::webhooks::deliver::Schedule;
use mv_core::entropy::SystemEntropy;
use mv_http::realtime::socket::Pace;
use mv_store::{Error, Store, sql};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::client::Actor;
use crate::clock::TestClock;
use crate::databases::{Backend, Database};

/// What a test wants otherwise than by default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Settings as `--set key=value`. `webhooks.allow_private_networks` is true where they do not say otherwise, because
    /// the receivers of tests live on this machine.
    pub set: Vec<(&'static str, String)>,
    /// Who knows the addresses of names that webhooks are sent to; without one, `localhost` is this machine and every other
    /// name an address at which nobody is (RFC 5737). Tests ask no servers for names.
    pub resolver: Option<Resolver>,
    /// When deliveries to webhooks are tried.
    pub webhooks: Schedule,
    /// The program `mediavault`, whose workers look at uploads; without it uploads wait in the queue.
    pub worker: Option<PathBuf>,
    /// The pace of WebSockets, if it is to be another one.
    pub pace: Option<Pace>,
    /// How many WebSockets may be open, if not as many as usual.
    pub sockets: Option<usize>,
}

impl Options {
    /// One setting.
    pub fn with(key: &'static str, value: impl ToString) -> Self {
        Self { set: vec![(key, value.to_string())], ..Self::default() }
    }

    /// And another one.
    #[must_use]
    pub fn and(mut self, key: &'static str, value: impl ToString) -> Self {
        self.set.push((key, value.to_string()));
        self
    }

    /// Uploads are looked at by workers of this program.
    #[must_use]
    pub fn processing(mut self, worker: impl Into<PathBuf>) -> Self {
        self.worker = Some(worker.into());
        self
    }

    /// Deliveries to webhooks are tried so.
    #[must_use]
    pub fn delivering(mut self, webhooks: Schedule) -> Self {
        self.webhooks = webhooks;
        self
    }

    /// Names have the addresses that the function says, at each lookup anew.
    #[must_use]
    pub fn resolving(mut self, addresses: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        self.resolver = Some(Resolver::given(addresses));
        self
    }
}

/// A running server. Clones are the same server.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    address: SocketAddr,
    app: Arc<App>,
    store: Store,
    clock: Arc<TestClock>,
    backend: Backend,
    folder: TempDir,
    database: Database,
    stop: CancellationToken,
    running: Mutex<Option<(Vault, tokio::task::JoinHandle<()>)>>,
    http: reqwest::Client,
}

impl Server {
    /// Starts a server.
    pub async fn start(backend: Backend, options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = Database::fresh(backend, folder.path()).await;
        let settings = settings(folder.path(), &database, &options);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().unwrap();
        let clock = Arc::new(TestClock::default());
        let machine = Machine {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            resolver: options.resolver.clone().unwrap_or_else(names),
            webhooks: options.webhooks.clone(),
            worker: options.worker.clone().unwrap_or_else(|| "/proc/self/exe".into()),
        };
        let public_url = settings.public_url_at(address).to_string();
        let vault = wire::open(&settings, public_url, machine, Sharing::Alone).await.expect("the vault opens");
        vault.first_admin(&settings).await.expect("the first administrator is made");
        let (app, store) = (vault.app.clone(), vault.store.clone());
        let mut state = wire::app_state(app.clone(), &settings);
        state.pace = options.pace.unwrap_or_default();
        if let Some(sockets) = options.sockets {
            state.sockets = Arc::new(Semaphore::new(sockets));
        }
        let router = mv_http::router::router(state);
        let stop = CancellationToken::new();
        let limits =
            mv_http::server::Options { shutdown_grace: Duration::from_secs(5), ..mv_http::server::Options::default() };
        let serving = mv_http::server::serve(listener, router, limits, stop.clone());
        tokio::spawn(mv_app::events::dispatch::run(app.clone(), stop.clone()));
        let deliverer = tokio::spawn(mv_app::webhooks::deliver::run(app.clone(), stop.clone()));
        let processing = options.worker.map(|_| tokio::spawn(runner::run(app.clone(), stop.clone())));
        let task = tokio::spawn(async move {
            serving.await.expect("the server runs");
            deliverer.await.expect("deliveries end in order");
            if let Some(processing) = processing {
                processing.await.expect("jobs end in order");
            }
        });
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let running = Mutex::new(Some((vault, task)));
        let inner = Inner { address, app, store, clock, backend, folder, database, stop, running, http };
        Self { inner: Arc::new(inner) }
    }

    /// Stops the server and drops its database.
    pub async fn end(self) {
        self.inner.stop.cancel();
        if let Some((vault, task)) = self.inner.running.lock().await.take() {
            task.await.expect("the server ends in order");
            drop(vault);
        }
        self.inner.database.drop_it().await;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// `http://127.0.0.1:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.inner.address)
    }

    /// Its clock.
    pub fn clock(&self) -> &TestClock {
        &self.inner.clock
    }

    /// Its use cases, for what has no route: the timetable, the check.
    pub fn app(&self) -> &Arc<App> {
        &self.inner.app
    }

    /// Its records.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Which database it runs on.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// Its data folder.
    pub fn data_dir(&self) -> &Path {
        self.inner.folder.path()
    }

    /// The client that all actors share.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.inner.http
    }

    /// Somebody without credentials.
    pub fn anonymous(&self) -> Actor {
        Actor::anonymous(self.clone())
    }

    /// Somebody with an account `<name>@example.com`, logged in.
    pub async fn user(&self, name: &str) -> Actor {
        Actor::registered(self.clone(), name).await
    }

    /// All recorded events, oldest first: type, resource and data.
    pub async fn events(&self) -> Vec<(String, String, Value)> {
        let rows: Vec<(String, String, String)> = self
            .inner
            .store
            .read(|db| db.all(sql("SELECT type, resource, data FROM events ORDER BY id")))
            .await
            .map_err(|error: Error| error)
            .expect("the events are read");
        rows.into_iter().map(|(kind, resource, data)| (kind, resource, serde_json::from_str(&data).unwrap())).collect()
    }

    /// The types of the events of one resource, oldest first.
    pub async fn events_of(&self, resource: &str) -> Vec<String> {
        self.events().await.into_iter().filter(|(_, of, _)| of == resource).map(|(kind, ..)| kind).collect()
    }

    /// Files below `blobs/`, `tmp/` and `quarantine/` that hold bytes of items.
    pub fn stored_files(&self) -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        let mut folders: Vec<_> =
            ["blobs", "tmp", "quarantine"].iter().map(|name| self.data_dir().join(name)).collect();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if !entry.file_name().to_string_lossy().starts_with('.') {
                    found.push(path);
                }
            }
        }
        found
    }
}

fn names() -> Resolver {
    Resolver::given(|name| match name {
        "localhost" => vec![IpAddr::from([127, 0, 0, 1])],
        _ => vec![IpAddr::from([192, 0, 2, 1])],
    })
}

fn settings(data_dir: &Path, database: &Database, options: &Options) -> Settings {
    let flag = |name: &str, value: String| Flag { shown: format!("--set {name}"), name: name.to_owned(), value };
    let mut flags =
        vec![flag("data_dir", data_dir.display().to_string()), flag("database.connections", "4".to_owned())];
    flags.push(flag("webhooks.allow_private_networks", "true".to_owned()));
    // No suite is held up by limits but those that lower them again.
    for class in ["anonymous", "authenticated", "api_key", "delivery"] {
        flags.push(flag(&format!("limits.{class}_per_minute"), "1000000".to_owned()));
    }
    flags.extend(database.url.clone().map(|url| flag("database_url", url)));
    flags.extend(options.set.iter().map(|(name, value)| flag(name, value.clone())));
    let sources = Sources { flags, dev: false, environment: Vec::new(), file: None };
    Settings::read(&sources).expect("the settings are good")
}
