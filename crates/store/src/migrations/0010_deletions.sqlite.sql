-- When an account was deleted: from then on nothing finds it. Its row stays, empty, until all that it stored is gone.
ALTER TABLE users ADD COLUMN deleted_at INTEGER;
CREATE INDEX users_deleted_at_idx ON users (deleted_at) WHERE deleted_at IS NOT NULL;
