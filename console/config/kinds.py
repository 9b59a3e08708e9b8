"""The models behind the params of step kinds and sources, as pydantic's.

Owns the one place where a kind's `Params`, which `ports` types by a small Protocol, is taken as the model it is. Must
not import a step or a source: the configuration stands below both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import BaseModel

from console.ports.steps import StepKind


class ConfigurableSource(Protocol):
    """One source that `sources: {NAME: params}` switches on: a `RootModel` where its value is a list or a text, a
    `BaseModel` with `extra="forbid"` where it is a mapping."""

    @property
    def Params(self) -> type[BaseModel]: ...  # noqa: N802


ConfigurableSources = Mapping[str, ConfigurableSource]


def params_model(kind: StepKind) -> type[BaseModel]:
    """The model of the value behind a step kind's key; a fault of the kind's author when it is none of pydantic's."""
    model = kind.Params
    if not issubclass(model, BaseModel):
        raise TypeError(f"{type(kind).__name__}.Params is no pydantic model")
    return model
