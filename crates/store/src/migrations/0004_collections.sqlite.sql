-- Named sets of items in their owner's order; hidden rows belong to items in the trash.
CREATE TABLE collections (
    id BLOB PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    description TEXT,
    cover_media_id BLOB REFERENCES media (id) ON DELETE SET NULL,
    media_count INTEGER NOT NULL CHECK (media_count >= 0),
    last_position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX collections_owner_id_idx ON collections (owner_id, id);
CREATE INDEX collections_cover_media_id_idx ON collections (cover_media_id) WHERE cover_media_id IS NOT NULL;

CREATE TABLE collection_media (
    collection_id BLOB NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    media_id BLOB NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    added_by BLOB NOT NULL,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (collection_id, media_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX collection_media_order_idx ON collection_media (collection_id, hidden, position, media_id);
CREATE INDEX collection_media_media_id_idx ON collection_media (media_id);
