"""Snapshots are plain `.svg` files, so that the same baselines serve on every machine."""

from __future__ import annotations

from importlib import import_module

# The plugin ships no types.
import_module("pytest_textual_snapshot").SVGImageExtension.file_extension = "svg"
