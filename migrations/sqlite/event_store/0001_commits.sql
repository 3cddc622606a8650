-- The event store: one row per commit, which holds all the events that one command raised.
-- STRICT, so that a column holds what it says. The table has a rowid on purpose: `position` is the log's order.
CREATE TABLE commits (
    -- The order in which commits became durable, over all streams. SQLite lets one writer in at a time, so a
    -- reader that has seen position n has seen all before it: the bus needs no more than that as a checkpoint.
    -- AUTOINCREMENT, so that no number is ever given twice.
    position            INTEGER PRIMARY KEY AUTOINCREMENT,
    stream_id           TEXT    NOT NULL,
    aggregate_type      TEXT    NOT NULL,
    first_version       INTEGER NOT NULL CHECK (first_version >= 1),
    last_version        INTEGER NOT NULL CHECK (last_version >= first_version),
    occurred_at_us      INTEGER NOT NULL,
    caller              TEXT    NOT NULL,
    correlation_id      TEXT    NOT NULL,
    causation_id        TEXT    NOT NULL,
    idempotency_key     TEXT,
    request_fingerprint TEXT,
    events              TEXT    NOT NULL CHECK (json_valid(events)),
    state               TEXT    NOT NULL CHECK (json_valid(state)),
    previous_hash       TEXT,
    hash                TEXT    NOT NULL,
    CHECK ((idempotency_key IS NULL) = (request_fingerprint IS NULL)),
    CHECK ((first_version = 1) = (previous_hash IS NULL))
) STRICT;

-- Optimistic concurrency: of two writers that decided on the same version one gets in. Also the way to a
-- stream's newest commit, and to its commits in order.
CREATE UNIQUE INDEX commits_stream_version ON commits (stream_id, first_version);

-- Idempotency: a stream takes a key once. Partial, since most commits have none. Led by the stream, so that
-- the layout could be split by stream.
CREATE UNIQUE INDEX commits_idempotency_key ON commits (stream_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- What has happened has happened.
CREATE TRIGGER commits_are_never_updated BEFORE UPDATE ON commits
BEGIN
    SELECT RAISE(ABORT, 'commits are never updated');
END;

CREATE TRIGGER commits_are_never_deleted BEFORE DELETE ON commits
BEGIN
    SELECT RAISE(ABORT, 'commits are never deleted');
END;
