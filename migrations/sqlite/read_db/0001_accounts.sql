-- The read database. All of it can be thrown away and rebuilt from the events.

-- One row per account. Money is whole minor units, times are microseconds since 1970 (UTC).
CREATE TABLE bank_accounts (
    account_id    TEXT    NOT NULL PRIMARY KEY,
    owner         TEXT    NOT NULL,
    holder        TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('checking', 'savings')),
    currency      TEXT    NOT NULL CHECK (length(currency) = 3),
    balance_minor INTEGER NOT NULL CHECK (balance_minor BETWEEN 0 AND 1000000000000000),
    status        TEXT    NOT NULL CHECK (status IN ('active', 'closed')),
    version       INTEGER NOT NULL CHECK (version >= 1),
    opened_at_us  INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A caller's own accounts in list order: the common list is read from the index in order, page by page.
CREATE INDEX bank_accounts_owner_order ON bank_accounts (owner, opened_at_us, account_id);
-- The same order for a teller, who sees the accounts of all callers.
CREATE INDEX bank_accounts_order ON bank_accounts (opened_at_us, account_id);
-- Accounts by the holder's name.
CREATE INDEX bank_accounts_holder ON bank_accounts (holder, opened_at_us, account_id);
-- Accounts with at least a given balance in one currency.
CREATE INDEX bank_accounts_currency_balance ON bank_accounts (currency, balance_minor);

-- One row per event that moved money. The key is the order of the statement, so a page is one range of it.
CREATE TABLE statement_lines (
    account_id          TEXT    NOT NULL,
    version             INTEGER NOT NULL,
    kind                TEXT    NOT NULL CHECK (kind IN ('opening', 'deposit', 'withdrawal', 'transfer_in', 'transfer_out')),
    currency            TEXT    NOT NULL CHECK (length(currency) = 3),
    amount_minor        INTEGER NOT NULL CHECK (amount_minor >= 0),
    balance_after_minor INTEGER NOT NULL CHECK (balance_after_minor >= 0),
    reference           TEXT,
    occurred_at_us      INTEGER NOT NULL,
    PRIMARY KEY (account_id, version)
) STRICT, WITHOUT ROWID;

-- Events that came before their turn. They are kept whole until the gap before them closes.
CREATE TABLE early_events (
    account_id TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    envelope   TEXT    NOT NULL CHECK (json_valid(envelope)),
    PRIMARY KEY (account_id, version)
) STRICT, WITHOUT ROWID;
