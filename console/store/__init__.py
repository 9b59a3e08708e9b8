"""The state database: runs with their events and output, leases, the audit, change windows, sessions of checklists.

One module per group of tables. `schema` declares all tables, `database` opens them, `files` guards their directory.
What the rows mean is said in `domain`.
"""
