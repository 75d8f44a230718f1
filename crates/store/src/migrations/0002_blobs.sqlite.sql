-- Stored bytes: a blob is an ordered list of encrypted segments, shared by items of one owner.
CREATE TABLE blobs (
    id BLOB PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id),
    dedupe_tag BLOB NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    crc32 INTEGER NOT NULL,
    checksum_sealed BLOB NOT NULL,
    manifest_mac BLOB NOT NULL,
    refs INTEGER NOT NULL CHECK (refs >= 0),
    dead_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX blobs_owner_id_dedupe_tag_key ON blobs (owner_id, dedupe_tag);
CREATE INDEX blobs_dead_at_idx ON blobs (dead_at) WHERE dead_at IS NOT NULL;

CREATE TABLE segments (
    id BLOB PRIMARY KEY,
    blob_id BLOB NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    plain_len INTEGER NOT NULL,
    sealed_len INTEGER NOT NULL,
    wrapped_key BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    format INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX segments_blob_id_position_key ON segments (blob_id, position);
