"""What most step kinds have in common: no named checks or ways back, nothing special that they do.

Owns those defaults. Must not know a kind.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from console.domain.actions import StepSpec
from console.domain.step_facts import StepFacts


class BaseKind:
    """A kind without `check:`, `undo:`, `on_abort:` and `when:`, whose steps change nothing that others must know."""

    checks: ClassVar[Collection[str]] = ()
    undos: ClassVar[Collection[str]] = ()
    whens: ClassVar[Collection[str]] = ()

    def facts(self, step: StepSpec) -> StepFacts:
        """No facts."""
        del step
        return StepFacts()
