"""Threads and use cases."""
