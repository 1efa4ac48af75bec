"""Which attempts a step of a job had, and which one of a task's attempts counts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from statistics import median
from typing import NamedTuple

from mapreduce.record import TaskRecord

from ..execution import step_name

# A straggler takes more than twice as long as half of its step's tasks did, as `--speculate` has it; and it
# takes at least this many seconds longer, for twice of next to nothing keeps nobody waiting.
_STRAGGLER_TIMES = 2
_STRAGGLER_SECONDS = 1.0
# Where a message begins with an object, that is what it is about, as `marla.failure` has it.
_BEHIND = r"(?= at byte \d+|: | \()"
_OBJECT = re.compile(f"s3://.+?{_BEHIND}")


class StepKey(NamedTuple):
    """Which step of a job it is; they sort as they are done: a stage's sample comes before the stage itself.

    Attributes:
        own: whether it is the stage's own run, and not the sample of its keys.
        step: 0 for that of the mappers.
    """

    stage: int
    own: bool
    step: int

    def name(self, *, several: bool) -> str:
        """Return what people call it; `several` says whether the job has several stages."""
        return step_name(self.step, sample=not self.own, stage=self.stage if several else None)


def step_of(record: TaskRecord) -> StepKey:
    """Return the step that an attempt belongs to."""
    return StepKey(record.stage, not record.sample, record.step)


def in_steps(records: Iterable[TaskRecord]) -> dict[StepKey, list[TaskRecord]]:
    """Return attempts by their steps, both in order."""
    ordered = sorted(records, key=lambda record: (step_of(record), record.started, record.request))
    return {key: list(group) for key, group in groupby(ordered, key=step_of)}


def counted(records: Iterable[TaskRecord]) -> list[TaskRecord]:
    """Return one attempt for each task that was done, in the order of tasks: the first that did it.

    A task may be done by several: its backup, or a retry of one whose answer was lost. They write the same
    bytes, and only one of them counts.
    """
    first: dict[tuple[StepKey, int, int], TaskRecord] = {}
    for record in records:
        task = (step_of(record), record.partition, record.task)
        if record.succeeded and (task not in first or record.ended < first[task].ended):
            first[task] = record
    return [first[task] for task in sorted(first)]


def worked(records: Iterable[TaskRecord]) -> list[TaskRecord]:
    """Return the attempts that did a task; those that found it done by an earlier execution did not."""
    return [record for record in records if record.succeeded and not record.reused]


def began(record: TaskRecord) -> float:
    """Return when an attempt began, in seconds since 1970: its cold start, if it had one, is part of it."""
    return record.started - record.init_seconds


def took(record: TaskRecord) -> float:
    """Return the seconds from when an attempt began to its end."""
    return record.ended - began(record)


def failed_at(record: TaskRecord) -> str:
    """Return the URI of the object that an attempt's error names, or nothing."""
    if not record.error:
        return ""
    for one in record.ranges:  # whose names may have anything in them
        uri = f"s3://{one.bucket}/{one.key}"
        if re.match(re.escape(uri) + _BEHIND, record.message):
            return uri
    found = _OBJECT.match(record.message)
    return found[0] if found else ""


def straggler_seconds(attempts: Iterable[TaskRecord]) -> float:
    """Return from how many seconds on an attempt of a step is a straggler; endless if no task was done.

    Cold starts are not its fault: they do not count.
    """
    seconds = [record.seconds for record in worked(attempts)]
    if not seconds:
        return float("inf")
    half = median(seconds)
    return max(_STRAGGLER_TIMES * half, half + _STRAGGLER_SECONDS)
