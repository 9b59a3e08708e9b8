"""The only importers of drivers: SSH, SQL, Redis, HTTP."""
