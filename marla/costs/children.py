"""The executions of single items that a Distributed Map started, as far as their attempts' records tell."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mapreduce.record import Place, TaskRecord

from .history import Raced

# States of an item that has backups, whatever happens: race, first, its end, watch, give time, done.
_RACE_STATES = 6
_ROUND_STATES = 3  # is it late, how long do they take, give time
_BACKUP_STATES = 2  # is it late, backup
# Of an item that left no record: as if its backup had begun; that it looked or tried again is not known.
UNSEEN_RACE_STATES = _RACE_STATES + _BACKUP_STATES
_FIRST_PAUSE, _LONGEST_PAUSE = 3, 60  # seconds, as the state machine has them


@dataclass(frozen=True)
class Child:
    """What one of them took.

    Attributes:
        seconds: from when its first state was entered to its end, as `end_of` has it.
        states: how many it entered, each retry counted as one more: what is billed of a STANDARD one.
        lists: how often it listed how long other tasks had taken.
    """

    seconds: float
    states: int
    lists: int = 0


def end_of(attempts: Iterable[TaskRecord]) -> float:
    """Return when a task was over, in seconds since 1970: when its race was won, else with its last attempt.

    Who loses a race goes on at work for a while, but nobody waits for that.

    Args:
        attempts: of one execution at one task.
    """
    last: dict[bool, TaskRecord] = {}  # of the first copy, and of the backup
    for one in sorted(attempts, key=lambda one: one.ended):
        last[one.backup] = one
    won = [one.ended for one in last.values() if one.succeeded]
    return min(won) if won else max(one.ended for one in last.values())


def children_of(records: Iterable[TaskRecord], raced: Raced | None = None) -> list[Child]:
    """Return the children whose attempts left records: an execution starts one for each task.

    Args:
        raced: whose tasks ran with backups, as `EventsSummary` has it.
    """
    attempts: defaultdict[tuple[Place, str], list[TaskRecord]] = defaultdict(list)
    for record in records:
        attempts[record.place, record.execution].append(record)
    return [_child(some, raced or {}) for some in attempts.values()]


def _child(attempts: Sequence[TaskRecord], raced: Raced) -> Child:
    phase = attempts[0].stage, attempts[0].kind
    began = min(map(_entered, attempts))
    seconds = max(0.0, end_of(attempts) - began)
    first = [one for one in attempts if not one.backup]
    second = [one for one in attempts if one.backup]
    retries = _retries(first) + _retries(second)
    if phase not in raced:
        return Child(seconds, 1 + retries)
    after = raced[phase]
    until = min(map(_entered, second)) - began if second else seconds
    lists = _looks(until) if after is None else 0
    has_backup = bool(second) or (after is not None and after <= seconds)  # it need not have left a record
    states = _RACE_STATES + retries + _ROUND_STATES * lists + (_BACKUP_STATES if has_backup else 0)
    return Child(seconds, states, lists)


def _entered(attempt: TaskRecord) -> float:
    """Return when the state was entered that asked for an attempt, or about when."""
    return attempt.started if attempt.queued is None else attempt.queued


def _retries(attempts: Sequence[TaskRecord]) -> int:
    """Return how often a state was tried again; a redrive counts from 0 anew."""
    return max(len(attempts), *(one.attempt + 1 for one in attempts)) - 1 if attempts else 0


def _looks(seconds: float) -> int:
    """Return how often an item looks in that time whether it is late: as if half of the tasks never finished.

    That is too often once half of the tasks have finished.
    """
    looks, elapsed = 0, float(_FIRST_PAUSE)
    while elapsed < seconds:
        looks += 1
        elapsed += min(_LONGEST_PAUSE, max(1, math.ceil(elapsed / 2)))
    return looks
