-- A restore is of one projection, or of all where the column is NULL.
ALTER TABLE restores
    ADD COLUMN projection VARCHAR(64) AFTER kind,
    RENAME COLUMN accounts_repaired TO streams_repaired;
