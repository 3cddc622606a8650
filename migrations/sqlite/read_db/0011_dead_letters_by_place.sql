-- A dead letter is where its event is in the event store's log, which has it whole: a copy would keep what has been erased
-- there, and never had what could not be opened.
ALTER TABLE dead_letters DROP COLUMN envelope;
