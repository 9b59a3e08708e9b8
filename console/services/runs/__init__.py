"""What people do to runs: plan, confirm, start, answer, resume, look, attach; and whether a run still has a runner.

Belongs here: the one control behind screen and command line. Performing a step does not (`running`).
"""
