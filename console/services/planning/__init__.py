"""From an action and an environment to a plan: scripts, pinned release, advice, and whether it is still true later.

Belongs here: everything decided before a run exists. Nothing here changes a host.
"""
