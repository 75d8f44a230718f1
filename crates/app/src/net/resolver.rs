//! From names to addresses: by the system's resolver, or by a test's.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::Semaphore;

/// Lookups at once. Each holds a thread for as long as the system waits for an answer, which its asker cannot end.
const LOOKUPS: usize = 128;

/// Who knows the addresses of names. Clones share their bound of lookups.
#[derive(Clone)]
pub struct Resolver(Source);

#[derive(Clone)]
enum Source {
    System(Arc<Semaphore>),
    Given(Arc<Given>),
}

type Given = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

impl Default for Resolver {
    /// The system's.
    fn default() -> Self {
        Self(Source::System(Arc::new(Semaphore::new(LOOKUPS))))
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// One that answers as the function says, which may say something else each time.
    pub fn given(addresses: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        Self(Source::Given(Arc::new(addresses)))
    }

    /// Every address of a name, none twice; nothing where the name or its servers cannot be found.
    pub(super) async fn lookup(&self, name: &str) -> Vec<IpAddr> {
        let all = match &self.0 {
            Source::Given(addresses) => addresses(name),
            Source::System(lookups) => {
                let Ok(permit) = lookups.clone().acquire_owned().await else { return Vec::new() };
                let name = name.to_owned();
                let found = tokio::task::spawn_blocking(move || {
                    // Held until the system has answered, also where nobody waits any more.
                    let _permit = permit;
                    (name.as_str(), 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect())
                });
                found.await.ok().and_then(Result::ok).unwrap_or_default()
            }
        };
        let mut seen = BTreeSet::new();
        all.into_iter().filter(|address| seen.insert(*address)).collect()
    }
}
