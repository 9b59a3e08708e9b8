"""Pure domain values turned into rows, text and JSON."""
