"""What stays on this machine about people: the audit, change windows, checklists, operators, traces of errors.

Belongs here: records that no run owns. A run's own journal does not (`running.journal`).
"""
