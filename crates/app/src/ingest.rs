//! **The one door by which bytes become an item** (reliability: U0 to U10). Every kind of upload ends here.
//! Promise: one pass over the bytes; nothing is acknowledged before file, name and row are durable; whatever fails
//! leaves nothing that a user could see.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use mv_blobs::{Expect, Incoming, Manifest, NewBlob, Segment, Stored};
use mv_core::collection::Collection;
use mv_core::entropy::Entropy;
use mv_core::event::Happened;
use mv_core::examined::{Examined, Status};
use mv_core::filename::FileName;
use mv_core::id::SegmentKind;
use mv_core::job::{Job, JobKind};
use mv_core::media::{Labels, Media};
use mv_core::taken::{Taken, TakenSource};
use mv_core::upload_token::UploadToken;
use mv_core::{Caller, Checksum, Code, CollectionId, Error, EventId, JobId, SegmentId, Timestamp};
use mv_store::blobs::{BlobRow, SegmentRow};
use mv_store::idempotency::Key;
use mv_store::{Tx, blobs, collection_media, collections, events, jobs, media, tombstones, usage, users};

use uuid::Uuid;

use crate::auth::access::collection_to_change;
use crate::error::taken as unique;
use crate::idempotency::{Keeping, Retry, keep, place};
use crate::media::ItemView;
use crate::media::edit::EXTERNAL_ID;
use crate::media::links::Links;
use crate::{App, Result, upload_rights};

/// What the client says of the bytes; every part is checked already.
#[derive(Debug, Clone, Default)]
pub struct UploadFields {
    /// The file's name; without one it is named after its type.
    pub filename: Option<FileName>,
    /// What people say of it.
    pub labels: Labels,
    /// When it was taken by the clock on the wall; the owner's zone tells the instant.
    pub taken_at_local: Option<String>,
    /// Where it goes as well.
    pub collection_id: Option<CollectionId>,
    /// What the bytes must be.
    pub checksum: Option<Checksum>,
    /// Answer with the caller's own item where it has these bytes already.
    pub existing: bool,
    /// Refuse bytes that the caller once deleted.
    pub reject_deleted: bool,
}

/// What a request says of its length before its body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// The file has exactly so many bytes.
    Exactly(u64),
    /// The file has at least so many bytes.
    AtLeast(u64),
    /// Nothing.
    Nothing,
}

impl Announced {
    const fn least(self) -> u64 {
        match self {
            Self::Exactly(length) | Self::AtLeast(length) => length,
            Self::Nothing => 0,
        }
    }

    const fn exact(self) -> Option<u64> {
        match self {
            Self::Exactly(length) => Some(length),
            Self::AtLeast(_) | Self::Nothing => None,
        }
    }
}

/// Writes the answer that is kept under an `Idempotency-Key`; the item is new, or was there already.
pub type Render = Arc<dyn Fn(&ItemView, Novelty) -> Vec<u8> + Send + Sync>;

/// Whether an upload made its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// It did.
    New,
    /// The item was there.
    Existing,
}

/// What came of an upload.
pub enum Uploaded {
    /// A new item.
    New(ItemView),
    /// The caller's own item that had these bytes already.
    Existing(ItemView),
    /// The answer that the first try with the same key got.
    Replayed(Vec<u8>),
}

/// An upload under way.
pub struct Receiving {
    sink: Sink,
    digest: Option<Context>,
    retry: Option<Retry>,
    limit: u64,
    received: u64,
}

enum Sink {
    /// Into the store.
    Store(Box<Incoming>),
    /// A retry that was answered already: only compared.
    Compare,
}

impl App {
    /// Begins an upload (U0): refused at once where its declared length cannot fit.
    ///
    /// # Errors
    /// `payload_too_large`, `quota_exceeded`, `insufficient_storage` by the declared length; `forbidden` where an upload
    /// token is used up.
    pub async fn begin_upload(&self, caller: &Caller, announced: Announced, retry: Option<Retry>) -> Result<Receiving> {
        mv_blobs::failpoint::hit("C0");
        let limit = self.options().max_upload_bytes;
        if announced.least() > limit {
            return Err(Error::new(Code::PayloadTooLarge, "The file is larger than this server takes").into());
        }
        if retry.as_ref().is_some_and(Retry::answered) {
            return Ok(Receiving {
                sink: Sink::Compare,
                digest: Some(Context::new(&SHA256)),
                retry,
                limit,
                received: 0,
            });
        }
        let bound = self.token_limit(caller, announced.least()).await?;
        let limit = bound.map_or(limit, |most| most.min(limit));
        if announced.least() > CHECK_AHEAD {
            self.check_room(caller, announced.least()).await?;
        }
        let key = self.keyring.of(&self.store, caller.user()).await?;
        let new = NewBlob { blob: self.mint.id(), segment: self.segment_id(), key, declared: announced.exact(), limit };
        Ok(Receiving { sink: Sink::Store(Box::new(self.blobs.begin(new)?)), digest: None, retry, limit, received: 0 })
    }

    /// A segment's id. Its last byte names the folder (reliability: U5): uploads that come together share one, so that
    /// one sync of the folder serves many of them; in the long run all folders fill alike.
    pub(crate) fn segment_id(&self) -> SegmentId {
        let slot = self.segments.fetch_add(1, Ordering::Relaxed) / UPLOADS_A_FOLDER;
        let mut bytes = *self.mint.id::<SegmentKind>().uuid().as_bytes();
        if let Some(last) = bytes.last_mut() {
            *last = slot as u8;
        }
        SegmentId::from_uuid(Uuid::from_bytes(bytes))
    }

    async fn check_room(&self, caller: &Caller, length: u64) -> Result<()> {
        let who = caller.user();
        let (user, held) =
            self.store.read(move |db| -> Result<_> { Ok((users::find(db, who)?, usage::of(db, who)?)) }).await?;
        if let Some(quota) = user.and_then(|user| user.quota_bytes)
            && held.bytes.saturating_add(held.trash_bytes).saturating_add(length) > quota
        {
            return Err(over_quota(caller, held.trash_bytes).into());
        }
        let space = self.blobs.space().await?;
        if length > space.free_bytes {
            return Err(Error::new(Code::InsufficientStorage, "The server's storage is full").into());
        }
        Ok(())
    }

    /// Ends an upload: the bytes become durable (U3 to U6), then the item with all that belongs to it, in one
    /// transaction (U7, U8).
    ///
    /// # Errors
    /// `checksum_mismatch`, `quota_exceeded`, `conflict`, `previously_deleted`, `validation_error` on `collection_id` or on
    /// what the caller may not say, `forbidden`.
    pub async fn finish_upload(
        &self,
        caller: &Caller,
        receiving: Receiving,
        fields: UploadFields,
        render: Render,
    ) -> Result<Uploaded> {
        upload_rights::check(caller, &fields)?;
        let Receiving { sink, digest, retry, .. } = receiving;
        let incoming = match sink {
            Sink::Store(incoming) => incoming,
            Sink::Compare => return self.compare(digest, retry, &fields),
        };
        let expect = Expect { sha256: fields.checksum.map(|checksum| checksum.0), length: None };
        let stored = incoming.finish(expect).await?;
        let keeping = retry
            .as_ref()
            .map(|retry| Keeping { key: retry.key.clone(), fingerprint: fields.fingerprint(&stored.sha256) });
        let segment = stored.segment.id;
        let committed = self.commit(caller, stored, fields, keeping, render).await;
        let outcome = match committed {
            Ok(Committed::New(view)) => return Ok(Uploaded::New(view)),
            Ok(Committed::Redundant(view)) => Ok(Uploaded::New(view)),
            Ok(Committed::Existing(view)) => Ok(Uploaded::Existing(view)),
            Ok(Committed::Replayed(answer)) => Ok(Uploaded::Replayed(answer)),
            // The outcome of a lost commit is unknown: its file stays for the sweep to judge.
            Err(error @ crate::Error::Unavailable(_)) => return Err(error),
            Err(error) => Err(error),
        };
        if let Err(error) = self.blobs.discard(segment).await {
            tracing::warn!(segment.id = %segment, cause = %crate::chain(&error), "redundant {segment} stays for the sweep");
        }
        outcome
    }

    fn compare(&self, digest: Option<Context>, retry: Option<Retry>, fields: &UploadFields) -> Result<Uploaded> {
        let mut sha256 = [0u8; 32];
        if let Some(context) = digest {
            sha256.copy_from_slice(context.finish().as_ref());
        }
        let retry = retry.ok_or_else(|| crate::Error::internal("a comparison without a key"))?;
        let answer = self.replay(&retry, &fields.fingerprint(&sha256))?;
        answer.map(Uploaded::Replayed).ok_or_else(|| crate::Error::internal("a comparison without an answer"))
    }

    async fn commit(
        &self,
        caller: &Caller,
        stored: Stored,
        fields: UploadFields,
        keeping: Option<Keeping>,
        render: Render,
    ) -> Result<Committed> {
        let owner = caller.user();
        let key = self.keyring.of(&self.store, owner).await?;
        let plan = Plan::new(self, caller, &key, &stored, fields)?;
        let answered = keeping.as_ref().map(|keeping| (keeping.key.clone(), keeping.fingerprint));
        let maker = Maker {
            key: key.clone(),
            caller: *caller,
            render,
            links: self.links.clone(),
            answers: self.answers.clone(),
            entropy: self.entropy.clone(),
        };
        let written = self
            .store
            .write(move |tx: &Tx| -> Result<Written> {
                let written = plan.write(tx)?;
                if let Some(keeping) = &keeping {
                    keep(tx, keeping, maker.sealed(&keeping.key, &written, plan.now)?, plan.now)?;
                }
                mv_blobs::failpoint::hit("C7");
                Ok(written)
            })
            .await;
        mv_blobs::failpoint::hit("C8");
        self.processing.wake();
        let view = |item| self.view(&key, caller, item, self.now());
        match (written, answered) {
            (Ok(Written::New(item)), _) if item.blob_id == stored.blob => Ok(Committed::New(view(item)?)),
            (Ok(Written::New(item)), _) => Ok(Committed::Redundant(view(item)?)),
            (Ok(Written::Existing(item)), _) => Ok(Committed::Existing(view(item)?)),
            (Err(crate::Error::KeyTaken), Some((key, fingerprint))) => {
                self.answer_of_other(key, fingerprint).await.map(Committed::Replayed)
            }
            (Err(error), _) => Err(error),
        }
    }
}

/// Smaller uploads learn of a full quota or disk when they end; a look ahead would cost more than it saves.
const CHECK_AHEAD: u64 = 1024 * 1024;
/// Uploads in a row whose files go to the same folder.
const UPLOADS_A_FOLDER: u64 = 64;

enum Committed {
    New(ItemView),
    /// New, over bytes that the owner had already.
    Redundant(ItemView),
    Existing(ItemView),
    Replayed(Vec<u8>),
}

enum Written {
    New(Media),
    Existing(Media),
}

/// Makes the kept answer inside the transaction.
struct Maker {
    key: Arc<mv_blobs::UserKey>,
    caller: Caller,
    render: Render,
    links: Arc<Links>,
    answers: Arc<mv_blobs::Sealer>,
    entropy: Arc<dyn Entropy>,
}

impl Maker {
    fn sealed(&self, key: &Key, written: &Written, now: Timestamp) -> Result<Vec<u8>> {
        let (item, novelty) = match written {
            Written::New(item) => (item, Novelty::New),
            Written::Existing(item) => (item, Novelty::Existing),
        };
        let view = self.links.view(&self.key, &self.caller, item.clone(), now)?;
        Ok(self.answers.seal(&[&place(key)], &(self.render)(&view, novelty), self.entropy.as_ref())?)
    }
}

/// Everything that the transaction writes, made ready beforehand so that it can be run again.
struct Plan {
    now: Timestamp,
    caller: Caller,
    item: Media,
    blob: blobs::NewBlob,
    segments: Vec<SegmentRow>,
    fields: UploadFields,
    events: [EventId; 2],
    job: JobId,
}

impl Plan {
    fn new(app: &App, caller: &Caller, key: &mv_blobs::UserKey, stored: &Stored, fields: UploadFields) -> Result<Self> {
        let owner = caller.user();
        let format = mv_media::sniff(&stored.head, stored.size == stored.head.len() as u64);
        let id: mv_core::MediaId = app.mint.id();
        // Creation time is the id's, to the millisecond: sorting by one is sorting by the other.
        let now = id.minted_at();
        let checksum_sealed = key.seal_checksum(stored.blob, &stored.sha256, app.entropy.as_ref())?;
        let filename = fields
            .filename
            .as_ref()
            .map_or_else(|| format!("upload.{}", format.extension), |name| name.as_str().to_owned());
        let waits = mv_media::formats::is_examined(format.mime) && stored.size > 0;
        let item = Media {
            id,
            owner_id: owner,
            blob_id: stored.blob,
            media_type: format.kind,
            mime_type: format.mime.to_owned(),
            filename,
            size: stored.size,
            checksum_sealed: checksum_sealed.clone(),
            labels: fields.labels.clone(),
            examined: if waits { Examined::waiting() } else { Examined::default() },
            version: 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let blob = blobs::NewBlob {
            id: stored.blob,
            owner_id: owner,
            dedupe_tag: key.dedupe_tag(&stored.sha256),
            size: stored.size,
            crc32: stored.crc32,
            checksum_sealed,
            manifest_mac: stored.manifest_mac.to_vec(),
            created_at: now,
        };
        let segments = vec![segment_row(&stored.segment)];
        Ok(Self {
            now,
            caller: *caller,
            item,
            blob,
            segments,
            fields,
            events: [app.mint.id(), app.mint.id()],
            job: app.mint.id(),
        })
    }

    /// U7. The usage row comes first: it lines an owner's uploads up, so that quota and duplicates are exact.
    fn write(&self, tx: &Tx) -> Result<Written> {
        let owner = self.item.owner_id;
        let quota = users::find(tx, owner)?.filter(|user| !user.disabled).ok_or_else(Error::not_found)?.quota_bytes;
        let mut item = self.item.clone();
        let token = upload_rights::token_of(tx, &self.caller)?;
        if let Some(token) = &token {
            upload_rights::admit(token, &mut item)?;
        }
        let fits = usage::add(tx, &item, quota)?;
        if self.fields.existing
            && let Some(existing) = self.existing(tx)?
        {
            if fits {
                usage::remove(tx, &item)?;
            }
            return Ok(Written::Existing(existing));
        }
        if self.fields.reject_deleted && self.were_deleted(tx)? {
            return Err(previously_deleted().into());
        }
        if !fits {
            return Err(over_quota(&self.caller, usage::of(tx, owner)?.trash_bytes).into());
        }
        if let Some(token) = &token {
            upload_rights::count_in(tx, token, &item)?;
        }
        (item.blob_id, item.checksum_sealed) = blobs::refer(tx, &self.blob, &self.segments)?;
        if let Some(text) = &self.fields.taken_at_local {
            let zone = users::find(tx, owner)?.map_or_else(String::new, |user| user.time_zone);
            item.labels.taken = Some(Taken::from_local(text, &zone, TakenSource::Client)?);
        }
        media::insert(tx, &item).map_err(|error| unique(error, &EXTERNAL_ID))?;
        self.enqueue(tx, &item)?;
        self.record(tx, Happened::MediaUploaded(item.reference()), 0)?;
        if let Some(collection) = self.collection(tx, token.as_ref())? {
            self.add_to_collection(tx, &collection)?;
        }
        Ok(Written::New(item))
    }

    /// Has the item's bytes looked at behind the answer.
    fn enqueue(&self, tx: &Tx, item: &Media) -> Result<()> {
        if item.examined.status != Status::Processing {
            return Ok(());
        }
        let (owner_id, media_id, created_at) = (item.owner_id, item.id, self.now);
        let (kind, anew, attempts, interruptions) = (JobKind::Examine, false, 0, 0);
        let job = Job { id: self.job, owner_id, media_id, kind, anew, attempts, interruptions, created_at };
        Ok(jobs::enqueue(tx, &job)?)
    }

    fn existing(&self, tx: &Tx) -> Result<Option<Media>> {
        match blobs::by_tag(tx, self.item.owner_id, self.blob.dedupe_tag)? {
            Some(blob) => Ok(media::find_live_by_blob(tx, self.item.owner_id, blob)?),
            None => Ok(None),
        }
    }

    /// Whether the owner deleted these bytes: they lie in the trash alone, or are remembered.
    fn were_deleted(&self, tx: &Tx) -> Result<bool> {
        let (owner, tag) = (self.item.owner_id, self.blob.dedupe_tag);
        match blobs::by_tag(tx, owner, tag)? {
            Some(blob) => Ok(media::find_live_by_blob(tx, owner, blob)?.is_none()),
            None => Ok(!tombstones::among(tx, owner, &[tag])?.is_empty()),
        }
    }

    /// Where the item goes as well: where its sender says, or the token. The issuer's right to that one was asked when the
    /// token was made; where it was deleted since, the item is kept all the same.
    fn collection(&self, tx: &Tx, token: Option<&UploadToken>) -> Result<Option<Collection>> {
        if let Some(token) = token {
            return match token.collection_id {
                Some(id) => Ok(collections::find_for_change(tx, token.user_id, id)?),
                None => Ok(None),
            };
        }
        let Some(id) = self.fields.collection_id else { return Ok(None) };
        collection_to_change(tx, &self.caller, id).map(Some).map_err(|error| {
            if error.is(Code::NotFound) {
                Error::invalid("collection_id", "Is not one of your collections").into()
            } else {
                error
            }
        })
    }

    fn add_to_collection(&self, tx: &Tx, collection: &Collection) -> Result<()> {
        let id = collection.id;
        let added = collection_media::append(tx, id, &[self.item.id], self.item.owner_id, self.now)?;
        collections::touch(tx, id, 1, self.now)?;
        self.record(tx, Happened::CollectionMediaAdded(collection.reference(), added), 1)
    }

    fn record(&self, tx: &Tx, what: Happened, which: usize) -> Result<()> {
        let id = self.events.get(which).copied().ok_or_else(|| crate::Error::internal("an event without an id"))?;
        Ok(events::append(tx, &mv_core::event::Event { id, at: self.now, what })?)
    }
}

impl UploadFields {
    /// A digest of what the upload says: its fields and the file's digest, however they were sent.
    fn fingerprint(&self, sha256: &[u8; 32]) -> [u8; 32] {
        let name = self.filename.as_ref().map(FileName::as_str);
        let said = format!(
            "{name:?} {:?} {:?} {:?} {:?} {} {}",
            self.labels, self.taken_at_local, self.collection_id, self.checksum, self.existing, self.reject_deleted
        );
        let mut context = Context::new(&SHA256);
        context.update(sha256);
        context.update(said.as_bytes());
        let mut fingerprint = [0u8; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        fingerprint
    }
}

impl Receiving {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// `payload_too_large`, or that of the store; the upload is over then and leaves nothing.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.received += bytes.len() as u64;
        match &mut self.sink {
            Sink::Store(incoming) => Ok(incoming.write(bytes).await?),
            Sink::Compare if self.received > self.limit => {
                Err(Error::new(Code::PayloadTooLarge, "The file is larger than this server takes").into())
            }
            Sink::Compare => {
                if let Some(context) = &mut self.digest {
                    context.update(&bytes);
                }
                Ok(())
            }
        }
    }
}

pub(crate) fn previously_deleted() -> Error {
    Error::new(Code::PreviouslyDeleted, "These bytes were deleted before")
}

/// The holder of a token is told nothing of the account.
fn over_quota(caller: &Caller, trash_bytes: u64) -> Error {
    if let Caller::UploadToken { .. } = caller {
        return Error::new(Code::QuotaExceeded, "There is no room left");
    }
    let message = format!("The quota is used up; emptying the trash would free {trash_bytes} bytes");
    Error::new(Code::QuotaExceeded, message)
}

pub(crate) fn segment_row(segment: &Segment) -> SegmentRow {
    SegmentRow {
        id: segment.id,
        plain_len: segment.plain_len,
        sealed_len: segment.sealed_len,
        wrapped_key: segment.wrapped_key.clone(),
        key_version: segment.key_version,
        format: u32::from(segment.format),
    }
}

/// A blob's rows as its reader takes them.
pub(crate) fn manifest(row: &BlobRow, segments: Vec<SegmentRow>) -> Result<Manifest> {
    let segment = |row: SegmentRow| -> Result<Segment> {
        Ok(Segment {
            id: row.id,
            plain_len: row.plain_len,
            sealed_len: row.sealed_len,
            wrapped_key: row.wrapped_key,
            key_version: row.key_version,
            format: u8::try_from(row.format).map_err(crate::Error::internal)?,
        })
    };
    let mac = row.manifest_mac.as_slice().try_into().map_err(crate::Error::internal)?;
    Ok(Manifest { blob: row.id, segments: segments.into_iter().map(segment).collect::<Result<_>>()?, mac })
}
