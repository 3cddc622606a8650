-- One row per account, for the projector to lock, and nothing else in it.
--
-- An account has to be locked before it has a row in bank_accounts: else one projector could keep an early event
-- while another writes the row that it waits for, neither would see the other's, and the event would wait for
-- ever. A row can be made and locked in one statement, where a row that is not there can only be locked by
-- locking the gap around it, for every other new account, too.
CREATE TABLE account_locks (
    account_id BINARY(16) NOT NULL,

    PRIMARY KEY (account_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
