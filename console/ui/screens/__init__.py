"""Whole screens: main, confirm, run, help."""
