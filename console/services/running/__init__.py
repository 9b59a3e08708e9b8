"""The runner's process: the steps of one run on its hosts, its journal, its hold of the lock, and its end.

Belongs here: what happens while a run is performed. What people do to runs does not (`runs`); the state database is the
only thing between the two.
"""
