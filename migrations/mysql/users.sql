-- The three users that the running service signs in as. Each user has only the rights that it uses. This file is not a
-- migration. An administrator runs it once, in the database that the migrations were applied to. Put new passwords in place
-- of PASSBOOK_QUERY_PASSWORD, PASSBOOK_PROJECTOR_PASSWORD and PASSBOOK_RESTORER_PASSWORD:
--
--     sed -e "s/PASSBOOK_QUERY_PASSWORD/…/" -e … users.sql | mysql passbook
--
-- Run it again after a migration that adds a table. Existing grants stay as they are. A grant belongs to a name: after a
-- restore it holds for the table that has the name then. On a server with a certificate add REQUIRE SSL to each user. The
-- server then refuses connections that are not encrypted.

-- The queries' functions. They read accounts, statements, transfers and the progress of restores, and of which version the rows are.
-- They cannot see the projector's own tables.
CREATE USER IF NOT EXISTS passbook_query IDENTIFIED BY 'PASSBOOK_QUERY_PASSWORD';
GRANT SELECT ON bank_accounts TO passbook_query;
GRANT SELECT ON statement_lines TO passbook_query;
GRANT SELECT ON transfers TO passbook_query;
GRANT SELECT ON restores TO passbook_query;
GRANT SELECT ON projections TO passbook_query;

-- The projector. It never deletes an account or a transfer, and never changes or reads a statement line.
CREATE USER IF NOT EXISTS passbook_projector IDENTIFIED BY 'PASSBOOK_PROJECTOR_PASSWORD';
GRANT SELECT, INSERT, UPDATE ON bank_accounts TO passbook_projector;
GRANT INSERT ON statement_lines TO passbook_projector;
GRANT SELECT, INSERT, UPDATE ON transfers TO passbook_projector;
GRANT SELECT, INSERT, DELETE ON early_events TO passbook_projector;
-- An insert that finds the row locks it by an UPDATE, which needs this right. The update changes nothing.
GRANT SELECT, INSERT, UPDATE ON stream_locks TO passbook_projector;
-- The projector locks its rows for reading, so that a restore lets it through.
GRANT SELECT ON projections TO passbook_projector;

-- The functions restore-read-db and restore-worker. They make, fill, swap and drop tables, only under these nine names. They
-- drop early events of the projector whose turn has come.
CREATE USER IF NOT EXISTS passbook_restorer IDENTIFIED BY 'PASSBOOK_RESTORER_PASSWORD';
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON bank_accounts TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON statement_lines TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON transfers TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON bank_accounts_shadow TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON statement_lines_shadow TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON transfers_shadow TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON bank_accounts_old TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON statement_lines_old TO passbook_restorer;
GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON transfers_old TO passbook_restorer;
GRANT SELECT, DELETE ON early_events TO passbook_restorer;
GRANT SELECT, INSERT, UPDATE ON stream_locks TO passbook_restorer;
GRANT SELECT, INSERT, UPDATE ON restores TO passbook_restorer;
GRANT SELECT, INSERT, UPDATE, DELETE ON restore_ranges TO passbook_restorer;
-- A restore locks these rows for writing while it swaps the tables, and records of which version the new rows are.
GRANT SELECT, UPDATE ON projections TO passbook_restorer;
