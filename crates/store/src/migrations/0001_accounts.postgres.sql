-- Accounts, their keys and sessions.
CREATE TABLE vault (
    name TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE users (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL,
    email_folded TEXT NOT NULL,
    username TEXT,
    username_folded TEXT,
    display_name TEXT,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    quota_bytes BIGINT,
    link_epoch BIGINT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_email_folded_key ON users (email_folded);
CREATE UNIQUE INDEX users_username_folded_key ON users (username_folded);

-- The wrapped key of each user: deleting the row shreds all that the user stored.
CREATE TABLE user_keys (
    user_id UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
