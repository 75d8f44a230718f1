-- What examining an item's bytes told, and the work that is still to be done. Items from before are as they were; an operator
-- has them examined by `mediavault reprocess --missing`.
ALTER TABLE media ADD COLUMN status TEXT NOT NULL DEFAULT 'ready';
ALTER TABLE media ADD COLUMN processing TEXT;
ALTER TABLE media ADD COLUMN width BIGINT;
ALTER TABLE media ADD COLUMN height BIGINT;
ALTER TABLE media ADD COLUMN duration_ms BIGINT;
ALTER TABLE media ADD COLUMN thumbhash TEXT;
ALTER TABLE media ADD COLUMN metadata TEXT;
ALTER TABLE media ADD COLUMN motion TEXT;
ALTER TABLE media ADD COLUMN pictured BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX media_failed_idx ON media (id) WHERE status = 'failed';

-- The same for the bytes, so that equal bytes are read once. found is what the worker answered, raw every tag, both JSON.
CREATE TABLE examinations (
    blob_id UUID PRIMARY KEY REFERENCES blobs (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    found TEXT NOT NULL,
    raw TEXT NOT NULL,
    body TEXT,
    examined_at BIGINT NOT NULL
);

-- One piece of work on one item. A job that runs is leased, and due_at is the end of its lease; one that is found leased when
-- it falls due was interrupted.
CREATE TABLE jobs (
    id UUID PRIMARY KEY,
    owner_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    media_id UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    anew BOOLEAN NOT NULL,
    attempts BIGINT NOT NULL,
    interruptions BIGINT NOT NULL,
    leased BOOLEAN NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX jobs_media_id_kind_key ON jobs (media_id, kind);
CREATE INDEX jobs_due_idx ON jobs (owner_id, kind, due_at, id);
CREATE INDEX jobs_leased_idx ON jobs (leased, due_at);
