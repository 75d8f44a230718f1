-- Webhooks and what is delivered to them. Secrets are sealed under a key of the root key: they are needed in clear to sign.
-- old_secret_sealed signs too until old_secret_until. Deliveries go in parts after their webhook, so they do not refer to it.
CREATE TABLE webhooks (
    id BLOB PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    all_users INTEGER NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    description TEXT,
    enabled INTEGER NOT NULL,
    disabled_reason TEXT,
    failing_since INTEGER,
    from_position INTEGER NOT NULL,
    secret_sealed BLOB NOT NULL,
    old_secret_sealed BLOB,
    old_secret_until INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_owner_id_idx ON webhooks (owner_id, id);
CREATE INDEX webhooks_all_users_idx ON webhooks (id) WHERE all_users;

-- One event on its way to one webhook. next_at is set as long as it is to be tried.
CREATE TABLE deliveries (
    id BLOB PRIMARY KEY,
    webhook_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    position INTEGER,
    kind TEXT NOT NULL,
    resource TEXT NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER,
    response_status INTEGER,
    response_part TEXT,
    failure TEXT,
    duration_ms INTEGER,
    attempted_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_due_idx ON deliveries (webhook_id, next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_webhook_id_idx ON deliveries (webhook_id, id);
CREATE INDEX deliveries_status_idx ON deliveries (webhook_id, status, id);

-- How far events have been handed on to webhooks. What happened before there were any is nobody's.
ALTER TABLE event_order ADD COLUMN dispatched INTEGER NOT NULL DEFAULT 0;
UPDATE event_order SET dispatched = (SELECT coalesce(max(position), 0) FROM events);
