"""What every source is made of: its declaration for the index, what it is given, and its codec.

Owns the shape of a source kind. Must not know any single source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

from console.domain import codec
from console.domain.documents import Json
from console.domain.environment import AppFacts, Environment
from console.domain.snapshot import Trouble
from console.ports import Clock, Reach, Source
from console.services.discovery.used import UsedConnections
from console.sources.names import QueueNames

T = TypeVar("T")


SOON = 5.0
"""Seconds at most until what was unwell, or not readable in full, is read again: recovery is seen that fast."""


class SourceParams(BaseModel):
    """Params every source takes; a source with more derives from it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    every: float | None = Field(default=None, ge=0.2, le=3600)
    """Seconds between two reads."""


class Discovered:
    """What the source `app` last read, for whoever must not wait for discovery."""

    def __init__(self) -> None:
        self._facts: AppFacts | None = None

    @property
    def facts(self) -> AppFacts | None:
        """The newest facts, None before the first; at once."""
        return self._facts

    def put(self, facts: AppFacts) -> None:
        """Swaps the reference, at once."""
        self._facts = facts


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What a source is built from. `names`, `discovered` and `used` are shared by all sources of one environment.
    `look_for_workers` tells `used` what the hosts' processes say, where no source reads the workers, and never raises.
    """

    environment: Environment
    reach: Reach
    clock: Clock
    names: QueueNames = field(default_factory=QueueNames)
    discovered: Discovered = field(default_factory=Discovered)
    used: UsedConnections = field(default_factory=UsedConnections)
    look_for_workers: Callable[[], None] | None = None


class SourceModule(Protocol):
    """What a source's file offers: its params, and a function that builds it without reaching anything."""

    Params: type[BaseModel]

    def build(self, context: SourceContext, params: Any) -> tuple[Source[Any], ...]: ...


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A line of the index: the module, and whether it is on without being named under `sources:`.

    `group` names the thread that reads it, for sources that share one client. `from_facts` means that there is one
    source for each connection that discovery found, so that none can be built before.
    """

    module: str
    group: str
    always: bool = False
    from_facts: bool = False

    @property
    def Params(self) -> type[BaseModel]:  # noqa: N802 - the name the configuration asks for
        """The model of what stands under `sources: {NAME: …}`; imports the source."""
        return self._load().Params

    def build(self, context: SourceContext, params: Json) -> tuple[Source[Any], ...]:
        """The sources; several where discovery found several connections, none where it found none."""
        module = self._load()
        return module.build(context, module.Params.model_validate({} if params is None else params))

    def _load(self) -> SourceModule:
        return cast(SourceModule, import_module(self.module))


class TypedSource(Generic[T]):
    """A source whose reading is one frozen dataclass: what it declares and its codec come from the class.

    `kind` is that dataclass. A pane that reads it shows the source; without one the environments pane has its line.
    `needs_facts` is False for a source that can be read before the application's facts are known.
    """

    name: str
    every: float = 1.0
    timeout: float = 3.0
    kind: ClassVar[type[Any]]
    needs_facts: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name

    def troubles(self, value: T) -> tuple[Trouble, ...]:  # noqa: ARG002
        """What is wrong with a reading; nothing unless the source says so."""
        return ()

    def encode(self, value: T) -> Json:
        """The reading as a document."""
        return codec.encode(value)

    def decode(self, document: Json) -> T:
        """The reading of a document; ValueError when it is not one."""
        return cast(T, codec.decode(self.kind, document))


def doubts(words: Iterable[str]) -> tuple[Trouble, ...]:
    """Each of them as a trouble that is only doubtful."""
    return tuple(Trouble(each) for each in words)
