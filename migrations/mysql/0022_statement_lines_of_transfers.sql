-- A line of a transfer names the transfer and the other account. Both are NULL in every other line, and so in every line that
-- was there before.
--
-- The columns come last, so that both servers add them without a copy of the table.
ALTER TABLE statement_lines
    ADD COLUMN transfer_id  BINARY(16),
    ADD COLUMN counterparty BINARY(16);
