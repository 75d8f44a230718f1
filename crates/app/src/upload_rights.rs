//! What an upload may say, by whom: some fields tell of what the account holds, or reach beyond the item itself.

use mv_core::access;
use mv_core::{Caller, Problems, Scope};

use crate::Result;
use crate::ingest::UploadFields;

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
