-- A line of a transfer names the transfer and the other account. Both are NULL in every other line, and so in every line that
-- was there before.
ALTER TABLE statement_lines ADD COLUMN transfer_id TEXT;
ALTER TABLE statement_lines ADD COLUMN counterparty TEXT;

-- One row per transfer between two accounts.
--
-- The owners are here, too, although the accounts have them. A query then sees from one row whether its caller may know of
-- the transfer, also while the rows of the accounts are still on their way.
CREATE TABLE transfers (
    transfer_id     TEXT    NOT NULL PRIMARY KEY,
    -- The account that gave the money, and the caller that owns it.
    from_account_id TEXT    NOT NULL,
    from_owner      TEXT    NOT NULL,
    -- The account that got the money.
    to_account_id   TEXT    NOT NULL CHECK (to_account_id <> from_account_id),
    to_owner        TEXT    NOT NULL,
    currency        TEXT    NOT NULL CHECK (length(currency) = 3),
    amount_minor    INTEGER NOT NULL CHECK (amount_minor BETWEEN 1 AND 1000000000000000),
    reference       TEXT,
    status          TEXT    NOT NULL CHECK (status IN ('completed', 'reversed')),
    version         INTEGER NOT NULL CHECK (version >= 1),
    occurred_at_us  INTEGER NOT NULL,
    -- NULL until the transfer is reversed.
    reversed_at_us  INTEGER,
    reversal_reason TEXT
) STRICT, WITHOUT ROWID;

-- The transfers of an account, newest first. A list reads each leg and each status as one range of an index, backwards from
-- the place where the page before ended, and merges the ranges. So no page costs more than the first page, with and without a
-- status.
CREATE INDEX transfers_from_order ON transfers (from_account_id, status, occurred_at_us, transfer_id);
CREATE INDEX transfers_to_order ON transfers (to_account_id, status, occurred_at_us, transfer_id);
-- The same order for a teller, who sees the transfers of all accounts.
CREATE INDEX transfers_order ON transfers (status, occurred_at_us, transfer_id);
