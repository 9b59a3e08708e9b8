"""opsconsole: a terminal operations console for teams that run Laravel in production.

The package is layered; `docs/architecture.md` draws the layers and import-linter enforces them.
"""

__version__ = "0.1.0"
