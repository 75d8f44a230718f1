//! Deliveries of events to webhooks, and how far the outbox has been turned into them. A delivery is `pending` exactly as
//! long as it has a `next_at`.

use mv_core::webhook::{Delivery, DeliveryStatus};
use mv_core::{DeliveryId, Timestamp, WebhookId};

use crate::{Conn, Error, FromRow, Result, Row, Tx, sql};

macro_rules! delivery_columns {
    () => {
        "id, webhook_id, event_id, position, kind, resource, body, status, attempts, next_at, response_status, response_part, \
         failure, duration_ms, attempted_at, created_at"
    };
}

impl FromRow for Delivery {
    fn from_row(row: &mut Row<'_>) -> std::result::Result<Self, Error> {
        Ok(Self {
            id: row.read()?,
            webhook_id: row.read()?,
            event_id: row.read()?,
            position: row.read()?,
            kind: row.read()?,
            resource: row.read()?,
            body: row.read()?,
            status: row.read()?,
            attempts: row.read()?,
            next_at: row.read()?,
            response_status: row.read()?,
            response_part: row.read()?,
            failure: row.read()?,
            duration_ms: row.read()?,
            attempted_at: row.read()?,
            created_at: row.read()?,
        })
    }
}

/// A new delivery, not yet tried.
pub fn insert(tx: &Tx, delivery: &Delivery) -> Result<()> {
    tx.changed(
        sql("INSERT INTO deliveries (id, webhook_id, event_id, position, kind, resource, body, status, attempts, next_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)")
        .bind(delivery.id)
        .bind(delivery.webhook_id)
        .bind(delivery.event_id)
        .bind(delivery.position)
        .bind(delivery.kind.as_str())
        .bind(delivery.resource.as_str())
        .bind(delivery.body.as_str())
        .bind(delivery.status.as_str())
        .bind(delivery.next_at)
        .bind(delivery.created_at),
    )?;
    Ok(())
}

/// How far the outbox has been turned into deliveries, as it is kept; what happened since may have been looked at and
/// found to be for no webhook.
pub fn handed_on(db: &Conn) -> Result<i64> {
    db.one(sql("SELECT dispatched FROM event_order WHERE only_row = 1"))
}

/// As `handed_on`, held until the transaction ends: of several that hand on, each begins where the one before ended.
pub fn hold_handed_on(tx: &Tx) -> Result<i64> {
    tx.changed(sql("UPDATE event_order SET dispatched = dispatched WHERE only_row = 1"))?;
    handed_on(tx)
}

/// Everything up to there has been handed on.
pub fn set_handed_on(tx: &Tx, position: i64) -> Result<()> {
    tx.changed(sql("UPDATE event_order SET dispatched = $1 WHERE only_row = 1 AND dispatched < $1").bind(position))?;
    Ok(())
}

/// Deliveries of a webhook that are due, in the order in which they fell due: those behind `after`.
pub fn due_any(
    db: &Conn,
    webhook: WebhookId,
    now: Timestamp,
    (after, after_id): (Timestamp, DeliveryId),
    limit: u32,
) -> Result<Vec<Delivery>> {
    db.all(
        sql(concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM deliveries WHERE webhook_id = $1 AND next_at <= $2 AND (next_at, id) > ($3, $4)
              ORDER BY next_at, id LIMIT $5"
        ))
        .bind(webhook)
        .bind(now)
        .bind(after)
        .bind(after_id)
        .bind(limit),
    )
}

/// When the next delivery of a webhook falls due that is not due now.
pub fn next_due_any(db: &Conn, webhook: WebhookId, now: Timestamp) -> Result<Option<Timestamp>> {
    db.one(sql("SELECT min(next_at) FROM deliveries WHERE webhook_id = $1 AND next_at > $2").bind(webhook).bind(now))
}

/// The first webhook with an id behind `after` that has something to be tried, now or later.
pub fn next_waiting_any(db: &Conn, after: WebhookId) -> Result<Option<WebhookId>> {
    db.optional(
        sql("SELECT webhook_id FROM deliveries WHERE webhook_id > $1 AND next_at IS NOT NULL ORDER BY webhook_id LIMIT 1")
            .bind(after),
    )
}

/// The first webhook with an id behind `after` that has any delivery.
pub fn next_webhook_any(db: &Conn, after: WebhookId) -> Result<Option<WebhookId>> {
    db.optional(sql("SELECT webhook_id FROM deliveries WHERE webhook_id > $1 ORDER BY webhook_id LIMIT 1").bind(after))
}

/// Writes how a try ended, unless the delivery has ended meanwhile; returns whether it was written.
pub fn settle_any(tx: &Tx, delivery: &Delivery) -> Result<bool> {
    let written = tx.changed(
        sql("UPDATE deliveries SET status = $2, attempts = $3, next_at = $4, response_status = $5, response_part = $6,
                                   failure = $7, duration_ms = $8, attempted_at = $9
             WHERE id = $1 AND next_at IS NOT NULL")
        .bind(delivery.id)
        .bind(delivery.status.as_str())
        .bind(delivery.attempts)
        .bind(delivery.next_at)
        .bind(delivery.response_status)
        .bind(delivery.response_part.as_deref())
        .bind(delivery.failure.as_deref())
        .bind(delivery.duration_ms)
        .bind(delivery.attempted_at),
    )?;
    Ok(written == 1)
}

/// A delivery of a webhook.
pub fn find_of(db: &Conn, webhook: WebhookId, id: DeliveryId) -> Result<Option<Delivery>> {
    let statement = sql(concat!("SELECT ", delivery_columns!(), " FROM deliveries WHERE id = $1 AND webhook_id = $2"));
    db.optional(statement.bind(id).bind(webhook))
}

/// Deliveries of a webhook, newest first: behind `after`, or after `skip` of them.
pub fn page_of(
    db: &Conn,
    webhook: WebhookId,
    status: Option<DeliveryStatus>,
    (after, skip): (Option<DeliveryId>, u64),
    limit: u32,
) -> Result<Vec<Delivery>> {
    let mut query =
        sql(concat!("SELECT ", delivery_columns!(), " FROM deliveries WHERE webhook_id = $1")).bind(webhook);
    if let Some(status) = status {
        query.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit).push(" OFFSET ").push_bind(skip);
    db.all(query)
}

/// How many deliveries a webhook has, counted up to `limit`.
pub fn count_of(db: &Conn, webhook: WebhookId, status: Option<DeliveryStatus>, limit: u64) -> Result<u64> {
    let mut query = sql("SELECT count(*) FROM (SELECT id FROM deliveries WHERE webhook_id = $1").bind(webhook);
    if let Some(status) = status {
        query.push(" AND status = ").push_bind(status.as_str());
    }
    query.push(" LIMIT ").push_bind(limit).push(") AS counted");
    db.one(query)
}

/// Removes up to `limit` deliveries of a webhook, whatever became of them; returns how many.
pub fn delete_of(tx: &Tx, webhook: WebhookId, limit: u32) -> Result<u64> {
    tx.changed(
        sql("DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE webhook_id = $1 LIMIT $2)")
            .bind(webhook)
            .bind(limit),
    )
}

/// Forgets up to `limit` deliveries that have ended and were made before `oldest`; returns how many.
pub fn purge(tx: &Tx, oldest: Timestamp, limit: u32) -> Result<u64> {
    tx.changed(
        sql("DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE id < $1 AND next_at IS NULL ORDER BY id LIMIT $2)")
            .bind(DeliveryId::floor_of(oldest))
            .bind(limit),
    )
}

/// The earliest event that some delivery still tells of.
pub fn first_undelivered(db: &Conn) -> Result<Option<i64>> {
    db.one(sql("SELECT min(position) FROM deliveries WHERE next_at IS NOT NULL"))
}
