-- One row per projection. The row says which version of the projection the rows are of.
--
-- The row is also the projection's gate. A projector's transaction locks the row for reading, so that many go through at once.
-- A restore locks the row for writing while it swaps the tables, so that no projector commits to the tables that go.
CREATE TABLE projections (
    name          VARCHAR(64)  NOT NULL,
    -- NULL where there were events before the projection and the rows have not been built from them yet.
    built_version INT UNSIGNED,
    -- The version of the rows that the last restore put aside.
    old_version   INT UNSIGNED,

    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
