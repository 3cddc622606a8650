-- The keys of personal data. They are in a file of their own, so that a copy of the log has no copy of
-- the keys.
CREATE TABLE keys (
    stream_id       TEXT    NOT NULL PRIMARY KEY,
    -- The way the key was wrapped, and its bytes. Both are NULL once the key has been destroyed.
    wrapping        TEXT    CHECK (wrapping IN ('unwrapped', 'master-key', 'kms')),
    key             BLOB,
    destroyed_at_us INTEGER,
    CHECK ((wrapping IS NULL) = (key IS NULL)),
    CHECK ((key IS NULL) = (destroyed_at_us IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- A key is made once and destroyed once. It is never changed.
CREATE TRIGGER keys_are_only_destroyed BEFORE UPDATE ON keys WHEN NEW.key IS NOT NULL OR OLD.key IS NULL
BEGIN
    SELECT RAISE(ABORT, 'a key is never changed, and a destroyed one never comes back');
END;

-- A missing key was lost; a destroyed key was erased on purpose. So the mark of a destroyed key must
-- stay.
CREATE TRIGGER keys_are_never_deleted BEFORE DELETE ON keys
BEGIN
    SELECT RAISE(ABORT, 'the mark of a destroyed key stays');
END;
