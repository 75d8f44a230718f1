-- Tickets for a stream of events: once, for clients that cannot send a header. The secret is kept as SHA-256 alone. Either
-- session_id or key_id says whose rights it carries; good_until is the end of the access token that it was asked for with.
CREATE TABLE event_tickets (
    secret_hash BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id BLOB,
    key_id BLOB,
    good_until INTEGER,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX event_tickets_user_id_idx ON event_tickets (user_id);
CREATE INDEX event_tickets_expires_at_idx ON event_tickets (expires_at);
