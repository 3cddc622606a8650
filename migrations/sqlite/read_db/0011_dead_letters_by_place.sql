-- A dead letter names its event by stream and version. The event store's log holds the event whole. A copy here would keep
-- data that has been erased there, and could not hold data that could not be opened.
ALTER TABLE dead_letters DROP COLUMN envelope;
