"""Use cases and their threads, in rooms: each room says in its first lines what belongs there.

A room imports only the rooms below it (`pyproject.toml` has the order); nothing here knows Textual or a driver.
"""
