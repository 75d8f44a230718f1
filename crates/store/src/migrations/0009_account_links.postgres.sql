-- Links that work once: invites to register, and what is sent to a person to prove a mailbox or to get back in.
CREATE TABLE invites (
    id UUID PRIMARY KEY,
    secret_hash BYTEA NOT NULL,
    email TEXT,
    role TEXT NOT NULL,
    quota_bytes BIGINT,
    expires_at BIGINT NOT NULL,
    created_by UUID NOT NULL,
    used_by UUID,
    used_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX invites_secret_hash_key ON invites (secret_hash);

-- kind: reset (a new password), email (a new address, held in email), setup (the first administrator; no user yet).
CREATE TABLE account_links (
    secret_hash BYTEA PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id UUID REFERENCES users (id) ON DELETE CASCADE,
    email TEXT,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX account_links_user_id_idx ON account_links (user_id);
CREATE INDEX account_links_expires_at_idx ON account_links (expires_at);
