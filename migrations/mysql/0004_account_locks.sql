-- One row per account, which the projector locks. The row holds nothing else.
--
-- An account must be locked before it has a row in bank_accounts. Otherwise one projector could keep an early
-- event while another writes the row that the event waits for. Neither would see the other's write, and the
-- event would wait for ever. A row can be made and locked in one statement. A missing row can only be locked by
-- locking the gap around it, and that blocks every other new account too.
CREATE TABLE account_locks (
    account_id BINARY(16) NOT NULL,

    PRIMARY KEY (account_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
