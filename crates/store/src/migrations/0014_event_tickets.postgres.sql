-- Tickets for a stream of events: once, for clients that cannot send a header. The secret is kept as SHA-256 alone. Either
-- session_id or key_id says whose rights it carries; good_until is the end of the access token that it was asked for with.
CREATE TABLE event_tickets (
    secret_hash BYTEA PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id UUID,
    key_id UUID,
    good_until BIGINT,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX event_tickets_user_id_idx ON event_tickets (user_id);
CREATE INDEX event_tickets_expires_at_idx ON event_tickets (expires_at);
