//! Accounts as administrators see and change them: lists with what each holds, rights, and who else may administer.
//! Not here: what the account's own user does (`users.rs`).

use mv_core::user::{User, UserFilter, fold_login};
use mv_core::{Role, UserId};

use crate::usage::Usage;
use crate::users::user_columns;
use crate::{Conn, Result, Sql, Tx, sql};

/// An account and what it holds.
pub fn find(db: &Conn, id: UserId) -> Result<Option<(User, Usage)>> {
    db.optional(
        sql(concat!(
            "SELECT ",
            user_columns!(),
            ", g.items, g.trash_items, g.bytes, g.trash_bytes FROM users u JOIN usage g ON g.owner_id = u.id WHERE u.id = $1"
        ))
        .bind(id),
    )
}

/// The accounts that fit, newest first: behind `after`, or after `skip` of them.
pub fn page(
    db: &Conn,
    filter: &UserFilter,
    after: Option<UserId>,
    skip: u64,
    limit: u32,
) -> Result<Vec<(User, Usage)>> {
    let mut query = sql(concat!(
        "SELECT ",
        user_columns!(),
        ", g.items, g.trash_items, g.bytes, g.trash_bytes FROM users u JOIN usage g ON g.owner_id = u.id WHERE TRUE"
    ));
    narrow(&mut query, filter);
    if let Some(after) = after {
        query.push(" AND u.id < ").push_bind(after);
    }
    query.push(" ORDER BY u.id DESC LIMIT ").push_bind(limit).push(" OFFSET ").push_bind(skip);
    db.all(query)
}

/// How many accounts fit.
pub fn count(db: &Conn, filter: &UserFilter) -> Result<u64> {
    let mut query = sql("SELECT count(*) FROM users u WHERE u.deleted_at IS NULL");
    narrow(&mut query, filter);
    db.one(query)
}

fn narrow(query: &mut Sql, filter: &UserFilter) {
    if let Some(email) = &filter.email {
        let folded = fold_login(email);
        let letters = folded.chars().count() as u64;
        query
            .push(" AND substr(u.email_folded, 1, CAST(")
            .push_bind(letters)
            .push(" AS INTEGER)) = ")
            .push_bind(folded);
    }
    if let Some(role) = filter.role {
        query.push(" AND u.role = ").push_bind(role.as_str());
    }
    if let Some(disabled) = filter.disabled {
        query.push(" AND u.disabled = ").push_bind(disabled);
    }
}

/// Lines up all changes that may take an administrator away, until the transaction ends: of two who take each other's
/// rights at the same time, the second sees what the first did. Taken before any account is held.
pub fn hold_administrators(tx: &Tx) -> Result<()> {
    tx.changed(sql("UPDATE vault SET value = value WHERE name = $1").bind("vault_id"))?;
    Ok(())
}

/// Whether somebody else could still administer.
pub fn has_other_administrator(db: &Conn, than: UserId) -> Result<bool> {
    let found: Option<UserId> = db.optional(
        sql("SELECT id FROM users WHERE role = $1 AND disabled = FALSE AND id <> $2 LIMIT 1")
            .bind(Role::Admin.as_str())
            .bind(than),
    )?;
    Ok(found.is_some())
}

/// Writes role, quota, whether the account is disabled, and which signed links hold.
pub fn set_rights(tx: &Tx, user: &User) -> Result<()> {
    tx.changed(
        sql("UPDATE users SET role = $2, quota_bytes = $3, disabled = $4, link_epoch = $5, updated_at = $6 WHERE id = $1")
            .bind(user.id)
            .bind(user.role.as_str())
            .bind(user.quota_bytes)
            .bind(user.disabled)
            .bind(user.link_epoch)
            .bind(user.updated_at),
    )?;
    Ok(())
}
