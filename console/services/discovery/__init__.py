"""What an application is, as told by PHP, its config cache, its `.env` or our configuration, each fact with its origin.

Belongs here: asking for facts and reading the answers. Proving a host by them does not (`target.identity`).
"""
