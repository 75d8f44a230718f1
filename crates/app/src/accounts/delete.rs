//! The end of an account: closed at once, taken apart afterwards. When the request is answered the key above all its
//! bytes is gone, so that nobody can read them any more, and nothing opens the account; rows and files follow in short
//! transactions, and what a crash or a large library leaves over is the timetable's.

use mv_core::audit::Entry;
use mv_core::event::Happened;
use mv_core::{Caller, Client, Code, Error, Role, UserId};
use mv_store::{Tx, administration, audit, blobs, erasure, events, transfers, users};

use crate::auth::proof::not_the_password;
use crate::{App, Result};

/// Items taken away in one transaction, so that other writers get their turn in between.
const BATCH: u32 = 100;
/// How many such transactions the request itself waits for; enough for most accounts.
const AT_ONCE: usize = 20;
/// The member that the password comes in.
const PROOF: &str = "password";

impl App {
    /// Deletes the caller's account and all that it holds.
    ///
    /// # Errors
    /// `validation_error` on `password`; `conflict` where nobody could administer any more.
    pub async fn delete_me(&self, caller: &Caller, client: &Client, password: &str) -> Result<()> {
        let id = caller.user();
        let proved = self.prove(PROOF, id, password).await?;
        let entry = self.audit(Some(caller), client, "user.deleted", id.to_string());
        self.delete_account(id, Some(proved), entry).await
    }

    /// Deletes an account and all that it holds. `proved` is the hash that its password must still have.
    ///
    /// # Errors
    /// `not_found`; `conflict` where nobody could administer any more.
    pub(crate) async fn delete_account(&self, id: UserId, proved: Option<String>, entry: Entry) -> Result<()> {
        let now = self.now();
        let event = self.event(Happened::UserDeleted(id));
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                administration::hold_administrators(tx)?;
                let user = users::find_for_change(tx, id)?.ok_or_else(Error::not_found)?;
                if proved.is_some() && users::password_hash(tx, id)? != proved {
                    return Err(not_the_password(PROOF).into());
                }
                let administers = user.role == Role::Admin && !user.disabled;
                if administers && !administration::has_other_administrator(tx, id)? {
                    let message = "The last administrator cannot be deleted; make somebody else one first";
                    return Err(Error::new(Code::Conflict, message).into());
                }
                if transfers::is_receiving(tx, id)? {
                    let message =
                        "The account is being given what another one held; it can be deleted when that is done";
                    return Err(Error::new(Code::Conflict, message).into());
                }
                erasure::close(tx, id, now)?;
                audit::append(tx, &entry)?;
                Ok(events::append(tx, &event)?)
            })
            .await?;
        self.access.clear();
        self.deliverer.accounts_changed();
        self.keyring.forget(id);
        self.store.empty_log();
        tracing::info!(user.id = %id, "account {id} was deleted");
        mv_blobs::failpoint::hit("C14");
        // The account is closed: what fails now is done later.
        if let Err(error) = self.erase(id, AT_ONCE).await {
            tracing::warn!(user.id = %id, cause = %crate::chain(&error), "account {id} is taken apart later");
        }
        Ok(())
    }

    /// Goes on taking closed accounts apart.
    ///
    /// # Errors
    /// Of the database; the rest is done the next time.
    pub(crate) async fn erase_closed(&self) -> Result<()> {
        let mut after = None;
        loop {
            let closed = self.store.read(move |db| erasure::closed_any(db, after, BATCH)).await?;
            let Some(last) = closed.last() else { return Ok(()) };
            after = Some(*last);
            for id in closed {
                self.erase(id, usize::MAX).await?;
            }
        }
    }

    /// Takes a closed account apart, in at most so many transactions.
    async fn erase(&self, id: UserId, transactions: usize) -> Result<()> {
        // Also a request that was under way when the account was closed may have left the key here.
        self.keyring.forget(id);
        let now = self.now();
        for _ in 0..transactions {
            let gone = self
                .store
                .write(move |tx: &Tx| -> Result<u64> {
                    let released = erasure::take_items(tx, id, BATCH)?;
                    for blob in &released {
                        blobs::release(tx, *blob, now)?;
                    }
                    if released.is_empty() { Ok(erasure::take_rest(tx, id, BATCH)?) } else { Ok(released.len() as u64) }
                })
                .await?;
            if gone == 0 {
                self.store.write(move |tx| erasure::finish(tx, id)).await?;
                self.store.empty_log();
                return Ok(());
            }
        }
        Ok(())
    }
}
