-- Events that came before their turn, whole, until the gap before them closes.
--
-- The envelope is text and not of the type JSON: MySQL would store its numbers and the order of its members
-- anew, and an event must come back as it came.
CREATE TABLE early_events (
    account_id BINARY(16)      NOT NULL,
    version    BIGINT UNSIGNED NOT NULL,
    envelope   MEDIUMTEXT      NOT NULL,

    -- All that waits for one account is one range of it.
    PRIMARY KEY (account_id, version),

    CONSTRAINT early_events_envelope CHECK (JSON_VALID(envelope))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
