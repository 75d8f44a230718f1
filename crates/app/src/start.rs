//! From an open database and an open blob store to an `App`: the vault's id and the root key are checked before
//! anything is touched.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use mv_blobs::{Blobs, Cache, RootKey};
use mv_core::entropy::Entropy;
use mv_core::{Clock, Mint};
use mv_store::{Store, blobs, vault};
use uuid::Uuid;

use crate::auth::cache::AccessCache;
use crate::auth::key_uses::KeyUses;
use crate::auth::passwords::Passwords;
use crate::auth::throttle::Throttle;
use crate::auth::tokens::{JwtKeys, Tokens};
use crate::events::dispatch::Progress;
use crate::idempotency::Running;
use crate::keyring::Keyring;
use crate::limits::Limiter;
use crate::mail::{Outbox, Smtp};
use crate::media::cursor::Cursors;
use crate::media::links::Links;
use crate::net::Outgoing;
use crate::processing::Processing;
use crate::webhook_secrets::Secrets;
use crate::webhooks::Signal;
use crate::{App, Error, Options, Result};

/// Everything an `App` is made of.
pub struct Parts {
    /// The records.
    pub store: Store,
    /// The bytes.
    pub blobs: Blobs,
    /// The key above all others, checked by `check_root_key`.
    pub root_key: RootKey,
    /// What signs access tokens.
    pub jwt_keys: JwtKeys,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What the operator decided.
    pub options: Options,
    /// The mail server, if there is one.
    pub smtp: Option<Smtp>,
    /// Pictures made from blobs.
    pub cache: Cache,
    /// What reaches the addresses that users name.
    pub outgoing: Outgoing,
}

/// The name of the root key's check value in the database.
pub(crate) const ROOT_KEY_CHECK: &str = "root_key_check";

/// The root key does not belong to this database.
#[derive(Debug, thiserror::Error)]
#[error(
    "the root key (fingerprint {fingerprint}) is not the one that this database was made with: without the right one nothing can be read"
)]
pub struct WrongRootKey {
    fingerprint: String,
}

/// The vault's id, made at the first start.
pub async fn vault_id(store: &Store, mint: &Mint) -> Result<Uuid> {
    let fresh = mint.id::<mv_core::id::BlobKind>().uuid();
    let held = store.write(move |tx| vault::get_or_insert(tx, "vault_id", fresh.as_bytes())).await?;
    Uuid::from_slice(&held).map_err(Error::internal)
}

/// Whether the database knows no blob yet: only then may the blob folder be new.
pub async fn has_no_blobs(store: &Store) -> Result<bool> {
    Ok(!store.read(blobs::exist).await?)
}

/// Whether the database was made with a root key already: then a missing key file must not be made anew.
pub async fn has_root_key(store: &Store) -> Result<bool> {
    let held: Option<Vec<u8>> = store.read(|db| vault::get(db, ROOT_KEY_CHECK)).await?;
    Ok(held.is_some())
}

/// Whether this is the root key of the database, which has one.
pub async fn is_root_key(store: &Store, key: &RootKey) -> Result<bool> {
    let held: Option<Vec<u8>> = store.read(|db| vault::get(db, ROOT_KEY_CHECK)).await?;
    Ok(held.is_some_and(|held| key.matches(&held)))
}

/// Compares the root key with the check value in the database, which is written at the first start.
pub async fn check_root_key(store: &Store, key: &RootKey) -> Result<()> {
    let value = key.check_value();
    let held = store.write(move |tx| vault::get_or_insert(tx, ROOT_KEY_CHECK, &value)).await?;
    if key.matches(&held) { Ok(()) } else { Err(Error::internal(WrongRootKey { fingerprint: key.fingerprint() })) }
}

impl App {
    /// The product over its parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { store, blobs, root_key, jwt_keys, clock, entropy, options, smtp, cache, outgoing } = parts;
        Arc::new(Self {
            mint: Mint::new(clock.clone(), entropy.clone()),
            throttle: Throttle::new(&root_key),
            tokens: Tokens::new(jwt_keys, &root_key),
            access: AccessCache::for_store(&store),
            watches: Arc::default(),
            key_uses: KeyUses::default(),
            passwords: Passwords::new(options.password_threads, entropy.clone()),
            links: Arc::new(Links::new(&root_key, &options.public_url)),
            running: Running::default(),
            limiter: Limiter::local(options.limits, clock.clone()),
            segments: AtomicU64::new(0),
            started: clock.mono(),
            answers: Arc::new(root_key.subkey("idempotent-answers").sealer()),
            cursors: Cursors::new(&root_key),
            hub: Arc::default(),
            dispatched: Progress::default(),
            outgoing,
            webhook_secrets: Secrets::new(&root_key),
            deliverer: Signal::default(),
            processing: Processing::new(options.processing.clone(), cache),
            keyring: Keyring::new(root_key),
            mail: smtp.map(Outbox::new),
            store,
            blobs,
            clock,
            entropy,
            options,
        })
    }
}
