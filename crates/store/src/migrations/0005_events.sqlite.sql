-- The outbox: one row an event, written with the change it tells of. Numbered at once: there is one writer.
CREATE TABLE events (
    id BLOB PRIMARY KEY,
    position INTEGER,
    owner_id BLOB NOT NULL,
    type TEXT NOT NULL,
    resource TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_position_key ON events (position);
CREATE INDEX events_owner_id_idx ON events (owner_id, position);
