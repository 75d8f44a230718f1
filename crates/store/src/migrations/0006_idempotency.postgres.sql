-- Answers of creating requests, sealed, kept 24 hours so that a retry answers as the first try did.
CREATE TABLE idempotency (
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    route TEXT NOT NULL,
    key_hash BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    answer_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, route, key_hash)
);
CREATE INDEX idempotency_created_at_idx ON idempotency (created_at);
