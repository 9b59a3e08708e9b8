"""A number of things, and whether it is all of them.

Owns what makes a count incomplete, in words. Must not count anything, nor write a number out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Sign(StrEnum):
    """How a number stands to the true one; the text is what stands before it."""

    EXACT = ""
    AT_LEAST = "≥"
    ABOUT = "~"


@dataclass(frozen=True, slots=True)
class Count:
    """A number. `bound` says in words what makes it incomplete, and is empty when it is exact."""

    number: int
    sign: Sign = Sign.EXACT
    bound: str = ""

    def __post_init__(self) -> None:
        if (self.sign is Sign.EXACT) != (not self.bound):
            raise ValueError("a count has words for its bound when it is not exact, and only then")

    @property
    def is_complete(self) -> bool:
        """Whether it is all there is."""
        return self.sign is Sign.EXACT

    @classmethod
    def at_least(cls, number: int, bound: str) -> Count:
        """A number that the true one is not below; exact when `bound` is empty."""
        return cls(number, Sign.AT_LEAST if bound else Sign.EXACT, bound)

    @classmethod
    def about(cls, number: int, bound: str) -> Count:
        """A number that the true one may be above or below; exact when `bound` is empty."""
        return cls(number, Sign.ABOUT if bound else Sign.EXACT, bound)


def bounds(words: Iterable[str]) -> str:
    """Several bounds as one text, each once."""
    return "; ".join(dict.fromkeys(word for word in words if word))
