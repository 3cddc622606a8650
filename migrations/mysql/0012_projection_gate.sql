-- One row without content. A projector's transaction locks it for reading before all else, so many transactions pass at
-- once. A restore locks it for writing while it swaps the tables. During the swap no transaction may commit to the old
-- tables.
CREATE TABLE projection_gate (
    id TINYINT NOT NULL,

    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
