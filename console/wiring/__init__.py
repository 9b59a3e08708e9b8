"""The composition root: builds clients, sources, steps and services from a configuration."""
