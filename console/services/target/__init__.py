"""What is asked of a single host: its lock, fence, steps, needs, identity and maintenance mode.

Belongs here: shell texts and the reading of their answers. Deciding when to send them does not (`planning`, `running`).
"""
