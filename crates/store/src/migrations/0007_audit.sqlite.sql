-- What people and programs did to accounts, keys and the server, beside the events that tell of content.
CREATE TABLE audit (
    id BLOB PRIMARY KEY,
    actor_id BLOB,
    credential TEXT NOT NULL,
    type TEXT NOT NULL,
    resource TEXT NOT NULL,
    address TEXT,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_actor_id_idx ON audit (actor_id, id);
CREATE INDEX audit_created_at_idx ON audit (created_at);

-- Failed logins by account and by address, so that guessing slows down on every node alike.
CREATE TABLE login_failures (
    key BLOB PRIMARY KEY,
    count INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL
) STRICT;
CREATE INDEX login_failures_last_at_idx ON login_failures (last_at);

-- Where a session was begun, for the list of sessions.
ALTER TABLE sessions ADD COLUMN user_agent TEXT;
ALTER TABLE sessions ADD COLUMN address TEXT;
