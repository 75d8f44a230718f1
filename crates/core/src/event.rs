//! What happened: the closed list of event types and the small payload that tells of each (contract section 6).
//! No payload holds an e-mail address, a file name or a title.

use serde_json::{Value, json};

use crate::id::{CollectionId, EventId, MediaId, UserId, WebhookId};
use crate::mime::MediaType;
use crate::scope::Scope;
use crate::time::Timestamp;
use crate::webhook::DisabledReason;

/// A thing that happened, with what its webhook body needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// Bytes became an item.
    MediaUploaded(MediaRef),
    /// All that can be known of an item is, and its small pictures are made.
    MediaProcessed(MediaRef),
    /// An item's file could not be read to the end.
    MediaFailed {
        /// Which.
        media: MediaRef,
        /// Why: `ProcessingError::code`.
        code: String,
    },
    /// An item's description changed.
    MediaUpdated(MediaRef),
    /// An item went to the trash, or away for good.
    MediaDeleted {
        /// Which.
        media: MediaRef,
        /// Away for good.
        permanent: bool,
    },
    /// An item came back from the trash.
    MediaRestored(MediaRef),
    /// An account was made.
    UserRegistered(UserId),
    /// An account was deleted with all that it held.
    UserDeleted(UserId),
    /// A collection was made.
    CollectionCreated(CollectionRef),
    /// Its name, description or order changed.
    CollectionUpdated(CollectionRef),
    /// It is gone; its items stay.
    CollectionDeleted(CollectionRef),
    /// Items were put in.
    CollectionMediaAdded(CollectionRef, Vec<MediaId>),
    /// Items were taken out.
    CollectionMediaRemoved(CollectionRef, Vec<MediaId>),
    /// The server switched a webhook off.
    WebhookDisabled {
        /// Which.
        id: WebhookId,
        /// Whose.
        user_id: UserId,
        /// Why.
        reason: DisabledReason,
    },
}

/// An item, as far as events tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaRef {
    /// Which.
    pub id: MediaId,
    /// What it is.
    pub media_type: MediaType,
    /// Whose.
    pub user_id: UserId,
}

/// A collection, as far as events tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectionRef {
    /// Which.
    pub id: CollectionId,
    /// Whose.
    pub user_id: UserId,
}

/// An event about to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id, `webhook-id` later.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happened,
}

/// A recorded event, as readers of the outbox get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Where it stands in the order of commits.
    pub position: i64,
    /// Its id.
    pub id: EventId,
    /// Whose event it is.
    pub owner: UserId,
    /// Its type, such as `media.uploaded`.
    pub kind: String,
    /// The id of the thing it tells of.
    pub resource: String,
    /// The body's `data`, as JSON text.
    pub data: String,
    /// When it happened.
    pub at: Timestamp,
}

/// What a WebSocket client may subscribe to (contract section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Events of items.
    Media,
    /// Events of collections.
    Collections,
}

impl Channel {
    /// The channel as messages write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Media => "media_updates",
            Self::Collections => "collection_updates",
        }
    }

    /// Reads what `as_str` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "media_updates" => Some(Self::Media),
            "collection_updates" => Some(Self::Collections),
            _ => None,
        }
    }

    /// Where events of this type go; some go to no channel.
    pub fn of(kind: &str) -> Option<Self> {
        match kind.split_once('.') {
            Some(("media", _)) => Some(Self::Media),
            Some(("collection", _)) => Some(Self::Collections),
            _ => None,
        }
    }

    /// What an API key needs to see its events.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Media => Scope::MediaRead,
            Self::Collections => Scope::CollectionsRead,
        }
    }
}

impl Happened {
    /// Every type that this version records, for lists of what can be subscribed to.
    pub const NAMES: [&'static str; 14] = [
        "media.uploaded",
        "media.processed",
        "media.failed",
        "media.updated",
        "media.deleted",
        "media.restored",
        "user.registered",
        "user.deleted",
        "collection.created",
        "collection.updated",
        "collection.deleted",
        "collection.media_added",
        "collection.media_removed",
        "webhook.disabled",
    ];

    /// The type as clients see it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MediaUploaded(_) => "media.uploaded",
            Self::MediaProcessed(_) => "media.processed",
            Self::MediaFailed { .. } => "media.failed",
            Self::MediaUpdated(_) => "media.updated",
            Self::MediaDeleted { .. } => "media.deleted",
            Self::MediaRestored(_) => "media.restored",
            Self::UserRegistered(_) => "user.registered",
            Self::UserDeleted(_) => "user.deleted",
            Self::CollectionCreated(_) => "collection.created",
            Self::CollectionUpdated(_) => "collection.updated",
            Self::CollectionDeleted(_) => "collection.deleted",
            Self::CollectionMediaAdded(..) => "collection.media_added",
            Self::CollectionMediaRemoved(..) => "collection.media_removed",
            Self::WebhookDisabled { .. } => "webhook.disabled",
        }
    }

    /// Whose event it is.
    pub const fn owner(&self) -> UserId {
        match self {
            Self::MediaUploaded(media)
            | Self::MediaProcessed(media)
            | Self::MediaUpdated(media)
            | Self::MediaRestored(media) => media.user_id,
            Self::MediaDeleted { media, .. } | Self::MediaFailed { media, .. } => media.user_id,
            Self::UserRegistered(user) | Self::UserDeleted(user) => *user,
            Self::WebhookDisabled { user_id, .. } => *user_id,
            Self::CollectionCreated(collection)
            | Self::CollectionUpdated(collection)
            | Self::CollectionDeleted(collection)
            | Self::CollectionMediaAdded(collection, _)
            | Self::CollectionMediaRemoved(collection, _) => collection.user_id,
        }
    }

    /// The id of the thing it tells of.
    pub fn resource(&self) -> String {
        match self {
            Self::MediaUploaded(media)
            | Self::MediaProcessed(media)
            | Self::MediaUpdated(media)
            | Self::MediaRestored(media) => media.id.to_string(),
            Self::MediaDeleted { media, .. } | Self::MediaFailed { media, .. } => media.id.to_string(),
            Self::UserRegistered(user) | Self::UserDeleted(user) => user.to_string(),
            Self::WebhookDisabled { id, .. } => id.to_string(),
            Self::CollectionCreated(collection)
            | Self::CollectionUpdated(collection)
            | Self::CollectionDeleted(collection)
            | Self::CollectionMediaAdded(collection, _)
            | Self::CollectionMediaRemoved(collection, _) => collection.id.to_string(),
        }
    }

    /// The body's `data`: `{id, type, user_id, ...}` as the reference shows it.
    pub fn data(&self) -> Value {
        let media =
            |media: &MediaRef| json!({ "id": media.id, "type": media.media_type.as_str(), "user_id": media.user_id });
        let collection = |it: &CollectionRef| json!({ "id": it.id, "type": "collection", "user_id": it.user_id });
        match self {
            Self::MediaUploaded(item)
            | Self::MediaProcessed(item)
            | Self::MediaUpdated(item)
            | Self::MediaRestored(item) => media(item),
            Self::MediaFailed { media: item, code } => with(media(item), "error", json!({ "code": code })),
            Self::MediaDeleted { media: item, permanent } => with(media(item), "permanent", json!(permanent)),
            Self::UserRegistered(user) | Self::UserDeleted(user) => {
                json!({ "id": user, "type": "user", "user_id": user })
            }
            Self::CollectionCreated(it) | Self::CollectionUpdated(it) | Self::CollectionDeleted(it) => collection(it),
            Self::CollectionMediaAdded(it, ids) | Self::CollectionMediaRemoved(it, ids) => {
                with(collection(it), "media_ids", json!(ids))
            }
            Self::WebhookDisabled { id, user_id, reason } => {
                json!({ "id": id, "type": "webhook", "user_id": user_id, "reason": reason.as_str() })
            }
        }
    }
}

fn with(mut object: Value, member: &str, value: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
    object
}
