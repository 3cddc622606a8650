-- A statement by itself, as every file has one: a gate that was made and not filled would let nobody through.
INSERT INTO projection_gate (id) VALUES (1);
