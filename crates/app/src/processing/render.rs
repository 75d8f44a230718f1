//! Small pictures of items, made at need and kept: thumbnails in three sizes, and renditions in any.
//! Promise: of many who ask for the same picture at once, one has it made; what must first be made is counted against its
//! owner, so that a flood of odd sizes ends. Not here: what a link is good for (`media::links`), HTTP (`http`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use mv_blobs::UserKey;
use mv_core::examined::Status;
use mv_core::media::Media;
use mv_core::{BlobId, Caller, Code, Error, MediaId, Timestamp};
use mv_media::worker::{self, Failure, Pixels, feed_of_bytes};
use mv_store::Conn;
use tokio::sync::OnceCell;

use super::WALL;
use super::examine::feed_of;
use crate::auth::access::media_for;
use crate::limits::{Class, Key};
use crate::media::read::{Original, manifest_of};
use crate::pictures::{Ask, Fit, Params, THUMBNAILS};
use crate::{App, Result};

/// A picture of an item.
#[derive(Debug, Clone)]
pub struct Rendition {
    /// The item.
    pub media: Media,
    /// The picture.
    pub bytes: Bytes,
    /// Its type.
    pub mime_type: &'static str,
}

type Flight = OnceCell<std::result::Result<Bytes, Arc<crate::Error>>>;

/// Pictures that are being made.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<(BlobId, String), Weak<Flight>>>);

impl Flights {
    /// The flight of a picture: the one under way, or a new one.
    fn join(&self, blob: BlobId, form: &str) -> Arc<Flight> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| flight.strong_count() > 0);
        let place = flights.entry((blob, form.to_owned())).or_default();
        place.upgrade().unwrap_or_else(|| {
            let flight = Arc::new(Flight::new());
            *place = Arc::downgrade(&flight);
            flight
        })
    }
}

pub(super) fn no_picture() -> Error {
    Error::new(Code::NotFound, "There is no picture of this item")
}

impl App {
    /// A picture of the caller's item.
    ///
    /// # Errors
    /// `not_found` where the item or a picture of it is not there; `rate_limited`.
    pub async fn rendition(&self, caller: &Caller, id: MediaId, ask: &Ask) -> Result<Rendition> {
        let asked = *caller;
        let media = self.store.read(move |db: &Conn| media_for(db, &asked, id, mv_core::access::Need::Content)).await?;
        self.rendition_of(media, ask).await
    }

    /// A picture of an item for whoever holds a link to it. Returns also when the link ends.
    ///
    /// # Errors
    /// As of `rendition`; `unauthorized` where the link is not genuine or has ended.
    pub async fn rendition_by_link(&self, id: MediaId, token: &str, ask: &Ask) -> Result<(Rendition, Timestamp)> {
        let (media, ends) = self.media_by_link(id, &ask.link_name(), token).await?;
        Ok((self.rendition_of(media, ask).await?, ends))
    }

    async fn rendition_of(&self, media: Media, ask: &Ask) -> Result<Rendition> {
        let (blob, name) = (media.blob_id, ask.name());
        if let Some(bytes) = self.processing.cache.recent(blob, &name) {
            return rendition(media, ask, bytes);
        }
        let key = self.keyring.of(&self.store, media.owner_id).await?;
        if let Some(bytes) = self.processing.cache.get(&key, blob, &name).await {
            return rendition(media, ask, bytes);
        }
        let waits = media.examined.status == Status::Processing;
        let pictured = media.examined.pictured || waits || *ask == Ask::Waveform;
        if !pictured || !self.processing.trusted() {
            return Err(no_picture().into());
        }
        let flight = self.processing.flights.join(blob, &name);
        let made = flight.get_or_init(|| async { self.fly(&key, &media, ask).await.map_err(Arc::new) }).await;
        match made {
            Ok(bytes) => rendition(media, ask, bytes.clone()),
            Err(error) => Err(again(error)),
        }
    }

    /// Makes a picture, in turn.
    async fn fly(&self, key: &Arc<UserKey>, media: &Media, ask: &Ask) -> Result<Bytes> {
        let decision = self.limiter.check(Key { class: Class::Rendering, who: media.owner_id.uuid().as_u128() }).await;
        if !decision.allowed {
            let wait = std::time::Duration::from_secs(u64::from(decision.reset));
            return Err(Error::new(Code::RateLimited, "Too many pictures had to be made").retry_after(wait).into());
        }
        let _turn = self.processing.turns.acquire().await.map_err(crate::Error::internal)?;
        let name = ask.name();
        // Whoever had the turn before may have made it.
        if let Some(bytes) = self.processing.cache.get(key, media.blob_id, &name).await {
            return Ok(bytes);
        }
        match ask {
            Ask::Thumbnail(_) => self.thumbnail_anew(key, media, &name).await,
            Ask::Render { params, .. } => self.keep(key, media, &name, self.draw(key, media, params).await?).await,
            Ask::Storyboard => self.keep(key, media, &name, self.storyboard(media).await?).await,
            Ask::Waveform => self.keep(key, media, &name, self.waveform(media).await?).await,
        }
    }

    async fn keep(&self, key: &Arc<UserKey>, media: &Media, name: &str, bytes: Bytes) -> Result<Bytes> {
        self.processing.cache.put(key, media.blob_id, name, bytes.clone()).await;
        Ok(bytes)
    }

    /// Thumbnails that the cache has let go, or that were not made yet: all three, as an examination makes them.
    async fn thumbnail_anew(&self, key: &Arc<UserKey>, media: &Media, name: &str) -> Result<Bytes> {
        let original = self.original_of(media).await?;
        let findings = self.look_at(&original).await.map_err(refused)?;
        let mut wanted = None;
        for picture in findings.made {
            let bytes = Bytes::from(picture.bytes);
            self.processing.cache.put(key, media.blob_id, &picture.name, bytes.clone()).await;
            if picture.name == name {
                wanted = Some(bytes);
            }
        }
        wanted.ok_or_else(|| no_picture().into())
    }

    /// A rendition: from the smallest thumbnail that is large enough by half, else from the original.
    async fn draw(&self, key: &Arc<UserKey>, media: &Media, params: &Params) -> Result<Bytes> {
        let wanted = params.width.max(params.height).unwrap_or(u32::MAX);
        let covers = params.fit == Fit::Cover && params.width.is_some() && params.height.is_some();
        for size in THUMBNAILS {
            // The shorter side must be enough for a box that is to be filled.
            if covers || params.animated || u64::from(size) * 2 < u64::from(wanted) * 3 {
                continue;
            }
            if let Some(bytes) = self.processing.cache.get(key, media.blob_id, &size.to_string()).await {
                return self.draw_from(bytes, params).await;
            }
        }
        let original = self.original_of(media).await?;
        let (size, feed) = (original.reader.size(), feed_of(&original.reader));
        let job = worker::Job::Render(Pixels::File, params.clone());
        let answer = self.processing.pool.run(job, size, feed, WALL).await.map_err(refused)?;
        if let Some(picture) = answer.made.into_iter().next() {
            return Ok(Bytes::from(picture.bytes));
        }
        // No decoder in the worker: the largest thumbnail is what there is.
        let largest = THUMBNAILS[THUMBNAILS.len() - 1].to_string();
        let bytes = match self.processing.cache.get(key, media.blob_id, &largest).await {
            Some(bytes) => bytes,
            None => self.thumbnail_anew(key, media, &largest).await?,
        };
        self.draw_from(bytes, params).await
    }

    async fn draw_from(&self, picture: Bytes, params: &Params) -> Result<Bytes> {
        let job = worker::Job::Render(Pixels::Upright, params.clone());
        let length = picture.len() as u64;
        let answer = self.processing.pool.run(job, length, feed_of_bytes(picture), WALL).await.map_err(refused)?;
        answer.made.into_iter().next().map(|made| Bytes::from(made.bytes)).ok_or_else(|| no_picture().into())
    }

    /// The bytes of an item that may be read already.
    pub(super) async fn original_of(&self, media: &Media) -> Result<Original> {
        let asked = media.clone();
        let manifest = self.store.read(move |db: &Conn| manifest_of(db, &asked)).await?;
        self.original(media.clone(), manifest).await
    }
}

/// A worker that gave nothing: the server's trouble, or the file's.
pub(super) fn refused(failure: Failure) -> crate::Error {
    match failure {
        Failure::Start(_) | Failure::Killed => crate::Error::Unavailable(Box::new(failure)),
        Failure::Unread(error) => crate::Error::internal(error),
        Failure::TooLong | Failure::Memory | Failure::Forbidden | Failure::Crashed(_) => no_picture().into(),
    }
}

/// The error of a flight, for each who was on it.
fn again(error: &Arc<crate::Error>) -> crate::Error {
    match error.as_ref() {
        crate::Error::Api(error) => error.clone().into(),
        crate::Error::Unavailable(_) => crate::Error::Unavailable(crate::chain(error.as_ref()).into()),
        _ => crate::Error::internal(crate::chain(error.as_ref())),
    }
}

fn rendition(media: Media, ask: &Ask, bytes: Bytes) -> Result<Rendition> {
    if *ask == Ask::Waveform {
        return Ok(Rendition { media, bytes, mime_type: "application/json" });
    }
    let head = bytes.get(..bytes.len().min(mv_media::HEAD_BYTES)).unwrap_or_default();
    let mime_type = mv_media::sniff(head, head.len() == bytes.len()).mime;
    Ok(Rendition { media, bytes, mime_type })
}
