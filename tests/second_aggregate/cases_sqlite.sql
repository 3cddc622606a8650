-- One row per case. Times are microseconds since 1970 (UTC).
CREATE TABLE cases (
    case_id       TEXT    NOT NULL PRIMARY KEY,
    docket_number TEXT    NOT NULL,
    plaintiff     TEXT    NOT NULL,
    defendant     TEXT    NOT NULL,
    -- A list, since no query looks into it.
    hearings      TEXT    NOT NULL CHECK (json_valid(hearings)),
    verdict       TEXT    CHECK (verdict IN ('plaintiff', 'defendant')),
    version       INTEGER NOT NULL CHECK (version >= 1),
    updated_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A plaintiff's cases in list order.
CREATE INDEX cases_plaintiff_order ON cases (plaintiff, docket_number, case_id);

-- The entries of the dockets. An event may make several entries, so the key has the entry's number within its event.
CREATE TABLE docket_entries (
    case_id        TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    line           INTEGER NOT NULL,
    kind           TEXT    NOT NULL,
    hearing        INTEGER,
    starts_at_us   INTEGER,
    occurred_at_us INTEGER NOT NULL,
    PRIMARY KEY (case_id, version, line)
) STRICT, WITHOUT ROWID;
