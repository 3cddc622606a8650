-- Restores of this database: asked for, under way, ended. What they build is in shadow tables, which they make and swap in
-- themselves; this tells how far they have come, so that whoever comes after a dead one goes on there.
CREATE TABLE restores (
    restore_id        BINARY(16)      NOT NULL,
    -- Build anew from the events, or bring back the tables that the last swap put aside.
    kind              VARCHAR(16)     NOT NULL,
    status            VARCHAR(16)     NOT NULL,
    -- One at a time: nothing is not unique, and 1 is.
    is_running        TINYINT         AS (CASE WHEN status = 'running' THEN 1 END) STORED,
    -- Whether its shadow tables have been made. That they are by now those that queries read stands in the tables' own
    -- comment, which moves with them.
    is_prepared       TINYINT         NOT NULL DEFAULT 0,
    events_replayed   BIGINT UNSIGNED NOT NULL DEFAULT 0,
    events_total      BIGINT UNSIGNED NOT NULL DEFAULT 0,
    accounts_repaired BIGINT UNSIGNED NOT NULL DEFAULT 0,
    failure           TEXT,
    -- Who is at it, and until when, by this server's clock, others leave it alone if nothing is heard of that one.
    lease_holder      VARCHAR(100)    NOT NULL DEFAULT '',
    lease_until_us    BIGINT          NOT NULL DEFAULT 0,
    started_at_us     BIGINT          NOT NULL,
    finished_at_us    BIGINT,

    PRIMARY KEY (restore_id),
    UNIQUE KEY restores_one_runs (is_running),

    CONSTRAINT restores_kind CHECK (kind IN ('rebuild', 'rollback')),
    CONSTRAINT restores_status CHECK (status IN ('running', 'succeeded', 'failed'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
