"""The executions of single items that a Distributed Map started, as far as their attempts' records tell."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mapreduce.record import TaskRecord

# States of an item that has backups, whatever happens: race, first, its end, watch, give time, done.
_RACE_STATES = 6
_ROUND_STATES = 3  # is it late, how long do they take, give time
_BACKUP_STATES = 2  # is it late, backup
_FIRST_PAUSE, _LONGEST_PAUSE = 3, 60  # seconds, as the state machine has them

Task = tuple[int, bool, int, int, int]


@dataclass(frozen=True)
class Child:
    """What one of them took.

    Attributes:
        seconds: from when its first state was entered to the end of its last attempt.
        states: how many it entered, each retry counted as one more: what is billed of a STANDARD one.
        lists: how often it listed how long other tasks had taken.
    """

    seconds: float
    states: int
    lists: int = 0


def task_of(record: TaskRecord) -> Task:
    """Return what all attempts at a task have in common, in the order in which a job runs."""
    return record.stage, not record.sample, record.step, record.partition, record.task


def children_of(records: Iterable[TaskRecord], raced: Collection[str] = ()) -> list[Child]:
    """Return the children whose attempts left records: an execution starts one for each task.

    Args:
        raced: map, reduce: those kinds whose tasks ran with backups.
    """
    attempts: defaultdict[tuple[Task, str], list[TaskRecord]] = defaultdict(list)
    for record in records:
        attempts[task_of(record), record.execution].append(record)
    return [_child(some, raced=some[0].kind in raced) for some in attempts.values()]


def _child(attempts: Sequence[TaskRecord], *, raced: bool) -> Child:
    began = min(one.started if one.queued is None else one.queued for one in attempts)
    seconds = max(0.0, max(one.ended for one in attempts) - began)
    first = [one.attempt for one in attempts if not one.backup]
    second = [one for one in attempts if one.backup]
    retries = max(first, default=0) + max((one.attempt for one in second), default=0)
    if not raced:
        return Child(seconds, 1 + retries)
    late = min((one.started if one.queued is None else one.queued for one in second), default=None)
    lists = _looks(seconds if late is None else max(0.0, late - began))
    states = _RACE_STATES + retries + _ROUND_STATES * lists + (_BACKUP_STATES if second else 0)
    return Child(seconds, states, lists)


def _looks(seconds: float) -> int:
    """Return how often an item looks in that time whether it is late: as if half of the tasks never finished.

    That is too often where `speculate` is a number of seconds, or once half of the tasks have finished.
    """
    looks, elapsed = 0, float(_FIRST_PAUSE)
    while elapsed < seconds:
        looks += 1
        elapsed += min(_LONGEST_PAUSE, max(1, math.ceil(elapsed / 2)))
    return looks
