"""A contest of handlers: each alone on one core, in a fresh process for each run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .handlers import Handler
from .oracle import ResultError
from .places import LOG


@dataclass(frozen=True)
class Contender:
    """A handler's module, an event that warms it, and those that are measured, the second time."""

    module: str
    warm: dict[str, Any]
    events: list[dict[str, Any]]
    rows: int  # that the events work on
    groups: int  # that the last event leaves


@dataclass(frozen=True, slots=True)
class Work:
    """What a run took. A peer's process is not looked into."""

    seconds: float
    rows: int
    processor_seconds: float | None = None
    peak_bytes: int | None = None


def measure(name: str, contender: Contender, environment: dict[str, str]) -> Work:
    """Run a contender once. Raises ResultError if it leaves other groups than it should."""
    with Handler(contender.module, environment, LOG) as handler:
        # Once for the process and once for its memory, as an execution environment has served tasks before.
        for event in [contender.warm, *contender.events]:
            handler.call(event)
        answers = [handler.call(event) for event in contender.events]
    groups = answers[-1].value["recordsOut"]
    if groups != contender.groups:
        raise ResultError(f"{name}: left {groups:,} groups where there are {contender.groups:,}")
    return Work(
        sum(answer.seconds for answer in answers),
        contender.rows,
        sum(answer.processor_seconds for answer in answers),
        answers[-1].peak_bytes,
    )
