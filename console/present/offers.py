"""What a run that ended offers, as the words of a command.

Owns the parameters that stand behind an offered action. Must not decide what is offered.
"""

from __future__ import annotations

_PARAMS = {"maintenance": {"do": "up"}}
"""A run offers maintenance only to end it."""


def offer_words(offer: str) -> str:
    """`maintenance --param do=up`, as `opsconsole run` takes it."""
    return " ".join([offer, *(f"--param {name}={value}" for name, value in _PARAMS.get(offer, {}).items())])


def offer_name(offer: str) -> str:
    """`maintenance do=up`, for a line on the screen."""
    return " ".join([offer, *(f"{name}={value}" for name, value in _PARAMS.get(offer, {}).items())])
