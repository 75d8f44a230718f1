//! Films and songs that browsers cannot play, made anew as MP4 in the background: a request puts a job into the queue, the
//! job has ffmpeg write fragments, which are kept in pieces as they come, and a worker finds the index that goes before them.
//! Promise: whole or not there; a file that cannot be made so is not tried with every request. The film is a cached
//! picture like others (`mv_blobs::Cache`): sealed, and made again where the room was needed.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use mv_blobs::{Cache, UserKey};
use mv_core::access::Need;
use mv_core::examined::Status;
use mv_core::job::{Job, JobKind, Retry};
use mv_core::media::Media;
use mv_core::mime::MediaType;
use mv_core::{BlobId, Caller, Code, Error, MediaId, Timestamp};
use mv_media::video::{self, Probed};
use mv_media::worker::program::Output;
use mv_media::worker::{self, Failure, Feed};
use mv_store::{Conn, Tx, jobs, media};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::WALL;
use super::programs::{LONG, format_of, said};
use super::settle::is_lost;
use crate::auth::access::media_for;
use crate::limits::{Class, Key};
use crate::media::film::{Film, PIECE, piece_name};
use crate::media::links::Moving;
use crate::media::read::{Original, manifest_of};
use crate::{App, Result};

/// What the cache calls a film's account.
const NAME: &str = mv_blobs::FILM;
/// When to ask again for a film that is being made.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

/// What there is to play of an item.
pub enum Playback {
    /// Browsers play it as it is.
    Original(Box<Original>),
    /// A film that was made of it.
    Film(Film),
    /// It is being made; ask again after so long.
    Making(std::time::Duration),
}

/// What is kept of a film, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Account {
    /// Bytes before the pieces, bytes in them.
    Made { head: u64, pieces: u64 },
    /// For people.
    Failed(String),
}

fn head_name() -> String {
    format!("{NAME}-head")
}

fn not_playable(message: impl Into<std::borrow::Cow<'static, str>>) -> crate::Error {
    Error::new(Code::NotFound, message).into()
}

impl App {
    /// What there is to play of the caller's item; where that must first be made, it is now.
    ///
    /// # Errors
    /// `not_found` where the item is not there or cannot be played; `rate_limited`.
    pub async fn playback(&self, caller: &Caller, id: MediaId) -> Result<Playback> {
        let asked = *caller;
        let media = self.store.read(move |db: &Conn| media_for(db, &asked, id, Need::Content)).await?;
        self.playback_of(media).await
    }

    /// The same for whoever holds a link. Returns also when the link ends.
    ///
    /// # Errors
    /// As of `playback`; `unauthorized` where the link is not genuine or has ended.
    pub async fn playback_by_link(&self, id: MediaId, token: &str) -> Result<(Playback, Timestamp)> {
        let (media, ends) = self.media_by_link(id, Moving::Playback.as_str(), token).await?;
        Ok((self.playback_of(media).await?, ends))
    }

    async fn playback_of(&self, media: Media) -> Result<Playback> {
        if !matches!(media.media_type, MediaType::Video | MediaType::Audio) {
            return Err(not_playable("Nothing moves or sounds in this item"));
        }
        if media.examined.status == Status::Processing {
            return Ok(Playback::Making(ASK_AGAIN));
        }
        if plays(&media) {
            return Ok(Playback::Original(Box::new(self.original_of(&media).await?)));
        }
        let key = self.keyring.of(&self.store, media.owner_id).await?;
        match self.film(&key, &media).await {
            Some(Ok(film)) => return Ok(Playback::Film(film)),
            Some(Err(why)) => return Err(not_playable(why)),
            None => {}
        }
        if self.processing.tools().ffmpeg.is_none() || self.processing.tools().ffprobe.is_none() {
            return Err(not_playable("Browsers cannot play this file, and the server has no ffmpeg"));
        }
        if !self.processing.trusted() {
            return Err(not_playable("Browsers cannot play this file, and the server may not make another of it now"));
        }
        self.ask_for_film(&media).await?;
        Ok(Playback::Making(ASK_AGAIN))
    }

    /// The film in the cache, why there will be none, or nothing known.
    async fn film(&self, key: &Arc<UserKey>, media: &Media) -> Option<std::result::Result<Film, String>> {
        let (cache, blob) = (self.processing.cache(), media.blob_id);
        let account = cache.get(key, blob, NAME).await?;
        let (head, pieces) = match serde_json::from_slice(&account).ok()? {
            Account::Failed(why) => return Some(Err(why)),
            Account::Made { head, pieces } => (head, pieces),
        };
        let count = pieces.div_ceil(PIECE as u64);
        if !cache.holds(blob, (0..count).map(piece_name).collect()).await {
            return None;
        }
        let head = cache.get(key, blob, &head_name()).await.filter(|bytes| bytes.len() as u64 == head)?;
        Some(Ok(Film::new(media.clone(), (cache.clone(), Arc::clone(key)), head, pieces)))
    }

    /// Puts the job into the queue, where it is not there yet.
    async fn ask_for_film(&self, media: &Media) -> Result<()> {
        let (id, kind) = (media.id, JobKind::Playback);
        if self.store.read(move |db: &Conn| jobs::is_queued(db, id, kind)).await? {
            return Ok(());
        }
        let decision = self.limiter.check(Key { class: Class::Rendering, who: media.owner_id.uuid().as_u128() }).await;
        if !decision.allowed {
            let wait = std::time::Duration::from_secs(u64::from(decision.reset));
            return Err(Error::new(Code::RateLimited, "Too many pictures had to be made").retry_after(wait).into());
        }
        let job = Job {
            id: self.mint.id(),
            owner_id: media.owner_id,
            media_id: media.id,
            kind,
            anew: false,
            attempts: 0,
            interruptions: 0,
            created_at: self.now(),
        };
        self.store.write(move |tx: &Tx| jobs::enqueue(tx, &job)).await?;
        self.processing.wake();
        Ok(())
    }

    /// Runs a job: makes the film, and keeps it or why it could not be made.
    pub(super) async fn make_film(&self, job: &Job) -> Result<()> {
        let (owner, id) = (job.owner_id, job.media_id);
        let read = move |db: &Conn| -> Result<_> {
            let Some(media) = media::find_for(db, owner, id)? else { return Ok(None) };
            let manifest = manifest_of(db, &media)?;
            Ok(Some((media, manifest)))
        };
        // An item that is gone took its job along.
        let Some((media, manifest)) = self.store.read(read).await? else { return Ok(()) };
        let key = self.keyring.of(&self.store, media.owner_id).await?;
        let blob = media.blob_id;
        let outcome = if job.is_spent() {
            Err(Failure::Killed)
        } else if self.film(&key, &media).await.is_some() {
            Ok(None)
        } else {
            match self.original(media, manifest).await {
                Ok(original) => self.transcode(&original, &key).await.map(Some),
                Err(error) => Err(Failure::Unread(std::io::Error::other(error))),
            }
        };
        let account = match outcome {
            Ok(account) => account,
            Err(failure) => match self.film_failed(job, &failure).await? {
                None => return Ok(()),
                Some(account) => Some(account),
            },
        };
        if let Some(account) = account {
            let text = serde_json::to_vec(&account).map_err(crate::Error::internal)?;
            self.processing.cache().put(&key, blob, NAME, Bytes::from(text)).await;
        }
        let id = job.id;
        self.store.write(move |tx: &Tx| jobs::finish_any(tx, id)).await?;
        Ok(())
    }

    /// A run that gave nothing: put off, or given up with what to say of it.
    async fn film_failed(&self, job: &Job, failure: &Failure) -> Result<Option<Account>> {
        let chain = crate::chain(failure);
        tracing::warn!(media.id = %job.media_id, cause = %chain, "no film could be made of {}: {chain}", job.media_id);
        let (retry, interrupted) = match failure {
            Failure::Start(_) => (Retry::After(ASK_AGAIN), true),
            Failure::Unread(error) if !is_lost(error) => (Retry::After(ASK_AGAIN), true),
            Failure::Unread(_) => (Retry::Never, false),
            Failure::Killed => (job.after_interruption(), true),
            _ => (job.after_failure(), false),
        };
        let Retry::After(wait) = retry else {
            return Ok(Some(Account::Failed(
                "Browsers cannot play this file, and no other could be made of it".to_owned(),
            )));
        };
        let (id, due) = (job.id, self.now().plus(wait));
        self.store.write(move |tx: &Tx| jobs::put_off_any(tx, id, due, interrupted)).await?;
        Ok(None)
    }

    async fn transcode(&self, original: &Original, key: &Arc<UserKey>) -> std::result::Result<Account, Failure> {
        let unfit = || Ok(Account::Failed("ffmpeg cannot read this file".to_owned()));
        let tools = self.processing.tools();
        let (Some(ffmpeg), Some(format)) = (&tools.ffmpeg, format_of(&original.media.mime_type)) else {
            return unfit();
        };
        let file = self.file_of(original, format).await?;
        let Some(probed) = self.probe(&file).await? else { return unfit() };
        let threads = self.processing.options.jobs;
        let Some(arguments) = video::film_arguments(format, file.way(), &probed, threads) else { return unfit() };
        let (send, mut pieces) = mpsc::channel(4);
        let cache = self.processing.cache();
        let blob = original.media.blob_id;
        let running = self.run_program_within(LONG, ffmpeg, arguments, file.input(), Output::Pieces(send));
        let (ran, kept) = tokio::join!(running, keep(cache, key, blob, &mut pieces));
        let Kept::All(bytes) = kept else {
            let why = if kept == Kept::TooMuch {
                "The film is longer than what can be kept"
            } else {
                "The film could not be kept"
            };
            return Ok(Account::Failed(why.to_owned()));
        };
        let ran = ran?;
        if !ran.success || bytes == 0 {
            said(&ran);
            return unfit();
        }
        let (answer, blob) = (self.index(cache, key, blob, bytes).await?, blob);
        let Some(head) = answer.made.into_iter().next().map(|made| Bytes::from(made.bytes)) else { return unfit() };
        let account = Account::Made { head: head.len() as u64, pieces: bytes };
        let kept = cache.put(key, blob, &head_name(), head).await;
        Ok(if kept { account } else { Account::Failed("The film could not be kept".to_owned()) })
    }

    async fn index(
        &self,
        cache: &Cache,
        key: &Arc<UserKey>,
        blob: BlobId,
        bytes: u64,
    ) -> std::result::Result<worker::Answer, Failure> {
        let (cache, key) = (cache.clone(), Arc::clone(key));
        let feed: Feed = Arc::new(move |at, len| {
            let (cache, key) = (cache.clone(), Arc::clone(&key));
            Box::pin(async move {
                let from = usize::try_from(at % PIECE as u64).unwrap_or(0);
                let piece = cache.get(&key, blob, &piece_name(at / PIECE as u64)).await;
                let piece = piece.ok_or_else(|| std::io::Error::other("a piece of the film is gone"))?;
                Ok(piece.slice(from.min(piece.len())..from.saturating_add(len).min(piece.len())))
            })
        });
        self.processing.pool.run(worker::Job::Index, bytes, feed, WALL).await
    }

    /// What ffprobe tells of a file; nothing where it is none for ffmpeg.
    pub(super) async fn probe(&self, file: &super::programs::File) -> std::result::Result<Option<Probed>, Failure> {
        let Some(ffprobe) = &self.processing.tools().ffprobe else { return Ok(None) };
        let Some(arguments) = video::probe_arguments(file.format, file.way()) else { return Ok(None) };
        let ran = self.run_program(ffprobe, arguments, file.input(), Output::Bytes(1024 * 1024)).await?;
        let probed = video::read_probe(&ran.stdout).filter(|_| ran.success);
        if probed.is_none() {
            said(&ran);
        }
        Ok(probed)
    }
}

/// How the keeping of a film's pieces ended.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    /// All of so many bytes.
    All(u64),
    /// There were more than there is room for.
    TooMuch,
    /// The disk took one not.
    No,
}

/// Keeps a film's pieces as they come. To stop taking them ends the program.
async fn keep(cache: &Cache, key: &Arc<UserKey>, blob: BlobId, from: &mut mpsc::Receiver<Bytes>) -> Kept {
    let (mut open, mut bytes, mut number) = (BytesMut::with_capacity(PIECE), 0u64, 0u64);
    let mut last = false;
    while !last {
        match from.recv().await {
            Some(part) => open.extend_from_slice(&part),
            None => last = true,
        }
        while open.len() >= PIECE || (last && !open.is_empty()) {
            let piece = open.split_to(open.len().min(PIECE)).freeze();
            bytes += piece.len() as u64;
            if bytes > cache.limit() / 2 {
                from.close();
                return Kept::TooMuch;
            }
            if !cache.put(key, blob, &piece_name(number), piece).await {
                from.close();
                return Kept::No;
            }
            number += 1;
        }
    }
    Kept::All(bytes)
}

/// Whether browsers play an item as it is.
fn plays(media: &Media) -> bool {
    let facts = media.examined.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let mv_core::facts::Facts { video, audio, .. } = facts.unwrap_or_default();
    let of = |codec: &Option<String>| codec.clone();
    let (moving, sound) = (video.as_ref().and_then(|it| of(&it.codec)), audio.as_ref().and_then(|it| of(&it.codec)));
    let depth = video.and_then(|it| it.bit_depth);
    video::plays_everywhere(&media.mime_type, moving.as_deref(), depth, sound.as_deref())
}
