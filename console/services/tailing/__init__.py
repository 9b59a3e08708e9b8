"""Log files of hosts: their history as a stream, what comes after it, and the lines that the screen keeps.

Belongs here: files, offsets, rotation, and the script that follows them. What a line means does not (`domain.log_*`).
"""
