-- Stored bytes: a blob is an ordered list of encrypted segments, shared by items of one owner.
CREATE TABLE blobs (
    id UUID PRIMARY KEY,
    owner_id UUID NOT NULL REFERENCES users (id),
    dedupe_tag BYTEA NOT NULL,
    size BIGINT NOT NULL CHECK (size >= 0),
    crc32 BIGINT NOT NULL,
    checksum_sealed BYTEA NOT NULL,
    manifest_mac BYTEA NOT NULL,
    refs BIGINT NOT NULL CHECK (refs >= 0),
    dead_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX blobs_owner_id_dedupe_tag_key ON blobs (owner_id, dedupe_tag);
CREATE INDEX blobs_dead_at_idx ON blobs (dead_at) WHERE dead_at IS NOT NULL;

CREATE TABLE segments (
    id UUID PRIMARY KEY,
    blob_id UUID NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    plain_len BIGINT NOT NULL,
    sealed_len BIGINT NOT NULL,
    wrapped_key BYTEA NOT NULL,
    key_version BIGINT NOT NULL,
    format BIGINT NOT NULL
);
CREATE UNIQUE INDEX segments_blob_id_position_key ON segments (blob_id, position);
