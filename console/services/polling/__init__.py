"""Sources read again and again for the screen, or once for a command, and the board of their newest snapshots.

Belongs here: when a source is read, and where its newest value stands. How it is read does not (`console.sources`).
"""
