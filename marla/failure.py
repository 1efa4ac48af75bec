"""Why an execution failed: the first failing task's own error, found behind the map run's general one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from mapreduce.record import TaskRecord

from . import advice, details, items, past, records
from .execution import Progress, kind_of
from .items import Item, Listed
from .stack import Stack

# Where a message begins with an object, that is what it is about.
_PLACE = re.compile(r"(?P<object>s3://.+?)(?: at byte (?P<offset>\d+)|: | \()")
_MAPS = {"Map", "Reduce"}
# What ends in these ended for something else, which is what there is to tell.
CONSEQUENCES = {"Race.Finished", "States.ExceedToleratedFailureThreshold", "States.TaskFailed"}
LOOKED_AT = 10  # failed items; one request each
# Step Functions tries a task again after these, so often; then they are its end.
_RETRIED = {"StorageUnavailable": 6, "CorruptSegment": 6}


@dataclass(frozen=True)
class Failure:
    """An error in the user's own terms; what is not known is empty.

    Attributes:
        cause: may have several lines, as a wrong query has, with a mark below the place in it.
        advice: what to do about it, where the cause does not say that.
        state: what the execution was at; Map or Reduce with or without backups.
        stage: only of a job that has several.
        sample: whether it happened as a sample of keys was taken, before the stage's own map.
        files: local files by the URIs of their uploaded copies, those that `cause` names.
    """

    name: str
    cause: str
    state: str = ""
    advice: str = ""
    stage: int | None = None
    sample: bool = False
    task: int | None = None
    step: int | None = None
    partition: int | None = None
    object: str = ""
    offset: int | None = None
    files: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what is known, for the JSON document."""
        known = asdict(self) if self.sample else asdict(self) | {"sample": None}
        return {name: value for name, value in known.items() if value not in ("", None, {})}

    def with_files(self, uploaded: Mapping[str, Path]) -> Failure:
        """Return the failure with the local files that its cause is about.

        Args:
            uploaded: local files by the URIs of their copies.
        """
        cause, files = self.cause, {}
        for uri in sorted(uploaded, key=len, reverse=True):  # a name may be the beginning of another
            if uri in cause:
                cause = cause.replace(uri, "")
                files[uri] = str(uploaded[uri])
        return replace(self, files=files)

    @property
    def place(self) -> str:
        """Where it happened, in words."""
        parts = [self.state]
        if self.stage is not None:
            parts.append(f"stage {self.stage}")
        if self.sample:
            parts.append("sample")
        if self.step is not None:
            parts.append(f"step {self.step}, partition {self.partition}")
        if self.task is not None:
            parts.append(f"task {self.task}")
        return ", ".join(part for part in parts if part)


class Found(NamedTuple):
    """A failure, and what it was found by.

    Attributes:
        item: the first item of a map run that failed, if there is one that Step Functions remembers.
        others: further items that failed.
        records: of the failed task's attempts, if these are all that tells of it.
        traceback: lines of it, from the job's own file.
    """

    failure: Failure
    item: Item | None = None
    others: Sequence[Listed] = ()
    records: Sequence[TaskRecord] = ()
    traceback: tuple[str, ...] = ()


def find(stack: Stack, arn: str, progress: Progress) -> Failure | None:
    """Return why an execution failed, or None if it did not."""
    found = search(stack, arn, progress)
    return found and found.failure


def search(stack: Stack, arn: str, progress: Progress) -> Found | None:
    """Return why an execution failed with all that tells of it, or None if it did not."""
    if progress.status in {"RUNNING", "SUCCEEDED"}:
        return None
    state = kind_of(progress.state)
    if progress.status == "TIMED_OUT":
        cause = progress.cause or "The job took too long"
        return _located(Found(Failure(progress.error or "States.Timeout", cause, state)), progress)
    if progress.status == "ABORTED":
        cause = progress.cause or "The execution was stopped"
        return _located(Found(Failure(progress.error or "ABORTED", cause, state)), progress)
    found = _of_a_task(stack, arn, state, progress) if state in _MAPS else None
    found = found or Found(_described(progress.error, progress.cause, state))
    message, traceback = details.of(stack, found.failure.cause)
    failure = replace(found.failure, cause=message)
    return _located(found._replace(failure=failure, traceback=traceback), progress)


def _located(found: Found, progress: Progress) -> Found:
    """Return the failure with where in the job it happened, and what to do about it.

    As a stage fails, no other begins.
    """
    failure = found.failure
    located = replace(
        failure,
        stage=progress.stage if progress.stages > 1 else None,
        sample=progress.sampling and failure.state in _MAPS,
        advice=advice.on(failure.name, failure.state, timed_out=progress.status == "TIMED_OUT"),
    )
    return found._replace(failure=located)


def _of_a_task(stack: Stack, arn: str, state: str, progress: Progress) -> Found | None:
    """Return the failure of a map run's first item that failed of itself.

    The map run is the last one, for none begins after one that failed.
    """
    run = progress.phases[-1].map_run if progress.phases else ""
    if not run:  # the state failed before it had one
        return None
    is_certain = progress.error in CONSEQUENCES
    try:
        failed = items.failed(stack, run, is_certain=is_certain)
    except items.UnlistedError:
        return _by_records(stack, arn, state, progress) or _unrecorded(state)
    looked_at = (items.described(stack, each) for each in failed[:LOOKED_AT])
    first = next((item for item in looked_at if item.error not in CONSEQUENCES), None)
    if first is None:  # the listing may be late: the records are there before a task has failed
        return _by_records(stack, arn, state, progress) if is_certain else None
    others = [each for each in failed if each.arn != first.arn]
    return Found(_described(first.error, first.cause, state, first.task), first, others)


def _by_records(stack: Stack, arn: str, state: str, progress: Progress) -> Found | None:
    """Return the failure of the first task that failed, as the records of its phase's attempts tell it.

    None if they tell of none: a task that was killed has left no record.
    """
    name = arn.rpartition(":")[2]
    before = past.find(stack, name)
    phase = progress.stage, progress.sampling, progress.phases[-1].step
    keys = [
        key
        for key in records.keys(stack, before.job if before else name)
        if (key.stage, key.sample, key.step) == phase and key.execution == name
    ]
    done = {(key.partition, key.task) for key in keys if not key.failed}
    wanted = [key for key in keys if (key.partition, key.task) not in done]
    tasks: dict[tuple[int, int], list[TaskRecord]] = {}
    for record in sorted(records.read(stack, wanted), key=lambda record: record.started):
        if not record.backup:  # a backup's failure is not the task's
            tasks.setdefault((record.partition, record.task), []).append(record)
    ended = [attempts for attempts in tasks.values() if _is_last(attempts[-1])]
    if not ended:
        return None
    attempts = min(ended, key=lambda attempts: attempts[-1].ended)
    last = attempts[-1]
    task = {"task": last.task} | ({"step": last.step, "partition": last.partition} if last.step else {})
    return Found(_described(last.error, last.message, state, task), records=attempts)


def _unrecorded(state: str) -> Found:
    """Return what there is to say of a task that Step Functions does not list, and that left no record."""
    where = "its error is in the log group of its function"
    cause = f"a task failed and left no record: as the stack runs tasks as EXPRESS, {where}"
    return Found(Failure("TaskFailed", cause, state))


def _is_last(record: TaskRecord) -> bool:
    """Whether no attempt follows one that failed."""
    return record.attempt >= _RETRIED.get(record.error, 0)


def _described(error: str, cause: str, state: str, task: dict[str, Any] | None = None) -> Failure:
    message = message_of(cause)
    place = _PLACE.match(message)
    task = task or {}
    return Failure(
        name=error,
        cause=message,
        state=state,
        task=task.get("task"),
        step=task.get("step"),
        partition=task.get("partition"),
        object=place["object"] if place else "",
        offset=int(place["offset"]) if place and place["offset"] else None,
    )


def message_of(cause: str) -> str:
    """Return what a worker said, of the cause that Step Functions makes of it; or the cause, as it is."""
    try:
        return str(json.loads(cause).get("errorMessage", cause))
    except (ValueError, AttributeError):
        return cause
