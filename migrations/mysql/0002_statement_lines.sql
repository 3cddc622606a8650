-- One row per event that moved money, or that opened an account.
--
-- There is no foreign key to bank_accounts. Both tables are written in one transaction, and the check would
-- lock the account's row once more for each line.
CREATE TABLE statement_lines (
    account_id          BINARY(16)      NOT NULL,
    version             BIGINT UNSIGNED NOT NULL,
    kind                VARCHAR(16)     NOT NULL,
    currency            VARCHAR(3)      NOT NULL,
    amount_minor        BIGINT          NOT NULL,
    balance_after_minor BIGINT          NOT NULL,
    reference           VARCHAR(140),
    occurred_at_us      BIGINT          NOT NULL,

    -- The order of the statement, which is also the order on disk. A page is one range of it, read backwards.
    PRIMARY KEY (account_id, version),

    CONSTRAINT statement_lines_kind
        CHECK (kind IN ('opening', 'deposit', 'withdrawal', 'transfer_in', 'transfer_out')),
    CONSTRAINT statement_lines_currency CHECK (CHAR_LENGTH(currency) = 3),
    CONSTRAINT statement_lines_amount CHECK (amount_minor >= 0),
    CONSTRAINT statement_lines_balance CHECK (balance_after_minor >= 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
