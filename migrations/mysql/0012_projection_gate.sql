-- One row, and nothing in it to read. A projector's transaction locks it for reading before all else, so many go through at
-- once; a restore locks it for writing while it swaps the tables, when nobody may commit to those that go.
CREATE TABLE projection_gate (
    id TINYINT NOT NULL,

    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
