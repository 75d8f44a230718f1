//! Small pictures made from blobs, kept until the room is needed: one sealed file each under `cache/`, and the last used
//! ones opened in memory.
//! Promise: whatever is lost or damaged here reads as "not there" and can be made again; nothing lies on the disk in clear;
//! a blob that is deleted takes its pictures along. Not here: making them (`mv_app::processing`).

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use mv_core::BlobId;
use mv_core::entropy::Entropy;

use crate::error::Error;
use crate::keys::UserKey;
use crate::pool::Pool;

/// Bytes kept open in memory, in each of two generations.
const RECENT: usize = 8 * 1024 * 1024;
/// The largest picture that is kept open.
const RECENT_ONE: usize = 1024 * 1024;
/// A use is noted on the disk at most so often.
const NOTED: Duration = Duration::from_secs(3600);

/// The cache. Clones share everything.
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    limit: u64,
    used: AtomicU64,
    trimming: AtomicBool,
    made: AtomicU64,
    entropy: Arc<dyn Entropy>,
    recent: Mutex<Recent>,
    pool: Pool,
}

/// Which picture: of which blob, and which form of it (`[a-z0-9-]`).
type Name = (BlobId, String);

/// Two generations: what was not asked for while the young one filled up goes.
#[derive(Default)]
struct Recent {
    young: HashMap<Name, Bytes>,
    old: HashMap<Name, Bytes>,
    bytes: usize,
}

impl Recent {
    fn get(&mut self, name: &Name) -> Option<Bytes> {
        if let Some(bytes) = self.young.get(name) {
            return Some(bytes.clone());
        }
        let bytes = self.old.remove(name)?;
        self.put(name.clone(), bytes.clone());
        Some(bytes)
    }

    fn put(&mut self, name: Name, bytes: Bytes) {
        if bytes.len() > RECENT_ONE {
            return;
        }
        self.bytes += bytes.len();
        self.young.insert(name, bytes);
        if self.bytes > RECENT {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
    }

    fn forget(&mut self, blob: BlobId) {
        self.young.retain(|(held, _), _| *held != blob);
        self.old.retain(|(held, _), _| *held != blob);
    }
}

impl Cache {
    /// The cache in `data_dir/cache`, of at most `limit` bytes, with `threads` threads for the disk.
    ///
    /// # Errors
    /// Where the folder cannot be made, or the system gives no threads.
    pub fn open(data_dir: &Path, limit: u64, entropy: Arc<dyn Entropy>, threads: usize) -> io::Result<Self> {
        let folder = data_dir.join("cache");
        make(&folder)?;
        let pool = Pool::new(threads).map_err(io::Error::other)?;
        let (used, trimming, made) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU64::new(0));
        let inner = Inner { folder, limit, used, trimming, made, entropy, recent: Mutex::default(), pool };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A picture that is open in memory: answers at once.
    pub fn recent(&self, blob: BlobId, form: &str) -> Option<Bytes> {
        self.inner.recent.lock().unwrap_or_else(PoisonError::into_inner).get(&(blob, form.to_owned()))
    }

    /// A picture, from memory or the disk.
    pub async fn get(&self, key: &Arc<UserKey>, blob: BlobId, form: &str) -> Option<Bytes> {
        if let Some(bytes) = self.recent(blob, form) {
            return Some(bytes);
        }
        let (inner, key, form) = (Arc::clone(&self.inner), Arc::clone(key), form.to_owned());
        self.inner.pool.run(move || Ok(inner.read(&key, blob, form))).await.ok().flatten()
    }

    /// Keeps a picture. A full disk keeps none, which is no error.
    pub async fn put(&self, key: &Arc<UserKey>, blob: BlobId, form: &str, bytes: Bytes) {
        let (inner, key, form) = (Arc::clone(&self.inner), Arc::clone(key), form.to_owned());
        let kept = self.inner.pool.run(move || Ok(inner.write(&key, blob, form, bytes))).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(cause = %error, "a picture cannot be kept: {error}");
        }
        if self.inner.used.load(Ordering::Relaxed) > self.inner.limit {
            self.trim().await;
        }
    }

    /// Forgets all pictures of a blob.
    pub async fn forget(&self, blob: BlobId) {
        let inner = Arc::clone(&self.inner);
        let _: Result<(), Error> = self
            .inner
            .pool
            .run(move || {
                inner.recent.lock().unwrap_or_else(PoisonError::into_inner).forget(blob);
                let _ = std::fs::remove_dir_all(inner.folder_of(blob));
                Ok(())
            })
            .await;
    }

    /// Counts what lies on the disk and, if that is over the limit, removes what was not used for longest until a tenth
    /// of the room is free.
    pub async fn trim(&self) {
        if self.inner.trimming.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::clone(&self.inner);
        let _: Result<(), Error> = self
            .inner
            .pool
            .run(move || {
                let trimmed = inner.trim();
                inner.trimming.store(false, Ordering::Release);
                if let Err(error) = trimmed {
                    tracing::warn!(cause = %error, "the cache of pictures cannot be trimmed: {error}");
                }
                Ok(())
            })
            .await;
    }

    /// Bytes on the disk, as far as they have been counted.
    pub fn used(&self) -> u64 {
        self.inner.used.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn folder_of(&self, blob: BlobId) -> PathBuf {
        let name = blob.uuid().simple().to_string();
        self.folder.join(name.get(30..).unwrap_or_default()).join(name)
    }

    fn read(&self, key: &UserKey, blob: BlobId, form: String) -> Option<Bytes> {
        let path = self.folder_of(blob).join(&form);
        let sealed = std::fs::read(&path).ok()?;
        let Ok(plain) = key.open_rendition(blob, &form, &sealed) else {
            // Torn by a power cut, or damaged: it will be made anew.
            let _ = std::fs::remove_file(&path);
            return None;
        };
        note_use(&path);
        let bytes = Bytes::from(plain);
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).put((blob, form), bytes.clone());
        Some(bytes)
    }

    fn write(&self, key: &UserKey, blob: BlobId, form: String, bytes: Bytes) -> io::Result<()> {
        let sealed = key.seal_rendition(blob, &form, &bytes, self.entropy.as_ref()).map_err(io::Error::other)?;
        let folder = self.folder_of(blob);
        make(&folder)?;
        let draft = folder.join(format!(".{}", self.made.fetch_add(1, Ordering::Relaxed)));
        std::fs::write(&draft, &sealed)?;
        std::fs::rename(&draft, folder.join(&form))?;
        self.used.fetch_add(sealed.len() as u64, Ordering::Relaxed);
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).put((blob, form), bytes);
        Ok(())
    }

    fn trim(&self) -> io::Result<()> {
        let mut files = Vec::new();
        let mut used = 0;
        for shard in folders_in(&self.folder)? {
            for folder in folders_in(&shard)? {
                let Ok(entries) = std::fs::read_dir(&folder) else { continue };
                for entry in entries.flatten() {
                    let Ok(about) = entry.metadata() else { continue };
                    used += about.len();
                    files.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len(), entry.path()));
                }
            }
        }
        if used > self.limit {
            files.sort_unstable_by_key(|(at, ..)| *at);
            for (_, length, path) in files {
                if used <= self.limit / 10 * 9 {
                    break;
                }
                if std::fs::remove_file(&path).is_ok() {
                    used -= length;
                    // Only an empty folder goes.
                    let _ = path.parent().map(std::fs::remove_dir);
                }
            }
        }
        self.used.store(used, Ordering::Relaxed);
        Ok(())
    }
}

fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn folders_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    Ok(entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect())
}

/// The time of the last change is the time of the last use, to the hour; the cache survives a restart with its order.
fn note_use(path: &Path) {
    let Ok(file) = std::fs::File::open(path) else { return };
    let noted = file.metadata().and_then(|about| about.modified()).ok().and_then(|at| at.elapsed().ok());
    if noted.is_none_or(|age| age > NOTED) {
        let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
        let _ = rustix::fs::futimens(&file, &times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::RootKey;
    use mv_core::UserId;
    use mv_core::entropy::SystemEntropy;
    use uuid::Uuid;

    fn blob(number: u128) -> BlobId {
        BlobId::from_uuid(Uuid::from_u128(number))
    }

    fn key() -> Arc<UserKey> {
        Arc::new(RootKey::from_bytes([1; 32]).new_user_key(UserId::from_uuid(Uuid::from_u128(5)), &SystemEntropy))
    }

    fn cache(folder: &Path, limit: u64) -> Cache {
        Cache::open(folder, limit, Arc::new(SystemEntropy), 1).unwrap()
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let shards = folders_in(&folder.join("cache")).unwrap();
        let folders = shards.iter().flat_map(|shard| folders_in(shard).unwrap());
        folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect()
    }

    #[tokio::test]
    async fn pictures_come_back_sealed_and_go_with_their_blob() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, key, picture) = (cache(folder.path(), 1 << 20), key(), Bytes::from_static(b"a picture in clear"));
        kept.put(&key, blob(7), "512", picture.clone()).await;
        assert_eq!(kept.recent(blob(7), "512"), Some(picture.clone()));
        let other = cache(folder.path(), 1 << 20);
        assert_eq!(other.recent(blob(7), "512"), None, "another process has it on the disk only");
        assert_eq!(other.get(&key, blob(7), "512").await, Some(picture));
        assert_eq!(other.get(&key, blob(8), "512").await, None);
        let [path] = files(folder.path()).try_into().unwrap();
        let sealed = std::fs::read(&path).unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"picture"));
        // The file of another picture in its place is noticed.
        std::fs::write(path.with_file_name("256"), &sealed).unwrap();
        assert_eq!(other.get(&key, blob(7), "256").await, None);
        assert!(!path.with_file_name("256").exists());
        kept.forget(blob(7)).await;
        assert_eq!(kept.get(&key, blob(7), "512").await, None);
        assert!(files(folder.path()).is_empty());
    }

    #[tokio::test]
    async fn the_longest_unused_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, key) = (cache(folder.path(), 10_000), key());
        for number in 0..9u64 {
            kept.put(&key, blob(number.into()), "512", Bytes::from(vec![0; 1000])).await;
            let [path] = files(folder.path())
                .into_iter()
                .filter(|path| path.to_str().unwrap().contains(&blob(number.into()).uuid().simple().to_string()))
                .collect::<Vec<_>>()
                .try_into()
                .unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1000 + number);
            std::fs::File::open(path).unwrap().set_modified(at).unwrap();
        }
        kept.put(&key, blob(99), "512", Bytes::from(vec![0; 3000])).await;
        assert!(kept.used() <= 9000, "{}", kept.used());
        let fresh = cache(folder.path(), 10_000);
        assert_eq!(fresh.get(&key, blob(0), "512").await, None);
        assert!(fresh.get(&key, blob(8), "512").await.is_some());
        assert!(fresh.get(&key, blob(99), "512").await.is_some());
    }
}
