//! Asking before sending: which of these contents does the caller have, or had and deleted?

use std::collections::HashMap;

use mv_core::{Caller, Checksum, Code, MediaId, Timestamp};
use mv_store::{Conn, media, tombstones};

use super::ItemView;
use crate::ingest::{UploadFields, previously_deleted};
use crate::upload_rights;
use crate::{App, Result};

/// What is known of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Unknown,
    /// This item in the library has it.
    Present(MediaId),
    /// Only this item in the trash has it, since then.
    Trashed(MediaId, Timestamp),
    /// The last item with it was deleted then.
    Deleted(Timestamp),
}

impl App {
    /// The state of each content, in the order asked. Of the caller's own items only.
    pub async fn check_contents(&self, caller: &Caller, checksums: &[Checksum]) -> Result<Vec<State>> {
        let who = caller.user();
        let key = self.keyring.of(&self.store, who).await?;
        let tags: Vec<[u8; 32]> = checksums.iter().map(|checksum| key.dedupe_tag(&checksum.0)).collect();
        let asked = tags.clone();
        let (holding, deleted) = self
            .store
            .read(move |db: &Conn| -> Result<_> {
                Ok((media::holding(db, who, &asked)?, tombstones::among(db, who, &asked)?))
            })
            .await?;
        let mut states: HashMap<[u8; 32], State> =
            deleted.into_iter().map(|(tag, at)| (tag, State::Deleted(at))).collect();
        // Items in the library come first; the first one counts.
        for (tag, id, deleted_at) in holding.into_iter().rev() {
            states.insert(tag, deleted_at.map_or(State::Present(id), |at| State::Trashed(id, at)));
        }
        Ok(tags.iter().map(|tag| states.get(tag).copied().unwrap_or(State::Unknown)).collect())
    }

    /// What an upload comes to before its bytes come, where its checksum tells: the caller's own item in the library that
    /// has them already, if that will do.
    ///
    /// # Errors
    /// `previously_deleted` where the client asked to be told; `forbidden` or `validation_error` where the caller may not
    /// say this.
    pub async fn foresee_upload(&self, caller: &Caller, fields: &UploadFields) -> Result<Option<ItemView>> {
        upload_rights::check(caller, fields)?;
        let Some(checksum) = fields.checksum.filter(|_| fields.existing || fields.reject_deleted) else {
            return Ok(None);
        };
        match self.check_contents(caller, &[checksum]).await?.first() {
            Some(State::Present(id)) if fields.existing => match self.get_media(caller, *id).await {
                // Gone between the two looks.
                Err(error) if error.is(Code::NotFound) => Ok(None),
                found => found.map(Some),
            },
            Some(State::Trashed(..) | State::Deleted(_)) if fields.reject_deleted => Err(previously_deleted().into()),
            _ => Ok(None),
        }
    }
}
