-- The events kept so far were those of accounts. A new event names its projection, so the column loses its default.
ALTER TABLE early_events ALTER COLUMN projection DROP DEFAULT, RENAME COLUMN account_id TO stream_id;
