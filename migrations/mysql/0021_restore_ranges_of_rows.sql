-- The sums are over the rows of every projection that the restore builds.
ALTER TABLE restore_ranges RENAME COLUMN accounts TO row_count, RENAME COLUMN accounts_sum TO rows_sum;
