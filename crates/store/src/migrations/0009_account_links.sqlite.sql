-- Links that work once: invites to register, and what is sent to a person to prove a mailbox or to get back in.
CREATE TABLE invites (
    id BLOB PRIMARY KEY,
    secret_hash BLOB NOT NULL,
    email TEXT,
    role TEXT NOT NULL,
    quota_bytes INTEGER,
    expires_at INTEGER NOT NULL,
    created_by BLOB NOT NULL,
    used_by BLOB,
    used_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX invites_secret_hash_key ON invites (secret_hash);

-- kind: reset (a new password), email (a new address, held in email), setup (the first administrator; no user yet).
CREATE TABLE account_links (
    secret_hash BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id BLOB REFERENCES users (id) ON DELETE CASCADE,
    email TEXT,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX account_links_user_id_idx ON account_links (user_id);
CREATE INDEX account_links_expires_at_idx ON account_links (expires_at);
