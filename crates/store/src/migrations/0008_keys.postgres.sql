-- Credentials of programs: keys that carry scopes, and tokens that only upload. Secrets are kept as SHA-256 alone.
CREATE TABLE api_keys (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    scopes TEXT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX api_keys_secret_hash_key ON api_keys (secret_hash);
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id, id);

CREATE TABLE upload_tokens (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash BYTEA NOT NULL,
    max_files BIGINT NOT NULL,
    files BIGINT NOT NULL,
    max_bytes BIGINT,
    bytes BIGINT NOT NULL,
    mime_types TEXT,
    collection_id UUID,
    tags TEXT,
    properties TEXT,
    origin TEXT,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX upload_tokens_secret_hash_key ON upload_tokens (secret_hash);
CREATE INDEX upload_tokens_user_id_idx ON upload_tokens (user_id);
CREATE INDEX upload_tokens_expires_at_idx ON upload_tokens (expires_at);
CREATE INDEX upload_tokens_origin_idx ON upload_tokens (origin) WHERE origin IS NOT NULL;
