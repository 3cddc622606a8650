-- The three users that the running service signs in as, none with a right that it does not use. Not a migration:
-- an administrator runs it once, in the database that the migrations were applied to, with passwords of their own
-- in place of PASSBOOK_QUERY_PASSWORD, PASSBOOK_PROJECTOR_PASSWORD and PASSBOOK_RESTORER_PASSWORD:
--
--     sed -e "s/PASSBOOK_QUERY_PASSWORD/…/" -e … users.sql | mysql passbook
--
-- Again after a migration that adds a table; a grant that is there already stays as it is. A grant is of a name: after
-- a restore it holds for the table that has the name by then. On a server with a certificate add REQUIRE SSL to each
-- user: it then refuses a connection that is not encrypted.

-- The queries' functions. They read accounts, statements and how restores stand, and see nothing of what the projector keeps.
CREATE USER IF NOT EXISTS passbook_query IDENTIFIED BY 'PASSBOOK_QUERY_PASSWORD';
GRANT SELECT ON bank_accounts TO passbook_query;
GRANT SELECT ON statement_lines TO passbook_query;
GRANT SELECT ON restores TO passbook_query;

-- The projector. It never deletes an account, and never changes or reads a statement line.
CREATE USER IF NOT EXISTS passbook_projector IDENTIFIED BY 'PASSBOOK_PROJECTOR_PASSWORD';
GRANT SELECT, INSERT, UPDATE ON bank_accounts TO passbook_projector;
GRANT INSERT ON statement_lines TO passbook_projector;
GRANT SELECT, INSERT, DELETE ON early_events TO passbook_projector;
-- UPDATE, for that is what makes a lock of an insert that finds the row there; it changes nothing.
GRANT SELECT, INSERT, UPDATE ON account_locks TO passbook_projector;
-- To be let through by a restore.
GRANT SELECT ON projection_gate TO passbook_projector;

-- The functions restore-read-db and restore-worker. They make, fill, swap and drop tables, under these six names and no
-- others; what the projector keeps they drop where its turn has come.
CREATE USER IF NOT EXISTS passbook_restorer IDENTIFIED BY 'PASSBOOK_RESTORER_PASSWORD';
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON bank_accounts TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON statement_lines TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON bank_accounts_shadow TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON statement_lines_shadow TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON bank_accounts_old TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON statement_lines_old TO passbook_restorer;
GRANT SELECT, DELETE ON early_events TO passbook_restorer;
GRANT SELECT, INSERT, UPDATE ON account_locks TO passbook_restorer;
GRANT SELECT, INSERT, UPDATE ON restores TO passbook_restorer;
GRANT SELECT, INSERT, UPDATE, DELETE ON restore_ranges TO passbook_restorer;
-- UPDATE, for a lock for writing asks for it; nothing is changed.
GRANT SELECT, UPDATE ON projection_gate TO passbook_restorer;
