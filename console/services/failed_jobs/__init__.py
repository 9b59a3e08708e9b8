"""Failed jobs: pages of the application's own table, and what became of those that a run retried or forgot.

Belongs here: reading those rows. Putting a job back on its queue does not: a run's step does that on a host.
"""
