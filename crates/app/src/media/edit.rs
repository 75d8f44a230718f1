//! Edits of what people say of an item.

use mv_core::event::Happened;
use mv_core::media_patch::{MediaPatch, TakenPatch};
use mv_core::taken::{Taken, TakenSource};
use mv_core::{Caller, Error, MediaId};
use mv_store::{Tx, events, media, usage, users};

use crate::auth::access::media_to_change;
use crate::error::taken as unique;
use crate::view::{ItemView, VersionCheck};
use crate::{App, Result};

impl App {
    /// Changes an item in the library. Nothing new makes no new version and no event.
    ///
    /// # Errors
    /// `not_found` (also in the trash), `precondition_failed`, `validation_error`, `conflict` on `external_id`.
    pub async fn update_media(
        &self,
        caller: &Caller,
        id: MediaId,
        patch: MediaPatch,
        check: VersionCheck,
    ) -> Result<ItemView> {
        let (asked, now) = (*caller, self.now());
        let event_id = self.mint.id();
        let changed = self
            .store
            .write(move |tx: &Tx| -> Result<_> {
                let mut item = media_to_change(tx, &asked, id)?;
                if item.deleted_at.is_some() {
                    return Err(Error::not_found().into());
                }
                check(item.version)?;
                let before = item.clone();
                let taken = resolve_taken(tx, &asked, patch.taken.as_ref())?;
                if patch.apply(&mut item, taken, now)? {
                    media::update_labels(tx, &item).map_err(|error| unique(error, &EXTERNAL_ID))?;
                    usage::relabel(tx, &before, &item)?;
                    let what = Happened::MediaUpdated(item.reference());
                    events::append(tx, &mv_core::event::Event { id: event_id, at: now, what })?;
                }
                Ok(item)
            })
            .await?;
        let key = self.keyring.of(&self.store, changed.owner_id).await?;
        self.view(&key, caller, changed, now)
    }
}

/// The unique column of an application's id.
pub(crate) const EXTERNAL_ID: [(&str, &str, &str); 1] = [("external_id", "external_id", "Is taken by another item")];

/// A wall-clock time becomes an instant in its owner's zone.
fn resolve_taken(tx: &Tx, caller: &Caller, patch: Option<&TakenPatch>) -> Result<Option<Option<Taken>>> {
    Ok(match patch {
        None => None,
        Some(TakenPatch::Clear) => Some(None),
        Some(TakenPatch::At(taken)) => Some(Some(*taken)),
        Some(TakenPatch::Local(text)) => {
            let zone = users::find(tx, caller.user())?.map_or_else(String::new, |user| user.time_zone);
            Some(Some(Taken::from_local(text, &zone, TakenSource::User)?))
        }
    })
}
