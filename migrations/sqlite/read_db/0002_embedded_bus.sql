-- The embedded bus keeps its own state beside the rows that it feeds. Deleting the read database file also
-- deletes the checkpoint. The rows are then rebuilt from the first event on.
CREATE TABLE bus_checkpoint (
    -- The table has exactly one row.
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Every commit up to this position of the event store's log has been delivered.
    position INTEGER NOT NULL CHECK (position >= 0)
) STRICT;

INSERT INTO bus_checkpoint (id, position) VALUES (1, 0);

-- Events that the projector rejected, whole, with the reason. Nothing is lost: they are delivered again when
-- the bus starts, because a newer build may understand them.
CREATE TABLE dead_letters (
    stream_id TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    envelope  TEXT    NOT NULL CHECK (json_valid(envelope)),
    reason    TEXT    NOT NULL,
    PRIMARY KEY (stream_id, version)
) STRICT, WITHOUT ROWID;
