"""Threads that take turns, answer one question, or ask several hosts at once.

Whoever in `services` needs a thread gets it here. What such a thread does belongs to the room that asks for it.
"""
