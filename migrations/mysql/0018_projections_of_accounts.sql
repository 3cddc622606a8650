-- Where there are accounts, a projector has kept their rows, and they are of version 1. Where there are none,
-- `passbook prepare` looks at the event store and records the projection.
INSERT INTO projections (name, built_version) SELECT 'bank-accounts', 1 FROM bank_accounts LIMIT 1;
