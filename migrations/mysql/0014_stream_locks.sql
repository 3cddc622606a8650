-- The locks of accounts become locks of streams of any kind: every projection of a stream takes the same lock.
ALTER TABLE account_locks RENAME COLUMN account_id TO stream_id, RENAME TO stream_locks;
