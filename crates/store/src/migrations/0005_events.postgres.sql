-- The outbox: one row an event, written with the change it tells of. Numbered later by one leader, in commit order.
CREATE TABLE events (
    id UUID PRIMARY KEY,
    position BIGINT,
    owner_id UUID NOT NULL,
    type TEXT NOT NULL,
    resource TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX events_position_key ON events (position);
CREATE INDEX events_owner_id_idx ON events (owner_id, position);
