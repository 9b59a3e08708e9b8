"""What the configuration must know of step kinds and sources to validate their params: a model and some names.

Owns the two Protocols that `wiring` passes in as mappings `{kind: …}`. Must not import a step or a source: the
configuration stands below both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from pydantic import BaseModel


class StepKind(Protocol):
    """One step kind as an action file meets it.

    `Params` is the pydantic model of the value behind the kind's key (`artisan: [migrate, --force]`): a `RootModel`
    where that value is a list or a text, a `BaseModel` with `extra="forbid"` where it is a mapping. `checks`, `undos`
    and `whens` are the names that `check:`, `undo:` (also `on_abort:`) and `when:` may say.
    """

    @property
    def Params(self) -> type[BaseModel]: ...  # noqa: N802
    @property
    def checks(self) -> Collection[str]: ...
    @property
    def undos(self) -> Collection[str]: ...
    @property
    def whens(self) -> Collection[str]: ...


class SourceKind(Protocol):
    """One source that `sources: {NAME: params}` switches on; `Params` as above."""

    @property
    def Params(self) -> type[BaseModel]: ...  # noqa: N802


StepKinds = Mapping[str, StepKind]
SourceKinds = Mapping[str, SourceKind]
