//! Webhooks. Their secrets come and go sealed; nothing here can open them.
//! `admin` says whether the caller may see those that get everybody's events; for others such a webhook is not there.

use mv_core::webhook::Webhook;
use mv_core::{Role, Timestamp, UserId, WebhookId};

use crate::{Conn, Result, Tx, row, sql};

row!(Webhook {
    id,
    owner_id,
    all,
    url,
    events,
    description,
    enabled,
    disabled_reason,
    failing_since,
    from_position,
    created_at,
    updated_at,
});
row!(Sealed { id, owner_id, current, old, old_until });
row!(Endpoint { webhook, sealed, owner_disabled, owner_role });

macro_rules! webhook_columns {
    () => {
        "w.id, w.owner_id, w.all_users, w.url, w.events, w.description, w.enabled, w.disabled_reason, w.failing_since, \
         w.from_position, w.created_at, w.updated_at"
    };
}

macro_rules! sealed_columns {
    () => {
        "w.id, w.owner_id, w.secret_sealed, w.old_secret_sealed, w.old_secret_until"
    };
}

/// The secrets of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Whose they are.
    pub id: WebhookId,
    /// Whose it is.
    pub owner_id: UserId,
    /// The one that signs.
    pub current: Vec<u8>,
    /// The one before, which signs too until `old_until`.
    pub old: Option<Vec<u8>>,
    /// Until when.
    pub old_until: Option<Timestamp>,
}

/// A webhook as deliveries need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The webhook.
    pub webhook: Webhook,
    /// What signs.
    pub sealed: Sealed,
    /// Whether its owner is locked out.
    pub owner_disabled: bool,
    /// What its owner may do.
    pub owner_role: Role,
}

impl Endpoint {
    /// Whether anything may be sent there now.
    pub fn is_open(&self) -> bool {
        self.webhook.enabled && !self.owner_disabled && (!self.webhook.all || self.owner_role == Role::Admin)
    }
}

/// A new webhook.
pub fn insert(tx: &Tx, webhook: &Webhook, secret_sealed: Vec<u8>) -> Result<()> {
    tx.changed(
        sql("INSERT INTO webhooks (id, owner_id, all_users, url, events, description, enabled, disabled_reason, failing_since,
                                   from_position, secret_sealed, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
        .bind(webhook.id)
        .bind(webhook.owner_id)
        .bind(webhook.all)
        .bind(webhook.url.as_str())
        .bind(webhook.events.to_text())
        .bind(webhook.description.as_deref())
        .bind(webhook.enabled)
        .bind(webhook.disabled_reason.map(|reason| reason.as_str()))
        .bind(webhook.failing_since)
        .bind(webhook.from_position)
        .bind(secret_sealed)
        .bind(webhook.created_at)
        .bind(webhook.updated_at),
    )?;
    Ok(())
}

/// The user's webhook.
pub fn find_for(db: &Conn, who: UserId, id: WebhookId, admin: bool) -> Result<Option<Webhook>> {
    db.optional(
        sql(concat!(
            "SELECT ",
            webhook_columns!(),
            " FROM webhooks w WHERE w.id = $1 AND w.owner_id = $2 AND (NOT w.all_users OR $3)"
        ))
        .bind(id)
        .bind(who)
        .bind(admin),
    )
}

/// As `find_for`, held until the transaction ends.
pub fn find_for_change(tx: &Tx, who: UserId, id: WebhookId, admin: bool) -> Result<Option<Webhook>> {
    tx.changed(sql("UPDATE webhooks SET updated_at = updated_at WHERE id = $1 AND owner_id = $2").bind(id).bind(who))?;
    find_for(tx, who, id, admin)
}

/// All webhooks of the user, newest first; there are at most `MAX_WEBHOOKS`.
pub fn list_for(db: &Conn, who: UserId, admin: bool) -> Result<Vec<Webhook>> {
    db.all(
        sql(concat!(
            "SELECT ",
            webhook_columns!(),
            " FROM webhooks w WHERE w.owner_id = $1 AND (NOT w.all_users OR $2) ORDER BY w.id DESC"
        ))
        .bind(who)
        .bind(admin),
    )
}

/// How many webhooks the user has.
pub fn count_for(db: &Conn, who: UserId) -> Result<u64> {
    db.one(sql("SELECT count(*) FROM webhooks WHERE owner_id = $1").bind(who))
}

/// Writes what may change of a webhook.
pub fn set(tx: &Tx, webhook: &Webhook) -> Result<()> {
    tx.changed(
        sql("UPDATE webhooks SET url = $2, events = $3, description = $4, enabled = $5, disabled_reason = $6,
                                 failing_since = $7, from_position = $8, updated_at = $9
             WHERE id = $1")
        .bind(webhook.id)
        .bind(webhook.url.as_str())
        .bind(webhook.events.to_text())
        .bind(webhook.description.as_deref())
        .bind(webhook.enabled)
        .bind(webhook.disabled_reason.map(|reason| reason.as_str()))
        .bind(webhook.failing_since)
        .bind(webhook.from_position)
        .bind(webhook.updated_at),
    )?;
    Ok(())
}

/// Deletes a webhook; returns whether the user had it. Its deliveries go later, in parts.
pub fn delete_for(tx: &Tx, who: UserId, id: WebhookId, admin: bool) -> Result<bool> {
    let statement = sql("DELETE FROM webhooks WHERE id = $1 AND owner_id = $2 AND (NOT all_users OR $3)");
    Ok(tx.changed(statement.bind(id).bind(who).bind(admin))? == 1)
}

/// Another secret signs from now on; the one before signs too until then.
pub fn rotate(tx: &Tx, id: WebhookId, secret_sealed: Vec<u8>, old_until: Timestamp, now: Timestamp) -> Result<()> {
    tx.changed(
        sql("UPDATE webhooks SET old_secret_sealed = secret_sealed, secret_sealed = $2, old_secret_until = $3, updated_at = $4
             WHERE id = $1")
        .bind(id)
        .bind(secret_sealed)
        .bind(old_until)
        .bind(now),
    )?;
    Ok(())
}

/// Those that are told what happened to these users: theirs, and administrators' that get everybody's.
pub fn told_of_any(db: &Conn, owners: &[UserId]) -> Result<Vec<Webhook>> {
    let mut own = sql(concat!(
        "SELECT ",
        webhook_columns!(),
        " FROM webhooks w JOIN users u ON u.id = w.owner_id
          WHERE w.enabled AND NOT w.all_users AND NOT u.disabled AND w.owner_id IN "
    ));
    own.push_list(owners.iter().copied());
    let mut found: Vec<Webhook> = db.all(own)?;
    found.extend(
        db.all::<Webhook>(
            sql(concat!(
                "SELECT ",
                webhook_columns!(),
                " FROM webhooks w JOIN users u ON u.id = w.owner_id
              WHERE w.all_users AND w.enabled AND NOT u.disabled AND u.role = $1 ORDER BY w.id"
            ))
            .bind(Role::Admin.as_str()),
        )?,
    );
    Ok(found)
}

/// A webhook as deliveries need it; none where it is gone.
pub fn endpoint_any(db: &Conn, id: WebhookId) -> Result<Option<Endpoint>> {
    db.optional(
        sql(concat!(
            "SELECT ",
            webhook_columns!(),
            ", ",
            sealed_columns!(),
            ", u.disabled, u.role FROM webhooks w JOIN users u ON u.id = w.owner_id WHERE w.id = $1"
        ))
        .bind(id),
    )
}

/// Notes that a webhook has begun to fail, unless it has been failing; returns since when.
pub fn note_failing_any(tx: &Tx, id: WebhookId, now: Timestamp) -> Result<Option<Timestamp>> {
    tx.changed(
        sql("UPDATE webhooks SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL").bind(id).bind(now),
    )?;
    let since: Option<Option<Timestamp>> =
        tx.optional(sql("SELECT failing_since FROM webhooks WHERE id = $1").bind(id))?;
    Ok(since.flatten())
}

/// Notes that a webhook took something.
pub fn note_working_any(tx: &Tx, id: WebhookId) -> Result<()> {
    tx.changed(sql("UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL").bind(id))?;
    Ok(())
}

/// Switches a webhook off; returns whose it is, or none where it was off or is gone.
pub fn switch_off_any(tx: &Tx, id: WebhookId, reason: &'static str, now: Timestamp) -> Result<Option<UserId>> {
    tx.optional(
        sql("UPDATE webhooks SET enabled = FALSE, disabled_reason = $2, updated_at = $3 WHERE id = $1 AND enabled
             RETURNING owner_id")
        .bind(id)
        .bind(reason)
        .bind(now),
    )
}

/// Secrets of webhooks with ids behind `after`, for a new root key.
pub fn sealed_any(db: &Conn, after: WebhookId, limit: u32) -> Result<Vec<Sealed>> {
    let statement =
        sql(concat!("SELECT ", sealed_columns!(), " FROM webhooks w WHERE w.id > $1 ORDER BY w.id LIMIT $2"));
    db.all(statement.bind(after).bind(limit))
}

/// Puts secrets in the place of others.
pub fn reseal_any(tx: &Tx, sealed: &Sealed) -> Result<()> {
    tx.changed(
        sql("UPDATE webhooks SET secret_sealed = $2, old_secret_sealed = $3, old_secret_until = $4 WHERE id = $1")
            .bind(sealed.id)
            .bind(sealed.current.clone())
            .bind(sealed.old.clone())
            .bind(sealed.old_until),
    )?;
    Ok(())
}
