//! A collection's originals as a zip, in the collection's order.

use mv_core::access::Need;
use mv_core::{Caller, CollectionId, Error};
use mv_store::{Conn, collection_media};

use crate::archive::{Archive, MAX_ITEMS};
use crate::auth::access::collection_for;
use crate::{App, Result};

impl App {
    /// The originals of what is seen in a collection.
    ///
    /// # Errors
    /// `not_found`; `conflict` where more is in it than one archive takes.
    pub async fn archive_collection(&self, caller: &Caller, id: CollectionId) -> Result<Archive> {
        let asked = *caller;
        let read = move |db: &Conn| -> Result<_> {
            let collection = collection_for(db, &asked, id, Need::Content)?;
            Ok((collection.name, collection_media::originals(db, id, MAX_ITEMS + 1)?))
        };
        let (name, originals) = self.store.read(read).await?;
        if originals.len() > MAX_ITEMS as usize {
            let message = format!("Holds more than {MAX_ITEMS} items, the most that one archive takes");
            return Err(Error::conflict("id", message).into());
        }
        Archive::of(asked, &name, originals)
    }
}
