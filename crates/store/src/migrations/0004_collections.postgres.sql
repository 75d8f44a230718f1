-- Named sets of items in their owner's order; hidden rows belong to items in the trash.
CREATE TABLE collections (
    id UUID PRIMARY KEY,
    owner_id UUID NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    description TEXT,
    cover_media_id UUID REFERENCES media (id) ON DELETE SET NULL,
    media_count BIGINT NOT NULL CHECK (media_count >= 0),
    last_position BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX collections_owner_id_idx ON collections (owner_id, id);
CREATE INDEX collections_cover_media_id_idx ON collections (cover_media_id) WHERE cover_media_id IS NOT NULL;

CREATE TABLE collection_media (
    collection_id UUID NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    media_id UUID NOT NULL REFERENCES media (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    hidden BOOLEAN NOT NULL,
    added_by UUID NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (collection_id, media_id)
);
CREATE INDEX collection_media_order_idx ON collection_media (collection_id, hidden, position, media_id);
CREATE INDEX collection_media_media_id_idx ON collection_media (media_id);
