-- One row per case. Times are microseconds since 1970 (UTC).
CREATE TABLE cases (
    -- The UUID's bytes.
    case_id       BINARY(16)      NOT NULL,
    docket_number VARCHAR(140)    NOT NULL,
    plaintiff     VARCHAR(140)    NOT NULL,
    defendant     VARCHAR(140)    NOT NULL,
    -- A list as JSON. MariaDB and MySQL give a JSON column back differently, so the column is a text.
    hearings      MEDIUMTEXT      NOT NULL,
    verdict       VARCHAR(16),
    version       BIGINT UNSIGNED NOT NULL,
    updated_at_us BIGINT          NOT NULL,

    PRIMARY KEY (case_id),
    -- A plaintiff's cases in list order.
    KEY cases_plaintiff_order (plaintiff, docket_number, case_id),
    CONSTRAINT cases_version CHECK (version >= 1)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The entries of the dockets. An event may make several entries, so the key has the entry's number within its event.
CREATE TABLE docket_entries (
    case_id        BINARY(16)      NOT NULL,
    version        BIGINT UNSIGNED NOT NULL,
    line           BIGINT UNSIGNED NOT NULL,
    kind           VARCHAR(16)     NOT NULL,
    hearing        BIGINT UNSIGNED,
    starts_at_us   BIGINT,
    occurred_at_us BIGINT          NOT NULL,

    PRIMARY KEY (case_id, version, line)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
