-- Restores of this database: requested, running or ended. A restore builds in shadow tables, which it makes and swaps in
-- itself. These two tables record the progress, so that another worker can continue the restore of a dead one.
CREATE TABLE restores (
    restore_id        TEXT    NOT NULL PRIMARY KEY,
    -- `rebuild` builds anew from the events. `rollback` brings back the tables that the last swap put aside.
    kind              TEXT    NOT NULL CHECK (kind IN ('rebuild', 'rollback')),
    status            TEXT    NOT NULL CHECK (status IN ('running', 'succeeded', 'failed')),
    -- Whether the shadow tables have been made, and whether they have been swapped in.
    is_prepared       INTEGER NOT NULL DEFAULT 0,
    is_swapped        INTEGER NOT NULL DEFAULT 0,
    events_replayed   INTEGER NOT NULL DEFAULT 0,
    events_total      INTEGER NOT NULL DEFAULT 0,
    accounts_repaired INTEGER NOT NULL DEFAULT 0,
    failure           TEXT,
    -- The worker that runs the restore. Other workers leave it alone until the given time.
    lease_holder      TEXT    NOT NULL DEFAULT '',
    lease_until_us    INTEGER NOT NULL DEFAULT 0,
    started_at_us     INTEGER NOT NULL,
    finished_at_us    INTEGER
) STRICT, WITHOUT ROWID;

-- Only one restore runs at a time.
CREATE UNIQUE INDEX restores_one_runs ON restores (status) WHERE status = 'running';

-- The ranges of streams that a restore builds side by side, and the place it has reached in each range. The place moves in
-- the transaction that writes the rows.
CREATE TABLE restore_ranges (
    restore_id    TEXT    NOT NULL,
    range_number  INTEGER NOT NULL,
    -- The range's first stream, and the first stream after the range. NULL at the two ends of all streams.
    from_stream   TEXT,
    before_stream TEXT,
    -- The last commit whose rows are in the shadow tables.
    at_stream     TEXT,
    at_version    INTEGER,
    is_built      INTEGER NOT NULL DEFAULT 0,
    is_verified   INTEGER NOT NULL DEFAULT 0,
    -- The numbers of folded rows, and the sums over them. SQLite holds the sums' 64 bits as signed integers.
    accounts      INTEGER NOT NULL DEFAULT 0,
    accounts_sum  INTEGER NOT NULL DEFAULT 0,
    lines         INTEGER NOT NULL DEFAULT 0,
    lines_sum     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (restore_id, range_number)
) STRICT, WITHOUT ROWID;
