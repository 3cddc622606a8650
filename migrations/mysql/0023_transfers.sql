-- One row per transfer between two accounts. The whole table can be rebuilt from the events.
--
-- The owners are here, too, although the accounts have them. A query then sees from one row whether its caller may know of
-- the transfer, also while the rows of the accounts are still on their way.
CREATE TABLE transfers (
    transfer_id       BINARY(16)      NOT NULL,
    -- The account that gave the money, and the caller that owns it. The digest of an owner takes no space, because no list
    -- is read by it.
    from_account_id   BINARY(16)      NOT NULL,
    from_owner        MEDIUMTEXT      NOT NULL,
    from_owner_digest BINARY(32)      AS (UNHEX(SHA2(from_owner, 256))) VIRTUAL,
    -- The account that got the money.
    to_account_id     BINARY(16)      NOT NULL,
    to_owner          MEDIUMTEXT      NOT NULL,
    to_owner_digest   BINARY(32)      AS (UNHEX(SHA2(to_owner, 256))) VIRTUAL,
    currency          VARCHAR(3)      NOT NULL,
    amount_minor      BIGINT          NOT NULL,
    reference         VARCHAR(140),
    status            VARCHAR(16)     NOT NULL,
    version           BIGINT UNSIGNED NOT NULL,
    occurred_at_us    BIGINT          NOT NULL,
    -- NULL until the transfer is reversed.
    reversed_at_us    BIGINT,
    reversal_reason   VARCHAR(140),

    PRIMARY KEY (transfer_id),
    -- The transfers of an account, newest first. A list reads each leg and each status as one range of an index, backwards
    -- from the place where the page before ended, and merges the ranges. So no page costs more than the first page, with
    -- and without a status. An index without the status would also have to be written for each transfer.
    KEY transfers_from_order (from_account_id, status, occurred_at_us, transfer_id),
    KEY transfers_to_order (to_account_id, status, occurred_at_us, transfer_id),
    -- The same order for a teller, who sees the transfers of all accounts.
    KEY transfers_order (status, occurred_at_us, transfer_id),

    CONSTRAINT transfers_two_accounts CHECK (from_account_id <> to_account_id),
    CONSTRAINT transfers_currency CHECK (CHAR_LENGTH(currency) = 3),
    CONSTRAINT transfers_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000),
    CONSTRAINT transfers_status CHECK (status IN ('completed', 'reversed')),
    CONSTRAINT transfers_version CHECK (version >= 1)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
