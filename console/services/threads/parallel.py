"""The same question to several hosts at once.

Owns short-lived threads and their join. Must not outlive the call, nor swallow an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Thread
from typing import TypeVar

from console.services.threads.loop import Captured, capture

T = TypeVar("T")


def each(names: Iterable[str], work: Callable[[str], T]) -> dict[str, T]:
    """`work(name)` for every name in a thread of its own; results by name, in the given order.

    The error of the first name that has one is raised, after all have ended.
    """
    ended = each_captured(names, work)
    return {name: one.unwrap() for name, one in ended.items()}


def each_captured(names: Iterable[str], work: Callable[[str], T]) -> dict[str, Captured[T]]:
    """Like `each`, with every error kept beside its name instead of raised."""
    wanted = list(names)
    ended: dict[str, Captured[T]] = {}

    def one(name: str) -> None:
        ended[name] = capture(lambda: work(name))

    if len(wanted) == 1:
        one(wanted[0])
        return ended
    threads = [Thread(target=one, args=(name,), name=f"each-{name}", daemon=True) for name in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {name: ended[name] for name in wanted}
