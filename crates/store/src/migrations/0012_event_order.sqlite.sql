-- Where the order of events stands: the last number given, and the highest one that was removed for its age.
CREATE TABLE event_order (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    last INTEGER NOT NULL,
    pruned INTEGER NOT NULL
) STRICT;
INSERT INTO event_order (only_row, last, pruned) VALUES (1, 0, 0);
CREATE INDEX events_unnumbered_idx ON events (id) WHERE position IS NULL;
