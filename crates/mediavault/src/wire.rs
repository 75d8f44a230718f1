//! From settings to a running product: the only place where everything is named.

use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use mv_app::accounts::register::NewAccount;
use mv_app::net::{Outgoing, Own, Policy, Resolver};
use mv_app::ops::root_key;
use mv_app::start::{self, Parts};
use mv_app::webhooks::deliver::Schedule;
use mv_app::{App, Options, mail, processing};
use mv_blobs::{Blobs, Cache, DEFAULT_THREADS, KeyFileError, LocalStore, RootKey, VaultLock};
use mv_core::entropy::{Entropy, SystemEntropy};
use mv_core::{Clock, Mint, SystemClock};
use mv_http::state::{AppState, TrustedProxy, WireOptions};
use mv_store::{Store, Target};

use crate::jwt_key::{self, JwtKeyError};
use crate::settings::{Database, Exposure, PublicUrl, Registration, Settings};
use crate::tools;

/// The machine's clock, randomness and knowledge of names, or a test's.
#[derive(Clone)]
pub struct Machine {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// From names to addresses.
    pub resolver: Resolver,
    /// When deliveries to webhooks are tried.
    pub webhooks: Schedule,
    /// The program that looks at files, started with `worker`: this one.
    pub worker: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::default()),
            entropy: Arc::new(SystemEntropy),
            resolver: Resolver::default(),
            webhooks: Schedule::default(),
            // Also after an update has put another file in its place.
            worker: PathBuf::from("/proc/self/exe"),
        }
    }
}

/// Whether the command may run beside a server on the same data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// It may not: the data folder must be free.
    Alone,
    /// It may: it only changes records.
    Beside,
}

/// An open vault.
pub struct Vault {
    /// The product.
    pub app: Arc<App>,
    /// Its records, to be closed at the end.
    pub store: Store,
    /// Whether a server has the data folder at this moment.
    pub served_elsewhere: bool,
    /// The root key's fingerprint, for the operator.
    pub key_fingerprint: String,
    lock: Option<VaultLock>,
    mailer: Option<Mailer>,
}

/// The task that sends mail; it ends with the vault.
struct Mailer(tokio::task::JoinHandle<()>);

impl Drop for Mailer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a vault could not be opened; each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailure {
    /// The data folder cannot be made.
    #[error("cannot use the folder {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The data folder is not usable, or in use.
    #[error("the data folder {path} cannot be used")]
    Data {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: mv_blobs::OpenError,
    },
    /// The database cannot be opened.
    #[error("the database cannot be opened")]
    Database(#[from] mv_store::OpenError),
    /// The root key.
    #[error(transparent)]
    RootKey(#[from] KeyFileError),
    /// The keys of access tokens.
    #[error(transparent)]
    JwtKey(#[from] JwtKeyError),
    /// The blob store's threads.
    #[error("the blob store cannot be started")]
    Blobs(#[from] mv_blobs::Error),
    /// A first question to the database failed, or the root key is the wrong one.
    #[error("the vault cannot be opened")]
    App(#[from] mv_app::Error),
}

/// Opens the vault that the settings name. `public_url` stands before signed links.
///
/// # Errors
/// `OpenFailure`.
pub async fn open(
    settings: &Settings,
    public_url: String,
    machine: Machine,
    sharing: Sharing,
) -> Result<Vault, OpenFailure> {
    make_folder(&settings.data_dir)?;
    let data = |source| OpenFailure::Data { path: settings.data_dir.clone(), source };
    let lock = match VaultLock::acquire(&settings.data_dir) {
        Ok(lock) => Some(lock),
        Err(mv_blobs::OpenError::Locked) if sharing == Sharing::Beside => None,
        Err(source) => return Err(data(source)),
    };
    let store = Store::open(target(settings), store_options(settings, &machine)).await?;
    let mint = Mint::new(machine.clock.clone(), machine.entropy.clone());
    let vault = start::vault_id(&store, &mint).await?;
    let empty = start::has_no_blobs(&store).await?;
    let root_key = root_key(settings, &store, machine.entropy.as_ref()).await?;
    start::check_root_key(&store, &root_key).await?;
    let jwt_keys = jwt_key::load_or_create(&settings.jwt_key_file, machine.entropy.as_ref())?;
    let local = LocalStore::open(&settings.data_dir, vault, empty).map_err(data)?;
    let blobs = Blobs::new(Arc::new(local), machine.entropy.clone(), DEFAULT_THREADS)?;
    let cache = cache(settings, machine.entropy.clone())?;
    let key_fingerprint = root_key.fingerprint();
    let app = App::new(Parts {
        store: store.clone(),
        blobs,
        root_key,
        jwt_keys,
        clock: machine.clock,
        entropy: machine.entropy,
        outgoing: Outgoing::new(policy(settings, &public_url), machine.resolver)?,
        cache,
        options: options(settings, public_url, machine.webhooks, machine.worker),
        smtp: settings.smtp.clone(),
    });
    // Commands beside a server end at once: they send no mail.
    let mailer = (sharing == Sharing::Alone).then(|| Mailer(tokio::spawn(mail::run(app.clone()))));
    if lock.is_some() {
        let swept = app.sweep_unfinished().await?;
        if swept > 0 {
            tracing::info!(count = swept, "removed {swept} unfinished uploads of an earlier run");
        }
    }
    Ok(Vault { app, store, served_elsewhere: lock.is_none(), key_fingerprint, lock, mailer })
}

impl Vault {
    /// Ends the vault in order: the database is closed, then the data folder is free for others.
    pub async fn close(self) {
        let Self { app, store, lock, mailer, .. } = self;
        drop(mailer);
        drop(app);
        store.close().await;
        drop(lock);
    }

    /// Makes the administrator that the settings name, if there is none.
    ///
    /// # Errors
    /// Of the database, or where the account cannot be made.
    pub async fn first_admin(&self, settings: &Settings) -> Result<(), mv_app::Error> {
        let Some(admin) = &settings.first_admin else { return Ok(()) };
        let account = NewAccount {
            email: admin.email.clone(),
            password: admin.password.expose().to_owned(),
            ..NewAccount::default()
        };
        if self.app.ensure_admin(account).await? {
            tracing::info!("the first administrator was made from the settings");
        }
        Ok(())
    }
}

/// Threads for the pictures that can be made again.
const CACHE_THREADS: usize = 4;

fn cache(settings: &Settings, entropy: Arc<dyn Entropy>) -> Result<Cache, OpenFailure> {
    let folder = |source| OpenFailure::Folder { path: settings.data_dir.join("cache"), source };
    Cache::open(&settings.data_dir, settings.processing_cache_bytes, entropy, CACHE_THREADS).map_err(folder)
}

/// What handlers are given.
pub fn app_state(app: Arc<App>, settings: &Settings) -> AppState {
    let proxies = settings.trusted_proxies.clone();
    let trusted: Option<TrustedProxy> = (!proxies.is_empty())
        .then(|| Box::new(move |address| proxies.iter().any(|network| network.contains(address))) as TrustedProxy);
    let metrics = metrics();
    let wire = WireOptions {
        loopback_host_only: settings.exposure == Exposure::ThisHostOnly,
        public_host: settings.public_url.as_ref().filter(|_| trusted.is_none()).map(|url| url.host().to_owned()),
        allowed_origins: settings.allowed_origins.clone(),
        trusted_proxy: trusted,
        metrics_token: settings.metrics_token.as_ref().map(|token| token.expose().to_owned()),
        metrics: Box::new(move || metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default()),
    };
    AppState::new(app, wire)
}

/// The process's one recorder of metrics.
fn metrics() -> Option<PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
    let installed = RECORDER.get_or_init(|| {
        let built = PrometheusBuilder::new().set_buckets(&SECONDS).and_then(PrometheusBuilder::install_recorder);
        built.inspect_err(|error| tracing::error!(%error, "metrics are off: {error}")).ok()
    });
    installed.clone()
}

/// Which database the settings name.
pub fn target(settings: &Settings) -> Target {
    match &settings.database {
        Database::Sqlite(path) => Target::Sqlite(path.clone()),
        Database::Postgres(url) => Target::Postgres(url.expose().to_owned()),
    }
}

/// How the database is used.
pub fn store_options(settings: &Settings, machine: &Machine) -> mv_store::Options {
    let defaults = mv_store::Options::new(machine.clock.clone());
    mv_store::Options { connections: usize::from(settings.database_connections), ..defaults }
}

fn options(settings: &Settings, public_url: String, webhooks: Schedule, worker: PathBuf) -> Options {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let days = |span: Duration| u32::try_from(span.as_secs() / 86_400).unwrap_or(u32::MAX);
    Options {
        registration: match settings.registration {
            Registration::Open => mv_core::user::Registration::Open,
            Registration::Invite => mv_core::user::Registration::Invite,
            Registration::Closed => mv_core::user::Registration::Closed,
        },
        max_upload_bytes: settings.max_upload_bytes,
        default_quota_bytes: settings.default_quota_bytes,
        trash_days: days(settings.trash_retention),
        event_days: days(settings.events_retention),
        tombstone_days: days(settings.tombstone_retention),
        public_url,
        limits: settings.limits,
        webhooks,
        users_lookup: settings.users_lookup,
        password_threads: cores,
        processing: processing::Options {
            worker,
            sandbox: settings.processing_sandbox,
            jobs: cores,
            tools: tools::find(),
        },
    }
}

/// Where webhooks may go. `public_url` is the one in use, which follows the socket where none is set.
fn policy(settings: &Settings, public_url: &str) -> Policy {
    let public = public_url.parse::<PublicUrl>().ok();
    let public = public.map(|url| Own::Public { host: url.host().to_owned(), port: url.port() });
    let own = public.into_iter().chain([Own::Listen(settings.listen)]).collect();
    Policy {
        allow_private: settings.webhooks_private,
        allow_loopback: settings.dev,
        ports: settings.webhooks_ports.clone(),
        own,
    }
}

/// The root key: read, or made at the first start. A database that was made with a key never gets another one.
async fn root_key(settings: &Settings, store: &Store, entropy: &dyn Entropy) -> Result<RootKey, OpenFailure> {
    for file in [&settings.root_key_file, &settings.jwt_key_file] {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            make_folder(folder)?;
        }
    }
    let key = match RootKey::load(&settings.root_key_file) {
        Err(KeyFileError::Missing(_)) if !start::has_root_key(store).await? => {
            RootKey::create(&settings.root_key_file, entropy)?
        }
        loaded => loaded?,
    };
    finish_rotation(settings, store, key).await
}

/// A rotation that died between its commit and the exchange of the files is finished: the next key is then the right one.
async fn finish_rotation(settings: &Settings, store: &Store, key: RootKey) -> Result<RootKey, OpenFailure> {
    let file = &settings.root_key_file;
    let Ok(next) = RootKey::load(&RootKey::next_path(file)) else { return Ok(key) };
    if start::is_root_key(store, &key).await? || !start::is_root_key(store, &next).await? {
        return Ok(key);
    }
    RootKey::put_in_place(file, &key)?;
    tracing::warn!("finished the rotation of the root key that was interrupted");
    Ok(next)
}

/// Gives a vault that nobody serves a new root key; returns its fingerprint and how many users' keys were wrapped anew.
///
/// # Errors
/// `OpenFailure`; where the vault is served, nothing is changed.
pub async fn rotate_root_key(settings: &Settings, machine: Machine) -> Result<(String, usize), OpenFailure> {
    // Opening it checks all that a start checks, and holds the lock meanwhile.
    let vault = open(settings, String::new(), machine.clone(), Sharing::Alone).await?;
    let file = &settings.root_key_file;
    let current = Arc::new(RootKey::load(file)?);
    let next = Arc::new(RootKey::create(&RootKey::next_path(file), machine.entropy.as_ref())?);
    let count =
        root_key::rotate(&vault.store, Arc::clone(&current), Arc::clone(&next), machine.entropy, machine.clock.now())
            .await?;
    RootKey::put_in_place(file, &current)?;
    vault.close().await;
    Ok((next.fingerprint(), count))
}

/// Makes a folder and those above it, for their owner alone. Durable when this returns: a power cut soon after the first
/// start must not take the whole vault with it.
///
/// # Errors
/// `Folder`.
pub(crate) fn make_folder(path: &Path) -> Result<(), OpenFailure> {
    let failed = |source| OpenFailure::Folder { path: path.to_owned(), source };
    let missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    for folder in missing {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(above).and_then(|above| above.sync_all()).map_err(failed)?;
    }
    Ok(())
}
