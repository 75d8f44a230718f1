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

/// The form of a film; its pieces are kept as forms of this name with a hyphen and a number behind it.
pub const FILM: &str = "film";

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

    /// Whether all of these lie on the disk; whether they are whole is seen when they are read.
    pub async fn holds(&self, blob: BlobId, forms: Vec<String>) -> bool {
        let inner = Arc::clone(&self.inner);
        let look = move || {
            let folder = inner.folder_of(blob);
            Ok::<_, Error>(forms.iter().all(|form| folder.join(form).is_file()))
        };
        self.inner.pool.run(look).await.is_ok_and(|held| held)
    }

    /// Keeps a picture; whether it did. A full disk keeps none, which is no error.
    pub async fn put(&self, key: &Arc<UserKey>, blob: BlobId, form: &str, bytes: Bytes) -> bool {
        let (inner, key, form) = (Arc::clone(&self.inner), Arc::clone(key), form.to_owned());
        let kept = self.inner.pool.run(move || Ok(inner.write(&key, blob, form, bytes))).await;
        if let Ok(Err(error)) = &kept {
            tracing::warn!(cause = %error, "a picture cannot be kept: {error}");
        }
        if self.inner.used.load(Ordering::Relaxed) > self.inner.limit {
            self.trim().await;
        }
        matches!(kept, Ok(Ok(())))
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

    /// Bytes that may lie on the disk.
    pub fn limit(&self) -> u64 {
        self.inner.limit
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
        let mut kept: Vec<Kept> = Vec::new();
        for shard in folders_in(&self.folder)? {
            for folder in folders_in(&shard)? {
                kept.extend(kept_in(&folder));
            }
        }
        let sum = |films_only: bool| kept.iter().filter(|it| it.is_film || !films_only).map(|it| it.bytes).sum::<u64>();
        let (mut used, mut films) = (sum(false), sum(true));
        if used > self.limit {
            kept.sort_unstable_by_key(|it| it.used_at);
            // Films give way first, until they have half of the room: each is worth a thousand pictures to the disk.
            let too_many_films = films > self.limit / 2;
            let (first, second): (Vec<_>, Vec<_>) = kept.into_iter().partition(|it| it.is_film && too_many_films);
            for it in first {
                if films > self.limit / 2 || used > self.limit / 10 * 9 {
                    let freed = it.remove();
                    (used, films) = (used.saturating_sub(freed), films.saturating_sub(freed));
                }
            }
            for it in second {
                if used > self.limit / 10 * 9 {
                    used = used.saturating_sub(it.remove());
                }
            }
        }
        self.used.store(used, Ordering::Relaxed);
        Ok(())
    }
}

/// What is kept or goes as one: a picture, or a film with all its pieces.
struct Kept {
    used_at: SystemTime,
    bytes: u64,
    paths: Vec<PathBuf>,
    is_film: bool,
}

impl Kept {
    /// Removes it; returns how many bytes were freed.
    fn remove(self) -> u64 {
        let removed = self.paths.iter().filter(|path| std::fs::remove_file(path).is_ok()).count();
        // Only an empty folder goes.
        let _ = self.paths.first().and_then(|path| path.parent()).map(std::fs::remove_dir);
        if removed > 0 { self.bytes } else { 0 }
    }
}

/// What is kept of one blob. A film was used when its last piece was.
fn kept_in(folder: &Path) -> Vec<Kept> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut kept = Vec::new();
    let mut film = Kept { used_at: SystemTime::UNIX_EPOCH, bytes: 0, paths: Vec::new(), is_film: true };
    for entry in entries.flatten() {
        let Ok(about) = entry.metadata() else { continue };
        let used_at = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == FILM || name.strip_prefix(FILM).is_some_and(|rest| rest.starts_with('-')) {
            film.bytes += about.len();
            film.used_at = film.used_at.max(used_at);
            film.paths.push(entry.path());
        } else {
            kept.push(Kept { used_at, bytes: about.len(), paths: vec![entry.path()], is_film: false });
        }
    }
    if !film.paths.is_empty() {
        kept.push(film);
    }
    kept
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
