"""Configuration: YAML with positions, models, secret references, paths, schema."""
