-- Events that came before their turn. They are kept whole until the gap before them closes.
--
-- The envelope is text and not of the type JSON. MySQL would rewrite JSON's numbers and the order of its
-- members, and an event must come back unchanged.
CREATE TABLE early_events (
    account_id BINARY(16)      NOT NULL,
    version    BIGINT UNSIGNED NOT NULL,
    envelope   MEDIUMTEXT      NOT NULL,

    -- All events that wait for one account are one range of this key.
    PRIMARY KEY (account_id, version),

    CONSTRAINT early_events_envelope CHECK (JSON_VALID(envelope))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
