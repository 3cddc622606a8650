-- One row per projection. The row says which version of the projection the rows are of.
CREATE TABLE projections (
    name          TEXT    NOT NULL PRIMARY KEY,
    -- NULL where there were events before the projection and the rows have not been built from them yet.
    built_version INTEGER,
    -- The version of the rows that the last restore put aside.
    old_version   INTEGER
) STRICT, WITHOUT ROWID;

-- Where the bus has delivered events, the projector has kept the rows of accounts, and they are of version 1.
INSERT INTO projections (name, built_version)
SELECT 'bank-accounts', 1 FROM bus_checkpoint WHERE position > 0;

-- The bus delivers to each projection on its own, so that a new projection starts at the beginning of the log.
CREATE TABLE bus_checkpoints (
    projection TEXT    NOT NULL PRIMARY KEY,
    -- Every commit up to this position of the event store's log has been delivered to the projection.
    position   INTEGER NOT NULL CHECK (position >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO bus_checkpoints (projection, position) SELECT 'bank-accounts', position FROM bus_checkpoint;
DROP TABLE bus_checkpoint;

-- Each projection has its own dead letters and its own early events.
CREATE TABLE dead_letters_of_projections (
    projection TEXT    NOT NULL,
    stream_id  TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    PRIMARY KEY (projection, stream_id, version)
) STRICT, WITHOUT ROWID;
INSERT INTO dead_letters_of_projections SELECT 'bank-accounts', stream_id, version, reason FROM dead_letters;
DROP TABLE dead_letters;
ALTER TABLE dead_letters_of_projections RENAME TO dead_letters;

CREATE TABLE early_events_of_projections (
    projection TEXT    NOT NULL,
    stream_id  TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    envelope   TEXT    NOT NULL CHECK (json_valid(envelope)),
    -- All early events of one stream are one range of the key.
    PRIMARY KEY (projection, stream_id, version)
) STRICT, WITHOUT ROWID;
INSERT INTO early_events_of_projections SELECT 'bank-accounts', account_id, version, envelope FROM early_events;
DROP TABLE early_events;
ALTER TABLE early_events_of_projections RENAME TO early_events;

-- A restore is of one projection, or of all where the column is NULL. The sums are over the rows of every projection that the
-- restore builds.
ALTER TABLE restores ADD COLUMN projection TEXT;
ALTER TABLE restores RENAME COLUMN accounts_repaired TO streams_repaired;
ALTER TABLE restore_ranges RENAME COLUMN accounts TO row_count;
ALTER TABLE restore_ranges RENAME COLUMN accounts_sum TO rows_sum;
ALTER TABLE restore_ranges RENAME COLUMN lines TO line_count;
