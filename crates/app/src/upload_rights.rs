//! What an upload may say and how much it may bring, by whom: some fields tell of what the account holds, or reach beyond
//! the item itself; an upload token has bounds. These are looked at before the body is read and hold exactly in the
//! transaction that makes the item.

use mv_core::access;
use mv_core::media::Media;
use mv_core::upload_token::UploadToken;
use mv_core::{Caller, Code, Error, Problems, Scope};
use mv_store::{Conn, Tx, upload_tokens};

use crate::ingest::UploadFields;
use crate::{App, Result};

/// Whether this caller may say this. A key needs `collections:write` to put the item into a collection, and `media:read` to
/// be told which bytes are there or were deleted. An upload token does neither, and may not choose ids, which are unique
/// and so would tell of others.
///
/// # Errors
/// `forbidden` naming each missing scope; `validation_error` naming each field that a token may not send.
pub(crate) fn check(caller: &Caller, fields: &UploadFields) -> Result<()> {
    let asked = [
        ("collection_id", fields.collection_id.is_some(), Scope::CollectionsWrite),
        ("on_duplicate", fields.existing, Scope::MediaRead),
        ("on_deleted", fields.reject_deleted, Scope::MediaRead),
    ];
    if let Caller::UploadToken { .. } = caller {
        let own_id = ("external_id", fields.labels.external_id.is_some());
        let mut problems = Problems::default();
        for (field, _) in asked.map(|(field, said, _)| (field, said)).iter().chain([&own_id]).filter(|(_, said)| *said)
        {
            problems.add(*field, "Is not taken with an upload token");
        }
        return Ok(problems.finish()?);
    }
    let mut needed: Vec<Scope> = asked.iter().filter(|(_, said, _)| *said).map(|(_, _, scope)| *scope).collect();
    needed.dedup();
    Ok(access::scoped(caller, &needed)?)
}

impl App {
    /// The most bytes that the caller's next file may have, where its token says so; it is to have at least `least`.
    ///
    /// # Errors
    /// `payload_too_large` where no file of the token may be so large; `forbidden` where it is used up; `unauthorized` where
    /// it was deleted meanwhile.
    pub(crate) async fn token_limit(&self, caller: &Caller, least: u64) -> Result<Option<u64>> {
        let asked = *caller;
        let Some(token) = self.store.read(move |db| token_of(db, &asked)).await? else { return Ok(None) };
        let Some(most) = token.max_bytes else {
            return if token.files < token.max_files { Ok(None) } else { Err(used_up().into()) };
        };
        if least > most {
            return Err(Error::new(Code::PayloadTooLarge, "The file is larger than the upload token takes").into());
        }
        if token.files >= token.max_files || token.bytes.saturating_add(least) > most {
            return Err(used_up().into());
        }
        Ok(Some(most))
    }
}

/// The token that the caller came with; `None` for all who came with anything else.
///
/// # Errors
/// `unauthorized` where it was deleted meanwhile.
pub(crate) fn token_of(db: &Conn, caller: &Caller) -> Result<Option<UploadToken>> {
    let Caller::UploadToken { user, token } = *caller else { return Ok(None) };
    match upload_tokens::find_for(db, user, token)? {
        Some(found) => Ok(Some(found)),
        None => Err(Error::unauthorized("The upload token is not valid").into()),
    }
}

/// Makes the item what the token says on top of what its sender said, if it is of a kind that the token takes.
///
/// # Errors
/// `unsupported_media_type`; `validation_error` on what the token decides.
pub(crate) fn admit(token: &UploadToken, item: &mut Media) -> Result<()> {
    if !token.takes(&item.mime_type) {
        let message = format!("The upload token takes only {}", token.mime_types.join(", "));
        return Err(Error::new(Code::UnsupportedMediaType, message).into());
    }
    item.labels = token.label(&item.labels)?;
    Ok(())
}

/// Counts the item in, in the transaction that makes it. Of many at once only as many pass as fit.
///
/// # Errors
/// `forbidden` where the token has no room for it: the transaction must not commit.
pub(crate) fn count_in(tx: &Tx, token: &UploadToken, item: &Media) -> Result<()> {
    if upload_tokens::take(tx, token.id, item.size)? { Ok(()) } else { Err(used_up().into()) }
}

fn used_up() -> Error {
    Error::new(Code::Forbidden, "The upload token has no room left: its files or its bytes are used up")
}
