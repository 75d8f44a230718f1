-- Credentials of programs: keys that carry scopes, and tokens that only upload. Secrets are kept as SHA-256 alone.
CREATE TABLE api_keys (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    scopes TEXT NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX api_keys_secret_hash_key ON api_keys (secret_hash);
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id, id);

CREATE TABLE upload_tokens (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash BLOB NOT NULL,
    max_files INTEGER NOT NULL,
    files INTEGER NOT NULL,
    max_bytes INTEGER,
    bytes INTEGER NOT NULL,
    mime_types TEXT,
    collection_id BLOB,
    tags TEXT,
    properties TEXT,
    origin TEXT,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX upload_tokens_secret_hash_key ON upload_tokens (secret_hash);
CREATE INDEX upload_tokens_user_id_idx ON upload_tokens (user_id);
CREATE INDEX upload_tokens_expires_at_idx ON upload_tokens (expires_at);
CREATE INDEX upload_tokens_origin_idx ON upload_tokens (origin) WHERE origin IS NOT NULL;
