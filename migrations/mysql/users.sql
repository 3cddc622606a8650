-- The two users that the running service signs in as, neither with a right that it does not use. Not a migration:
-- an administrator runs it once, in the database that the migrations were applied to, with passwords of their own
-- in place of PASSBOOK_QUERY_PASSWORD and PASSBOOK_PROJECTOR_PASSWORD:
--
--     sed -e "s/PASSBOOK_QUERY_PASSWORD/…/" -e "s/PASSBOOK_PROJECTOR_PASSWORD/…/" users.sql | mysql passbook
--
-- Again after a migration that adds a table; a grant that is there already stays as it is. On a server with a
-- certificate add REQUIRE SSL to both users: it then refuses a connection that is not encrypted.

-- The queries' functions. They read accounts and statements, and see nothing of what the projector keeps.
CREATE USER IF NOT EXISTS passbook_query IDENTIFIED BY 'PASSBOOK_QUERY_PASSWORD';
GRANT SELECT ON bank_accounts TO passbook_query;
GRANT SELECT ON statement_lines TO passbook_query;

-- The projector. It never deletes an account, and never changes or reads a statement line.
CREATE USER IF NOT EXISTS passbook_projector IDENTIFIED BY 'PASSBOOK_PROJECTOR_PASSWORD';
GRANT SELECT, INSERT, UPDATE ON bank_accounts TO passbook_projector;
GRANT INSERT ON statement_lines TO passbook_projector;
GRANT SELECT, INSERT, DELETE ON early_events TO passbook_projector;
-- UPDATE, for that is what makes a lock of an insert that finds the row there; it changes nothing.
GRANT SELECT, INSERT, UPDATE ON account_locks TO passbook_projector;
