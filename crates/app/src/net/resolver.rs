//! From names to addresses: by the system's resolver, or by a test's.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Lookups at once for requests that are sent. Each holds a thread for as long as the system waits for an answer, which its
/// asker cannot end.
const OF_DELIVERIES: usize = 128;
/// The same for users who name a URL: whoever names many that nobody answers for holds up no delivery.
const OF_USERS: usize = 32;

/// The stack of a lookup's thread; the C library keeps answers of up to 64 KiB on it.
const STACK: usize = 512 * 1024;

/// Who waits for a lookup.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asker {
    /// Somebody who names a URL.
    User,
    /// A request on its way.
    Delivery,
}

/// Who knows the addresses of names. Clones share their bound of lookups.
#[derive(Clone)]
pub struct Resolver(Source);

#[derive(Clone)]
enum Source {
    System(Arc<Bounds>),
    Given(Arc<Given>),
}

struct Bounds {
    users: Arc<Semaphore>,
    deliveries: Arc<Semaphore>,
}

type Given = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

impl Default for Resolver {
    /// The system's.
    fn default() -> Self {
        let bound = |most| Arc::new(Semaphore::new(most));
        Self(Source::System(Arc::new(Bounds { users: bound(OF_USERS), deliveries: bound(OF_DELIVERIES) })))
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
    pub(super) async fn lookup(&self, name: &str, asker: Asker) -> Vec<IpAddr> {
        let all = match &self.0 {
            Source::Given(addresses) => addresses(name),
            Source::System(bounds) => {
                let bound = match asker {
                    Asker::User => &bounds.users,
                    Asker::Delivery => &bounds.deliveries,
                };
                let Ok(permit) = bound.clone().acquire_owned().await else { return Vec::new() };
                ask_system(name.to_owned(), permit).await
            }
        };
        let mut seen = BTreeSet::new();
        all.into_iter().filter(|address| seen.insert(*address)).collect()
    }
}

/// Asks on a thread of its own, which nobody waits for: the system may take half a minute for a name whose servers do not
/// answer, and a server that stops must not. The permit is held until it has answered.
async fn ask_system(name: String, permit: OwnedSemaphorePermit) -> Vec<IpAddr> {
    let (told, tells) = oneshot::channel();
    let ask = move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        drop(permit);
        // Who asked may have gone.
        let _ = told.send(found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default());
    };
    match std::thread::Builder::new().name("name lookup".into()).stack_size(STACK).spawn(ask) {
        Ok(_) => tells.await.unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_knows_this_machine() {
        let resolver = Resolver::default();
        let found = resolver.lookup("localhost", Asker::User).await;
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
        // Reserved for names that do not exist (RFC 2606 section 2).
        assert_eq!(resolver.lookup("nobody.invalid", Asker::Delivery).await, Vec::<IpAddr>::new());
        let Source::System(bounds) = &resolver.0 else { panic!("not the system's") };
        assert_eq!(
            (bounds.users.available_permits(), bounds.deliveries.available_permits()),
            (OF_USERS, OF_DELIVERIES)
        );
    }

    #[tokio::test]
    async fn no_address_comes_twice() {
        let address: IpAddr = "8.8.8.8".parse().unwrap();
        let resolver = Resolver::given(move |_| vec![address, address]);
        assert_eq!(resolver.lookup("x", Asker::User).await, [address]);
    }
}
