-- One row per account. The whole read database can be thrown away and rebuilt from the events.
--
-- Each file has one statement, because MySQL commits each CREATE TABLE by itself. A file with two could be
-- left half done.
--
-- Money is whole minor units. Times are microseconds since 1970 (UTC) in a BIGINT. DATETIME(6) begins with the
-- year 1000, but the events' times begin with the year 1. Neither a session's time zone nor a driver's
-- conversion can shift a number. To read a time: FROM_UNIXTIME(opened_at_us / 1000000).
--
-- Texts compare code point by code point (utf8mb4_bin, the only such collation that MySQL and MariaDB share).
-- The collation ignores blanks at the end. Where that matters, queries also compare the length in bytes.
CREATE TABLE bank_accounts (
    -- The UUID's bytes. They sort as the UUID's text does, in less than half the space, here and in every
    -- index.
    account_id    BINARY(16)      NOT NULL,
    -- A token's `sub`. It may be longer than an index allows, so lists use its digest. The database makes the
    -- digest, so the two cannot come to differ.
    owner         MEDIUMTEXT      NOT NULL,
    owner_digest  BINARY(32)      AS (UNHEX(SHA2(owner, 256))) STORED,
    holder        VARCHAR(140)    NOT NULL,
    kind          VARCHAR(16)     NOT NULL,
    currency      VARCHAR(3)      NOT NULL,
    balance_minor BIGINT          NOT NULL,
    status        VARCHAR(16)     NOT NULL,
    version       BIGINT UNSIGNED NOT NULL,
    opened_at_us  BIGINT          NOT NULL,
    updated_at_us BIGINT          NOT NULL,

    -- The projector and most queries ask by this key.
    PRIMARY KEY (account_id),
    -- A caller's own accounts in list order: the common list is read from the index in order, page by page.
    KEY bank_accounts_owner_order (owner_digest, opened_at_us, account_id),
    -- The same order for a teller, who sees the accounts of all callers.
    KEY bank_accounts_order (opened_at_us, account_id),
    -- Accounts by the holder's name.
    KEY bank_accounts_holder (holder, opened_at_us, account_id),
    -- Accounts with at least a given balance in one currency.
    KEY bank_accounts_currency_balance (currency, balance_minor),

    CONSTRAINT bank_accounts_kind CHECK (kind IN ('checking', 'savings')),
    CONSTRAINT bank_accounts_currency CHECK (CHAR_LENGTH(currency) = 3),
    CONSTRAINT bank_accounts_balance CHECK (balance_minor BETWEEN 0 AND 1000000000000000),
    CONSTRAINT bank_accounts_status CHECK (status IN ('active', 'closed')),
    CONSTRAINT bank_accounts_version CHECK (version >= 1)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
