//! Upload tokens: issued by an account to an application's own end users (contract section 3). What one may put in is
//! asked in `ingest`, where it is counted. A token ends with its time, its issuer, and the API key that it was made with.

use std::time::Duration;

use mv_core::access::{self, Need};
use mv_core::media::{Properties, check_tags};
use mv_core::upload_token::{DEFAULT_LIFE, LIFE, MAX_FILES, UploadToken, check_mime_types, check_origin};
use mv_core::{Caller, Client, Code, CollectionId, Error, Problems, Scope, UploadTokenId};
use mv_store::{Tx, audit, upload_tokens, users};
use serde_json::{Map, Value};

use super::access::collection_for;
use crate::idempotency::keep_answer;
use crate::secret::{self, UPLOAD_TOKEN};
use crate::{App, Creation, Result};

/// How many tokens of a user may hold at once.
const MAX_TOKENS: u64 = 10_000;

/// What a token is to allow.
#[derive(Debug, Clone, Default)]
pub struct NewUploadToken {
    /// Seconds that it holds.
    pub expires_in: Option<u64>,
    /// How many files it takes.
    pub max_files: Option<u64>,
    /// How many bytes it takes in all.
    pub max_bytes: Option<u64>,
    /// Which kinds of files it takes.
    pub mime_types: Option<Vec<String>>,
    /// Where the items go as well.
    pub collection_id: Option<CollectionId>,
    /// What every item gets.
    pub tags: Vec<String>,
    /// Likewise.
    pub properties: Map<String, Value>,
    /// The origin of pages that may use it in a browser.
    pub origin: Option<String>,
}

/// A token that was made, and its secret, which is told this once.
pub type MadeUploadToken = (UploadToken, String);

impl App {
    /// Issues an upload token.
    ///
    /// # Errors
    /// `validation_error`; `forbidden` where a key names a collection without `collections:write`; `conflict` where very
    /// many hold already.
    pub async fn create_upload_token(
        &self,
        caller: &Caller,
        wanted: NewUploadToken,
        client: &Client,
        creation: Creation<MadeUploadToken>,
    ) -> Result<MadeUploadToken> {
        if wanted.collection_id.is_some() {
            access::scoped(caller, &[Scope::CollectionsWrite])?;
        }
        let token = self.checked_token(caller, wanted)?;
        let (text, hash) = secret::make(UPLOAD_TOKEN, self.entropy.as_ref());
        let entry = self.audit(Some(caller), client, "upload_token.created", token.id.to_string());
        let (made, stored, asked) = ((token.clone(), text), token, *caller);
        let answer = self.answer_to_keep(&creation, &made)?;
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                users::find_for_change(tx, stored.user_id)?.ok_or_else(Error::not_found)?;
                if upload_tokens::count_live_for(tx, stored.user_id, stored.created_at)? >= MAX_TOKENS {
                    return Err(Error::conflict("max_files", "There are 10000 upload tokens that hold already").into());
                }
                if let Some(id) = stored.collection_id {
                    collection_for(tx, &asked, id, Need::Write).map_err(|error| match error {
                        error if error.is(Code::NotFound) => {
                            Error::invalid("collection_id", "Is not one of your collections").into()
                        }
                        error => error,
                    })?;
                }
                let by_key = match asked {
                    Caller::Key { key, .. } => Some(key),
                    _ => None,
                };
                upload_tokens::insert(tx, &stored, &hash, by_key)?;
                audit::append(tx, &entry)?;
                keep_answer(tx, answer.as_ref())
            })
            .await?;
        Ok(made)
    }

    fn checked_token(&self, caller: &Caller, wanted: NewUploadToken) -> Result<UploadToken> {
        let mut problems = Problems::default();
        if wanted.expires_in.is_some_and(|seconds| !LIFE.contains(&seconds)) {
            problems.add("expires_in", "Must be 60 to 86400");
        }
        if wanted.max_files.is_some_and(|files| !(1..=MAX_FILES).contains(&files)) {
            problems.add("max_files", "Must be 1 to 10000");
        }
        if wanted.max_bytes.is_some_and(|bytes| bytes == 0 || i64::try_from(bytes).is_err()) {
            problems.add("max_bytes", "Must be 1 to 9223372036854775807");
        }
        let mime_types = wanted.mime_types.and_then(|kinds| problems.check(check_mime_types(&kinds)));
        let tags = problems.check(check_tags(wanted.tags.iter().map(String::as_str)));
        let properties = problems.check(Properties::check(wanted.properties));
        let origin = wanted.origin.and_then(|origin| problems.check(check_origin(&origin)));
        problems.finish()?;
        let now = self.now();
        Ok(UploadToken {
            id: self.mint.id(),
            user_id: caller.user(),
            max_files: wanted.max_files.unwrap_or(1),
            files: 0,
            max_bytes: wanted.max_bytes,
            bytes: 0,
            mime_types: mime_types.unwrap_or_default(),
            collection_id: wanted.collection_id,
            tags: tags.unwrap_or_default(),
            properties: properties.unwrap_or_default(),
            origin,
            expires_at: now.plus(wanted.expires_in.map_or(DEFAULT_LIFE, Duration::from_secs)),
            created_at: now,
        })
    }

    /// Deletes a token: it is refused from the next request on; what came in by it stays.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_upload_token(&self, caller: &Caller, id: UploadTokenId, client: &Client) -> Result<()> {
        let who = caller.user();
        let entry = self.audit(Some(caller), client, "upload_token.deleted", id.to_string());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                if !upload_tokens::delete_for(tx, who, id)? {
                    return Err(Error::not_found().into());
                }
                audit::append(tx, &entry)?;
                Ok(())
            })
            .await?;
        self.access.clear();
        Ok(())
    }

    /// Whether pages of this origin may upload: a token that holds names it. Asked without credentials, since browsers
    /// send none with the question.
    pub async fn may_upload_from(&self, origin: &str) -> Result<bool> {
        if check_origin(origin).is_err() {
            return Ok(false);
        }
        let (origin, now) = (origin.to_owned(), self.now());
        Ok(self.store.read(move |db| upload_tokens::any_names_origin(db, &origin, now)).await?)
    }
}
