//! Who may hear what: asked when somebody subscribes, and again for each event, since rights change meanwhile.

use mv_core::access::{self, Need};
use mv_core::event::Channel;
use mv_core::{Caller, Error};
use mv_store::Conn;

use super::hub::Live;
use crate::auth::access::{collection_for, media_for};
use crate::{App, Result};

impl App {
    /// Whether the caller may subscribe to a channel, or to what happens to one thing of it.
    ///
    /// # Errors
    /// `forbidden` where an API key lacks the channel's scope; `not_found` where the caller cannot see the thing, or the
    /// text is no id of a thing of this channel.
    pub async fn may_follow(&self, caller: &Caller, channel: Channel, resource: Option<&str>) -> Result<()> {
        access::scoped(caller, &[channel.scope()])?;
        let (Some(resource), caller) = (resource, *caller) else { return Ok(()) };
        match channel {
            Channel::Media => {
                let id = resource.parse().map_err(|_| Error::not_found())?;
                self.store.read(move |db: &Conn| media_for(db, &caller, id, Need::Read).map(drop)).await
            }
            Channel::Collections => {
                let id = resource.parse().map_err(|_| Error::not_found())?;
                self.store.read(move |db: &Conn| collection_for(db, &caller, id, Need::Read).map(drop)).await
            }
        }
    }
}

/// Whether the caller may hear of this event.
pub fn may_hear(caller: &Caller, live: &Live) -> bool {
    let sees = live.channel.is_some_and(|channel| access::sees(caller, channel));
    sees && access::owned(caller, live.event.owner, Need::Read).is_ok()
}
