"""What a bill has to say of itself: what was assumed, what is an estimate, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from mapreduce.record import Place, TaskRecord

from .deployment import Deployment
from .history import EventsSummary


def notes_of(
    attempts: Sequence[TaskRecord],
    summary: EventsSummary,
    deployed: Deployment,
    unseen: int,
    late: datetime | None,
) -> tuple[str, ...]:
    """Return sentences about what is an estimate, and in which direction, and about what is missing.

    Args:
        unseen: how many tasks were started of which no attempt left a record.
        late: when the last worker is over at the latest, if that is not past.
    """
    notes = list(deployed.notes)
    if deployed.local:
        notes.insert(0, "The local cloud costs nothing: this is what the same would have cost on AWS.")
    if any(not one.memory_mib for one in attempts):
        notes.append(
            "Some records do not say how much memory their function has: the stack's parameter counts."
        )
    if missing := sum(_without_record(attempts)) + unseen:
        notes.append(
            f"{missing:,} or more attempts left no record. Those that Lambda refused cost nothing; what it "
            "bills of those that still run, or that it killed, is missing here."
        )
    if late:
        notes.append(
            "Workers that lost a race, or whose execution did not succeed, may be at work until "
            f"{late:%Y-%m-%d %H:%M:%S %Z}: what Lambda bills of them is missing here."
        )
    if None in summary.raced.values():
        notes.append("How often tasks with backups looked whether they are late is estimated, at the most.")
    return tuple(notes)


def _without_record(attempts: Sequence[TaskRecord]) -> Iterable[int]:
    """Yield for each task how many attempts must have been made that left no record.

    Before a backup there always is a first attempt, and before each attempt those of lower numbers.
    """
    numbers: defaultdict[tuple[Place, str], dict[bool, set[int]]] = defaultdict(lambda: {False: set()})
    for one in attempts:
        numbers[one.place, one.execution].setdefault(one.backup, set()).add(one.attempt)
    for copies in numbers.values():
        for seen in copies.values():
            yield max(seen, default=0) + 1 - len(seen)
