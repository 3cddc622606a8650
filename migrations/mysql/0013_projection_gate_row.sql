-- This statement is a file of its own, because every file has one statement. Without the row no projector
-- could pass the gate.
INSERT INTO projection_gate (id) VALUES (1);
