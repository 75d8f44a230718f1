//! What every handler is given.

use std::net::IpAddr;
use std::sync::Arc;

use mv_app::App;
use tokio::sync::Semaphore;

use crate::layers::rate_limit::Policies;
use crate::realtime::socket::Pace;

/// How many WebSockets may be open.
pub const MAX_SOCKETS: usize = 16_384;

/// The product and what the wire needs beside it. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The use cases.
    pub app: Arc<App>,
    /// What the operator decided about the wire.
    pub wire: Arc<WireOptions>,
    /// What answers tell of the limits.
    pub policies: Arc<Policies>,
    /// The pace of WebSockets.
    pub pace: Pace,
    /// Places for WebSockets, which count among the server's connections only until they are upgraded.
    pub sockets: Arc<Semaphore>,
}

impl AppState {
    /// For this product and this wire.
    pub fn new(app: Arc<App>, wire: WireOptions) -> Self {
        let policies = Arc::new(Policies::new(&app.options().limits));
        Self {
            app,
            wire: Arc::new(wire),
            policies,
            pace: Pace::default(),
            sockets: Arc::new(Semaphore::new(MAX_SOCKETS)),
        }
    }
}

/// Whether an address is a proxy that the operator trusts.
pub type TrustedProxy = Box<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Renders the metrics as Prometheus reads them.
pub type RenderMetrics = Box<dyn Fn() -> String + Send + Sync>;

/// What the operator decided about the wire.
pub struct WireOptions {
    /// Only requests for `localhost` or `127.0.0.1` are served (contract section 1).
    pub loopback_host_only: bool,
    /// The one other host that requests may name: that of the public URL, where the operator set one and clients come
    /// without a proxy.
    pub public_host: Option<String>,
    /// Origins whose pages may read answers, as browsers write them.
    pub allowed_origins: Vec<String>,
    /// The server is behind proxies: requests must come through one, over HTTPS.
    pub trusted_proxy: Option<TrustedProxy>,
    /// Who may read `/metrics` from elsewhere than loopback.
    pub metrics_token: Option<String>,
    /// Renders the metrics.
    pub metrics: RenderMetrics,
}
