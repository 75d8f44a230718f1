-- Answers of creating requests, sealed, kept 24 hours so that a retry answers as the first try did.
CREATE TABLE idempotency (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    route TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    answer_sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, route, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_created_at_idx ON idempotency (created_at);
