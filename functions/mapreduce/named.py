"""The names of a job's inputs, and whether those of an execution are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from .errors import InvalidParameter

Of = TypeVar("Of")


def of_input(known: Mapping[str, Of], name: str) -> Of:
    """Return what a job knows of an input by its name. Raises InvalidParameter if it reads none of it."""
    if name not in known:
        raise InvalidParameter(
            f"input.name: got {name or 'nothing'}; the job reads {', '.join(known)}: "
            "say of each input which of them it is"
        )
    return known[name]


def check_none_missing(known: Iterable[str], given: Iterable[str]) -> None:
    """Raise InvalidParameter if an input that a job reads is not among those that are given."""
    known, there = list(known), set(given)
    for name in known:
        if name not in there:
            raise InvalidParameter(f"input: got none with the name {name}; the job reads {', '.join(known)}")
