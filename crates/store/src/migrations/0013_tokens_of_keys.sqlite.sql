-- Upload tokens that were made with an API key end with it.
ALTER TABLE upload_tokens ADD COLUMN api_key_id BLOB REFERENCES api_keys (id) ON DELETE CASCADE;
CREATE INDEX upload_tokens_api_key_id_idx ON upload_tokens (api_key_id) WHERE api_key_id IS NOT NULL;
