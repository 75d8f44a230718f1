//! The film inside a motion photo: a part of the original, served as it lies there.

use mv_core::access::Need;
use mv_core::media::Media;
use mv_core::{Caller, Code, Error, MediaId, Timestamp};
use mv_store::{Conn, examinations};

use super::settle::Kept;
use crate::auth::access::media_for;
use crate::media::links::Moving;
use crate::media::read::{Content, manifest_of};
use crate::{App, Result};

/// The moving part of an item.
pub struct MotionPart {
    /// The item.
    pub media: Media,
    /// The film.
    pub content: Content,
    /// `video/mp4` or `video/quicktime`.
    pub mime_type: &'static str,
}

impl App {
    /// The film inside the caller's item.
    ///
    /// # Errors
    /// `not_found` where the item or a film in it is not there.
    pub async fn motion(&self, caller: &Caller, id: MediaId) -> Result<MotionPart> {
        let asked = *caller;
        let media = self.store.read(move |db: &Conn| media_for(db, &asked, id, Need::Content)).await?;
        self.motion_of(media).await
    }

    /// The same for whoever holds a link. Returns also when the link ends.
    ///
    /// # Errors
    /// As of `motion`; `unauthorized` where the link is not genuine or has ended.
    pub async fn motion_by_link(&self, id: MediaId, token: &str) -> Result<(MotionPart, Timestamp)> {
        let (media, ends) = self.media_by_link(id, Moving::Motion.as_str(), token).await?;
        Ok((self.motion_of(media).await?, ends))
    }

    async fn motion_of(&self, media: Media) -> Result<MotionPart> {
        let nothing = || Error::new(Code::NotFound, "Nothing moves in this item");
        if media.examined.motion.is_none() {
            return Err(nothing().into());
        }
        let asked = media.clone();
        let read =
            move |db: &Conn| -> Result<_> { Ok((examinations::of(db, asked.blob_id)?, manifest_of(db, &asked)?)) };
        let (known, manifest) = self.store.read(read).await?;
        let known = known.ok_or_else(nothing)?;
        let kept: Kept = serde_json::from_str(&known.found).map_err(crate::Error::internal)?;
        let motion = kept.motion().ok_or_else(nothing)?;
        let mime_type = if motion.mime_type == "video/quicktime" { "video/quicktime" } else { "video/mp4" };
        let original = self.original(media, manifest).await?;
        let content = Content::Part(original.reader, motion.span.at, motion.span.len);
        Ok(MotionPart { media: original.media, content, mime_type })
    }
}
