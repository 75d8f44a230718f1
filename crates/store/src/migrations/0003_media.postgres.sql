-- What is sorted by or asked for in ranges goes by its bytes, as on SQLite, whatever language the database is in.
-- Items. Lists walk the media_*_idx indexes; each begins with owner and trash so that one library is one range.
CREATE TABLE media (
    id UUID PRIMARY KEY,
    owner_id UUID NOT NULL REFERENCES users (id),
    blob_id UUID NOT NULL REFERENCES blobs (id),
    media_type TEXT NOT NULL,
    mime_type TEXT COLLATE "C" NOT NULL,
    filename TEXT NOT NULL,
    filename_folded TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    checksum_sealed BYTEA NOT NULL,
    title TEXT,
    description TEXT,
    tags TEXT NOT NULL,
    favorite BOOLEAN NOT NULL,
    rating BIGINT NOT NULL,
    taken_at BIGINT,
    taken_local BIGINT,
    taken_offset BIGINT,
    taken_source TEXT,
    taken_sort BIGINT NOT NULL,
    latitude DOUBLE PRECISION,
    longitude DOUBLE PRECISION,
    altitude DOUBLE PRECISION,
    properties TEXT NOT NULL,
    external_id TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    trashed BOOLEAN NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX media_owner_id_external_id_key ON media (owner_id, external_id);
CREATE INDEX media_library_idx ON media (owner_id, trashed, id);
CREATE INDEX media_taken_idx ON media (owner_id, trashed, taken_sort, id);
CREATE INDEX media_filename_idx ON media (owner_id, trashed, filename_folded, id);
CREATE INDEX media_size_idx ON media (owner_id, trashed, size, id);
CREATE INDEX media_rating_idx ON media (owner_id, trashed, rating, id);
CREATE INDEX media_type_idx ON media (owner_id, trashed, media_type, id);
CREATE INDEX media_mime_idx ON media (owner_id, trashed, mime_type, id);
CREATE INDEX media_favorite_idx ON media (owner_id, trashed, favorite, id) WHERE favorite;
CREATE INDEX media_place_idx ON media (owner_id, trashed, latitude) WHERE latitude IS NOT NULL;
CREATE INDEX media_blob_id_idx ON media (blob_id);
CREATE INDEX media_deleted_at_idx ON media (deleted_at) WHERE deleted_at IS NOT NULL;

-- Tags and properties again, one a row, so that a filter is a range; the item's row holds what is shown.
CREATE TABLE media_tags (
    owner_id UUID NOT NULL,
    folded TEXT NOT NULL,
    trashed BOOLEAN NOT NULL,
    media_id UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    PRIMARY KEY (owner_id, folded, trashed, media_id)
);
CREATE INDEX media_tags_media_id_idx ON media_tags (media_id);

CREATE TABLE media_properties (
    owner_id UUID NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    trashed BOOLEAN NOT NULL,
    media_id UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    PRIMARY KEY (owner_id, name, value, trashed, media_id)
);
CREATE INDEX media_properties_media_id_idx ON media_properties (media_id);

-- Kept numbers: what a user holds, how many items each facet has, and runs of the library so that page N is near a known place.
CREATE TABLE usage (
    owner_id UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    items BIGINT NOT NULL CHECK (items >= 0),
    trash_items BIGINT NOT NULL CHECK (trash_items >= 0),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    trash_bytes BIGINT NOT NULL CHECK (trash_bytes >= 0)
);

CREATE TABLE media_facets (
    owner_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    facet TEXT NOT NULL,
    items BIGINT NOT NULL CHECK (items >= 0),
    PRIMARY KEY (owner_id, facet)
);

CREATE TABLE media_runs (
    owner_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    first_id UUID NOT NULL,
    items BIGINT NOT NULL CHECK (items >= 0),
    PRIMARY KEY (owner_id, first_id)
);

-- Deletions, remembered as keyed hashes so that a client can ask before it sends the bytes again.
CREATE TABLE tombstones (
    owner_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    dedupe_tag BYTEA NOT NULL,
    deleted_at BIGINT NOT NULL,
    PRIMARY KEY (owner_id, dedupe_tag)
);
CREATE INDEX tombstones_deleted_at_idx ON tombstones (deleted_at);
