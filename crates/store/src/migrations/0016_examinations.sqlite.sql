-- What examining an item's bytes told, and the work that is still to be done. Items from before are as they were; an operator
-- has them examined by `mediavault reprocess --missing`.
ALTER TABLE media ADD COLUMN status TEXT NOT NULL DEFAULT 'ready';
ALTER TABLE media ADD COLUMN processing TEXT;
ALTER TABLE media ADD COLUMN width INTEGER;
ALTER TABLE media ADD COLUMN height INTEGER;
ALTER TABLE media ADD COLUMN duration_ms INTEGER;
ALTER TABLE media ADD COLUMN thumbhash TEXT;
ALTER TABLE media ADD COLUMN metadata TEXT;
ALTER TABLE media ADD COLUMN motion TEXT;
ALTER TABLE media ADD COLUMN pictured INTEGER NOT NULL DEFAULT 0;
CREATE INDEX media_failed_idx ON media (id) WHERE status = 'failed';

-- The same for the bytes, so that equal bytes are read once. found is what the worker answered, raw every tag, both JSON.
CREATE TABLE examinations (
    blob_id BLOB PRIMARY KEY REFERENCES blobs (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    found TEXT NOT NULL,
    raw TEXT NOT NULL,
    body TEXT,
    examined_at INTEGER NOT NULL
) STRICT;

-- One piece of work on one item. A job that runs is leased, and due_at is the end of its lease; one that is found leased when
-- it falls due was interrupted.
CREATE TABLE jobs (
    id BLOB PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    media_id BLOB NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    anew INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    interruptions INTEGER NOT NULL,
    leased INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_media_id_kind_key ON jobs (media_id, kind);
CREATE INDEX jobs_due_idx ON jobs (owner_id, kind, due_at, id);
CREATE INDEX jobs_leased_idx ON jobs (leased, due_at);
