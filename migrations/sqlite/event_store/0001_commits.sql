-- The event store: one row per commit. A commit holds all the events that one command raised. The table is
-- STRICT, so that a column holds only its declared type. It has a rowid on purpose: `position` is the log's
-- order.
CREATE TABLE commits (
    -- The order in which commits became durable, over all streams. SQLite lets one writer in at a time. So a
    -- reader that has seen position n has seen all earlier positions, and the bus needs only a position as its
    -- checkpoint. With AUTOINCREMENT no number is ever given twice.
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

-- Optimistic concurrency: when two writers decide on the same version, only one insert succeeds. The index also
-- finds a stream's newest commit, and its commits in order.
CREATE UNIQUE INDEX commits_stream_version ON commits (stream_id, first_version);

-- Idempotency: a stream accepts a key once. The index is partial, because most commits have no key. It begins
-- with the stream, so that the layout could be split by stream.
CREATE UNIQUE INDEX commits_idempotency_key ON commits (stream_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- Commits record the past, so they are never changed.
CREATE TRIGGER commits_are_never_updated BEFORE UPDATE ON commits
BEGIN
    SELECT RAISE(ABORT, 'commits are never updated');
END;

CREATE TRIGGER commits_are_never_deleted BEFORE DELETE ON commits
BEGIN
    SELECT RAISE(ABORT, 'commits are never deleted');
END;
