-- Restores of this database: asked for, under way, ended. What they build is in shadow tables, which they make and swap in
-- themselves; these here tell how far they have come, so that whoever comes after a dead one goes on there.
CREATE TABLE restores (
    restore_id        TEXT    NOT NULL PRIMARY KEY,
    -- Build anew from the events, or bring back the tables that the last swap put aside.
    kind              TEXT    NOT NULL CHECK (kind IN ('rebuild', 'rollback')),
    status            TEXT    NOT NULL CHECK (status IN ('running', 'succeeded', 'failed')),
    -- Whether its shadow tables are there, and whether they are by now those that queries read.
    is_prepared       INTEGER NOT NULL DEFAULT 0,
    is_swapped        INTEGER NOT NULL DEFAULT 0,
    events_replayed   INTEGER NOT NULL DEFAULT 0,
    events_total      INTEGER NOT NULL DEFAULT 0,
    accounts_repaired INTEGER NOT NULL DEFAULT 0,
    failure           TEXT,
    -- Who is at it, and until when others leave it alone if nothing is heard of that one.
    lease_holder      TEXT    NOT NULL DEFAULT '',
    lease_until_us    INTEGER NOT NULL DEFAULT 0,
    started_at_us     INTEGER NOT NULL,
    finished_at_us    INTEGER
) STRICT, WITHOUT ROWID;

-- One at a time.
CREATE UNIQUE INDEX restores_one_runs ON restores (status) WHERE status = 'running';

-- The ranges of streams that a restore builds side by side, and where it is in each. It moves in the transaction that
-- writes the rows.
CREATE TABLE restore_ranges (
    restore_id    TEXT    NOT NULL,
    range_number  INTEGER NOT NULL,
    -- The first stream in it and the first behind it; none at the ends of all.
    from_stream   TEXT,
    before_stream TEXT,
    -- The last commit whose rows are in the shadow tables.
    at_stream     TEXT,
    at_version    INTEGER,
    is_built      INTEGER NOT NULL DEFAULT 0,
    is_verified   INTEGER NOT NULL DEFAULT 0,
    -- How many rows were folded, and the sums over them; their 64 bits as SQLite holds them, signed.
    accounts      INTEGER NOT NULL DEFAULT 0,
    accounts_sum  INTEGER NOT NULL DEFAULT 0,
    lines         INTEGER NOT NULL DEFAULT 0,
    lines_sum     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (restore_id, range_number)
) STRICT, WITHOUT ROWID;
