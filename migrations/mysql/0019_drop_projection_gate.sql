-- The rows of `projections` are the gates now.
DROP TABLE projection_gate;
