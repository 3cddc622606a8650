-- Each projection keeps its own early events: two projections of one stream may be at different versions.
ALTER TABLE early_events
    ADD COLUMN projection VARCHAR(64) NOT NULL DEFAULT 'bank-accounts' FIRST,
    DROP PRIMARY KEY,
    ADD PRIMARY KEY (projection, account_id, version);
