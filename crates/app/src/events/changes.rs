//! What changed since a cursor, for clients that keep a copy (contract section 4): each thing once a page, as it is now.
//! Promise: whoever follows the cursors to the end has what the lists show, whatever was committed meanwhile and in
//! whichever order. What was committed while a page is read may be shown early and comes again later; nothing is missed.

use std::collections::{HashMap, HashSet};

use mv_core::access::{self, Area};
use mv_core::collection::Collection;
use mv_core::event::{Channel, Recorded};
use mv_core::media::Media;
use mv_core::{Caller, CollectionId, MediaId, UserId};
use mv_store::{Conn, collections, events, media};

use super::replay::too_old;
use crate::auth::access::enter;
use crate::view::ItemView;
use crate::{App, Result};

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// With the oldest that is kept.
    Oldest,
    /// With what comes from now on.
    Now,
    /// Behind a cursor.
    Cursor(String),
}

/// A page of changes.
#[derive(Debug)]
pub struct Changes {
    /// In the order in which the things last changed.
    pub changes: Vec<Change>,
    /// Where to go on.
    pub next_cursor: String,
    /// Whether more is there already.
    pub has_more: bool,
}

/// A thing that changed.
#[derive(Debug)]
pub struct Change {
    /// Of which kind, by the channel of its events.
    pub channel: Channel,
    /// Its id.
    pub id: String,
    /// As it is now; none where it is gone.
    pub object: Option<Object>,
}

/// A thing as it is now.
#[derive(Debug)]
pub enum Object {
    /// An item, in the library or the trash.
    Media(Box<ItemView>),
    /// A collection.
    Collection(Collection),
}

/// What one look at the database gives.
struct Seen {
    events: Vec<Recorded>,
    /// Behind the last of the events, or behind all that there are.
    position: i64,
    more: bool,
    items: HashMap<MediaId, Media>,
    collections: HashMap<CollectionId, Collection>,
}

impl App {
    /// Up to `limit` things of the caller's that changed. A key sees the kinds that its scopes show.
    ///
    /// # Errors
    /// `forbidden`; `gone` for a cursor from before what is kept; `validation_error` for one that is not the caller's.
    pub async fn changes(&self, caller: &Caller, since: Since, limit: u32) -> Result<Changes> {
        enter(caller, Area::Events)?;
        let (asked, who) = (*caller, caller.user());
        self.order_events().await?;
        let from = match since {
            Since::Oldest => None,
            Since::Now => {
                let position = self.dispatched_position().await?;
                let next_cursor = self.position_cursor(who, position)?;
                return Ok(Changes { changes: Vec::new(), next_cursor, has_more: false });
            }
            Since::Cursor(cursor) => Some(self.open_position(who, &cursor)?),
        };
        let seen = self.store.read(move |db: &Conn| look(db, &asked, from, limit)).await?;
        let next_cursor = self.position_cursor(who, seen.position)?;
        Ok(Changes { has_more: seen.more, changes: self.tell(caller, seen).await?, next_cursor })
    }

    async fn tell(&self, caller: &Caller, mut seen: Seen) -> Result<Vec<Change>> {
        let (mut told, mut changes) = (HashSet::new(), Vec::new());
        let now = self.now();
        let key = match seen.items.is_empty() {
            true => None,
            false => Some(self.keyring.of(&self.store, caller.user()).await?),
        };
        // From the end: each thing stands where it changed last.
        for event in seen.events.into_iter().rev() {
            let Some(channel) = Channel::of(&event.kind).filter(|channel| access::sees(caller, *channel)) else {
                continue;
            };
            if !told.insert(event.resource.clone()) {
                continue;
            }
            let object = match channel {
                Channel::Media => {
                    let item = event.resource.parse().ok().and_then(|id| seen.items.remove(&id));
                    match item.zip(key.as_ref()) {
                        Some((item, key)) => Some(Object::Media(Box::new(self.view(key, caller, item, now)?))),
                        None => None,
                    }
                }
                Channel::Collections => {
                    let found = event.resource.parse().ok().and_then(|id| seen.collections.remove(&id));
                    found.map(Object::Collection)
                }
            };
            changes.push(Change { channel, id: event.resource, object });
        }
        changes.reverse();
        Ok(changes)
    }
}

/// Each statement sees what was committed when it began, so the order of these matters: what is read later is newer, and
/// tells of more than the cursor says, never of less.
fn look(db: &Conn, caller: &Caller, from: Option<i64>, limit: u32) -> Result<Seen> {
    let who: UserId = caller.user();
    let begin = match from {
        Some(position) => position,
        None => events::pruned(db)?,
    };
    let last = events::last(db)?;
    let mut found = events::after(db, who, begin, limit + 1)?;
    // Asked last: what was removed before the events were read is known here. Without a cursor the oldest are wanted,
    // and those are what was read.
    if from.is_some() && begin < events::pruned(db)? {
        return Err(too_old().into());
    }
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let behind = found.last().map_or(begin, |event| event.position);
    // A user to whom nothing happens moves along, so that the cursor does not grow too old meanwhile.
    let position = if more { behind } else { behind.max(last) };
    let of = |wanted: Channel| {
        let shown = access::sees(caller, wanted);
        found.iter().filter(move |event| shown && Channel::of(&event.kind) == Some(wanted))
    };
    let items = of(Channel::Media).filter_map(|event| event.resource.parse().ok()).collect::<HashSet<MediaId>>();
    let held = of(Channel::Collections).filter_map(|event| event.resource.parse().ok());
    let held = held.collect::<HashSet<CollectionId>>();
    let items = media::among(db, who, &items.into_iter().collect::<Vec<_>>())?;
    let held = collections::among(db, who, &held.into_iter().collect::<Vec<_>>())?;
    Ok(Seen {
        position,
        more,
        items: items.into_iter().map(|item| (item.id, item)).collect(),
        collections: held.into_iter().map(|collection| (collection.id, collection)).collect(),
        events: found,
    })
}
