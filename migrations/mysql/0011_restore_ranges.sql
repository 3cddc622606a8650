-- The ranges of streams that a restore builds side by side, and the place it has reached in each range. The place
-- moves in the transaction that writes the rows.
CREATE TABLE restore_ranges (
    restore_id    BINARY(16)      NOT NULL,
    range_number  INT UNSIGNED    NOT NULL,
    -- The range's first stream, and the first stream after the range. NULL at the two ends of all streams.
    from_stream   BINARY(16),
    before_stream BINARY(16),
    -- The last commit whose rows are in the shadow tables.
    at_stream     BINARY(16),
    at_version    BIGINT UNSIGNED,
    is_built      BOOLEAN         NOT NULL DEFAULT FALSE,
    is_verified   BOOLEAN         NOT NULL DEFAULT FALSE,
    -- The numbers of folded rows, and the sums of a CRC-32 over each row.
    accounts      BIGINT UNSIGNED NOT NULL DEFAULT 0,
    accounts_sum  BIGINT UNSIGNED NOT NULL DEFAULT 0,
    line_count    BIGINT UNSIGNED NOT NULL DEFAULT 0,
    lines_sum     BIGINT UNSIGNED NOT NULL DEFAULT 0,

    PRIMARY KEY (restore_id, range_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
