-- Restores of this database: requested, running or ended. A restore builds in shadow tables, which it makes and swaps in
-- itself. This table records the progress, so that another worker can continue the restore of a dead one.
CREATE TABLE restores (
    restore_id        BINARY(16)      NOT NULL,
    -- `rebuild` builds anew from the events. `rollback` brings back the tables that the last swap put aside.
    kind              VARCHAR(16)     NOT NULL,
    status            VARCHAR(16)     NOT NULL,
    -- Only one restore runs at a time: the unique index ignores NULL, and this column is 1 only while a restore runs.
    is_running        TINYINT         AS (CASE WHEN status = 'running' THEN 1 END) STORED,
    -- Whether the shadow tables have been made. The tables' own comment records whether they have been swapped in, because
    -- the comment moves with them.
    is_prepared       TINYINT         NOT NULL DEFAULT 0,
    events_replayed   BIGINT UNSIGNED NOT NULL DEFAULT 0,
    events_total      BIGINT UNSIGNED NOT NULL DEFAULT 0,
    accounts_repaired BIGINT UNSIGNED NOT NULL DEFAULT 0,
    failure           TEXT,
    -- The worker that runs the restore. Other workers leave it alone until the given time, by this server's clock.
    lease_holder      VARCHAR(100)    NOT NULL DEFAULT '',
    lease_until_us    BIGINT          NOT NULL DEFAULT 0,
    started_at_us     BIGINT          NOT NULL,
    finished_at_us    BIGINT,

    PRIMARY KEY (restore_id),
    UNIQUE KEY restores_one_runs (is_running),

    CONSTRAINT restores_kind CHECK (kind IN ('rebuild', 'rollback')),
    CONSTRAINT restores_status CHECK (status IN ('running', 'succeeded', 'failed'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
