//! Accounts. Lookups by login name are unscoped, since nobody is known yet at that moment. A deleted account is not
//! found by anything here; what is left of it is in `erasure.rs`.

use mv_core::user::{User, fold_login};
use mv_core::{Role, Timestamp, UserId};

use crate::{Conn, Result, Tx, account_links, row, sql};

row!(User {
    id,
    email,
    username,
    display_name,
    role,
    time_zone,
    quota_bytes,
    link_epoch,
    disabled,
    created_at,
    updated_at
});

macro_rules! user_columns {
    () => {
        "u.id, u.email, u.username, u.display_name, u.role, u.time_zone, u.quota_bytes, u.link_epoch, u.disabled, u.created_at, u.updated_at"
    };
}
pub(crate) use user_columns;

/// A new account with the hash of its password, and its empty usage.
///
/// # Errors
/// `Conflict` on `email_folded` or `username_folded` where the name is taken.
pub fn insert(tx: &Tx, user: &User, password_hash: &str) -> Result<()> {
    tx.changed(
        sql("INSERT INTO users (id, email, email_folded, username, username_folded, display_name, password_hash, role, time_zone,
                                quota_bytes, link_epoch, disabled, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)")
        .bind(user.id)
        .bind(user.email.as_str())
        .bind(fold_login(&user.email))
        .bind(user.username.as_deref())
        .bind(user.username.as_deref().map(fold_login))
        .bind(user.display_name.as_deref())
        .bind(password_hash)
        .bind(user.role.as_str())
        .bind(user.time_zone.as_str())
        .bind(user.quota_bytes)
        .bind(user.link_epoch)
        .bind(user.disabled)
        .bind(user.created_at)
        .bind(user.updated_at),
    )?;
    tx.changed(
        sql("INSERT INTO usage (owner_id, items, trash_items, bytes, trash_bytes) VALUES ($1, 0, 0, 0, 0)")
            .bind(user.id),
    )?;
    Ok(())
}

/// The account.
pub fn find(db: &Conn, id: UserId) -> Result<Option<User>> {
    db.optional(
        sql(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL")).bind(id),
    )
}

/// The account, held until the transaction ends, so that changes of it come one after the other.
pub fn find_for_change(tx: &Tx, id: UserId) -> Result<Option<User>> {
    let held =
        tx.changed(sql("UPDATE users SET updated_at = updated_at WHERE id = $1 AND deleted_at IS NULL").bind(id))?;
    if held == 1 { find(tx, id) } else { Ok(None) }
}

/// The account with this e-mail address or username, whatever the case, and its password's hash.
pub fn by_login(db: &Conn, name: &str) -> Result<Option<(User, String)>> {
    let folded = fold_login(name);
    // Two indexed lookups: `OR` over two unique columns reads both indexes on either database anyway.
    let by_email = db.optional(
        sql(concat!(
            "SELECT ",
            user_columns!(),
            ", u.password_hash FROM users u WHERE u.email_folded = $1 AND u.deleted_at IS NULL"
        ))
        .bind(folded.as_str()),
    )?;
    match by_email {
        Some(found) => Ok(Some(found)),
        None => db.optional(
            sql(concat!(
                "SELECT ",
                user_columns!(),
                ", u.password_hash FROM users u WHERE u.username_folded = $1 AND u.deleted_at IS NULL"
            ))
            .bind(folded),
        ),
    }
}

/// The hash of the account's password.
pub fn password_hash(db: &Conn, id: UserId) -> Result<Option<String>> {
    db.optional(sql("SELECT password_hash FROM users WHERE id = $1").bind(id))
}

/// Writes what the profile holds.
///
/// # Errors
/// `Conflict` on `email_folded` or `username_folded` where the name is taken.
pub fn update_profile(tx: &Tx, user: &User) -> Result<()> {
    tx.changed(
        sql("UPDATE users SET email = $2, email_folded = $3, username = $4, username_folded = $5, display_name = $6, time_zone = $7,
                              updated_at = $8 WHERE id = $1")
        .bind(user.id)
        .bind(user.email.as_str())
        .bind(fold_login(&user.email))
        .bind(user.username.as_deref())
        .bind(user.username.as_deref().map(fold_login))
        .bind(user.display_name.as_deref())
        .bind(user.time_zone.as_str())
        .bind(user.updated_at),
    )?;
    Ok(())
}

/// A new hash of the same password (its parameters have grown).
pub fn rehash(tx: &Tx, id: UserId, old_hash: &str, new_hash: &str) -> Result<()> {
    tx.changed(
        sql("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2")
            .bind(id)
            .bind(old_hash)
            .bind(new_hash),
    )?;
    Ok(())
}

/// A new password: every signed link of the user dies with the old one, and so does what was sent to get back in.
pub fn set_password(tx: &Tx, id: UserId, hash: &str, now: Timestamp) -> Result<bool> {
    account_links::end_all(tx, id)?;
    let statement =
        sql("UPDATE users SET password_hash = $2, link_epoch = link_epoch + 1, updated_at = $3 WHERE id = $1");
    Ok(tx.changed(statement.bind(id).bind(hash).bind(now))? == 1)
}

/// A new password in place of the one with this hash: every signed link of the user dies with it. Of many at once
/// exactly one succeeds.
pub fn replace_password(tx: &Tx, id: UserId, old_hash: &str, new_hash: &str, now: Timestamp) -> Result<bool> {
    let statement = sql("UPDATE users SET password_hash = $3, link_epoch = link_epoch + 1, updated_at = $4
                         WHERE id = $1 AND password_hash = $2");
    let replaced = tx.changed(statement.bind(id).bind(old_hash).bind(new_hash).bind(now))? == 1;
    if replaced {
        account_links::end_all(tx, id)?;
    }
    Ok(replaced)
}

/// The account with exactly this e-mail address, whatever the case.
pub fn by_email(db: &Conn, email: &str) -> Result<Option<User>> {
    db.optional(
        sql(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.email_folded = $1 AND u.deleted_at IS NULL"))
            .bind(fold_login(email)),
    )
}

/// The account with exactly this username, whatever the case.
pub fn by_username(db: &Conn, username: &str) -> Result<Option<User>> {
    db.optional(
        sql(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.username_folded = $1 AND u.deleted_at IS NULL"))
            .bind(fold_login(username)),
    )
}

/// Whether there is an administrator.
pub fn any_admin(db: &Conn) -> Result<bool> {
    let found: Option<UserId> =
        db.optional(sql("SELECT id FROM users WHERE role = $1 LIMIT 1").bind(Role::Admin.as_str()))?;
    Ok(found.is_some())
}

/// Accounts in the order they were made, behind `after`; less those that are being taken apart.
pub fn list_any(db: &Conn, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
    let mut query = sql(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.deleted_at IS NULL"));
    if let Some(after) = after {
        query.push(" AND u.id > ").push_bind(after);
    }
    query.push(" ORDER BY u.id LIMIT ").push_bind(limit);
    db.all(query)
}
