-- For administrators: who may administer, and the trail by actor, type and resource, newest first at any length.
CREATE INDEX users_role_idx ON users (role, id);
CREATE INDEX audit_type_idx ON audit (type, id);
CREATE INDEX audit_resource_idx ON audit (resource, id);
CREATE INDEX events_owner_id_id_idx ON events (owner_id, id);
CREATE INDEX events_type_idx ON events (type, id);
CREATE INDEX events_resource_idx ON events (resource, id);

-- Accounts on their way out whose things go to another account first; the row goes with the account.
CREATE TABLE transfers (
    user_id UUID PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    to_id UUID NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX transfers_to_id_idx ON transfers (to_id);
