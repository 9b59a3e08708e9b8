"""Workers of an application: which run, which code each runs, how they are asked to leave and seen to come back.

Belongs here: processes of queues and schedules. The step kind that restarts them does not (`console.steps`).
"""
