"""`python -m console.cli.reference [FILE]`: writes docs/configuration.md from the declarations.

Owns nothing but the call; `config.reference` makes the text.
"""

from __future__ import annotations

import sys
from pathlib import Path


def text() -> str:
    """The document for every step kind and source of this version."""
    from console.config.reference import reference
    from console.wiring.configuration import source_kinds, step_kinds

    return reference(step_kinds(), source_kinds())


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/configuration.md")
    target.write_text(text(), encoding="utf-8")
