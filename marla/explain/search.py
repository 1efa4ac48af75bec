"""Finds why an execution failed, and all that helps to judge it: a few requests, whatever the job's size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mapreduce.record import TaskRecord
from marla import advice, execution, failure, items, past, resume
from marla.execution import Progress
from marla.explain import attempts, excerpt, lengths, logs, rejects
from marla.explain.attempts import Task
from marla.explain.excerpt import Place
from marla.explain.explanation import Attempt, Excerpt, Explanation, Log, Rejected
from marla.explain.extras import Extras
from marla.failure import Failure, Found
from marla.items import Listed
from marla.stack import Stack

LOOKED_AT = 9  # other failed tasks whose errors are asked for, one request each
TOO_MANY = "TooManyBadRecords"
# States that invoke a worker outside a map run: by the one in which the execution ends when the worker fails.
WORKERS = {
    "Check job": ("Check job", "map"),
    "Check wave": ("Check wave", "map"),
    "Result not published": ("Publish result", "reduce"),
}
# How errors begin that are the worker's end, not what it says; then its log may say more.
_OF_PROCESS = ("Lambda.", "Runtime.", "Sandbox.", "States.", "StorageUnavailable")
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}


@dataclass(frozen=True)
class _Traces:
    """What the failed task left."""

    attempts: tuple[Attempt, ...] = ()
    log: Log | None = None


def explain(
    stack: Stack, arn: str, progress: Progress | None = None, *, where: str | None = None
) -> Explanation | None:
    """Return why an execution failed, or None if it succeeded or runs.

    Args:
        progress: of the execution, if it is over and known already.
        where: the options, behind a space, that say in a command which cloud the execution is in.

    Raises CloudError if there is no such execution.
    """
    progress = progress or next(execution.follow(stack, arn))
    found = failure.search(stack, arn, progress)
    if found is None:
        return None
    told, extras = found.failure, Extras()
    where = stack.options if where is None else where
    name = arn.rpartition(":")[2]
    traces = _traces(stack, arn, progress, found, extras)
    set_aside, length = _set_aside(stack, name, progress, extras) if told.name == TOO_MANY else ((), 0)
    child = found.item.arn if found.item else found.records[-1].child if found.records else ""
    unknown: Mapping[str, int] = {"": len(found.others)}
    others = extras.read("the errors of other failed tasks", lambda: _errors(stack, found.others), unknown)
    command = advice.command_to_resume(told.name, told.cause, name, progress, where)
    unresumable = _unresumable(stack, name, progress, extras, where) if command else ""
    return Explanation(
        execution=arn,
        status=progress.status,
        failure=told,
        seconds=progress.seconds,
        reached=_reached(progress),
        excerpt=_excerpt(stack, found, set_aside, length),
        attempts=traces.attempts,
        log=traces.log,
        rejects=set_aside,
        traceback=found.traceback,
        others=others,
        next=(told.advice,) if told.advice else (),
        command="" if unresumable else command,
        unresumable=unresumable,
        child=child,
        url="" if stack.local else console_url(child if found.item else arn, stack.region),
        notes=tuple(extras.notes),
    )


def lost(arn: str, death: str) -> Explanation:
    """Return why an execution is lost that the local cloud has taken with it.

    Args:
        death: what became of the local cloud.
    """
    again = "Run the job again, which starts the local cloud anew"
    cause = f"{death}. The execution and everything in it are lost"
    return Explanation(arn, "LOST", Failure("LocalCloudDied", cause, advice=again), next=(again,))


def console_url(arn: str, region: str) -> str:
    """Return where the AWS console shows an execution."""
    console = _CONSOLES.get(arn.split(":")[1], _CONSOLES["aws"])
    shown = quote(arn, safe=":")
    return f"https://{region}.{console}/states/home?region={region}#/v2/executions/details/{shown}"


def _reached(progress: Progress) -> str:
    """Return how far the last phase was."""
    if not progress.phases or not progress.phases[-1].total:
        return ""
    phase = progress.phases[-1]
    return f"{phase.name}: {phase.succeeded:,} of {phase.total:,} tasks were done"


def _traces(stack: Stack, arn: str, progress: Progress, found: Found, extras: Extras) -> _Traces:
    """Return the attempts at what failed, and the last lines of the log of the one that ended it."""
    if found.item:
        child, task = found.item.arn, Task.of(found.item.task)
        told_of = attempts.told(_history(stack, child, extras))
        left: Sequence[TaskRecord] = ()
        if task:
            job = str(found.item.task.get("id", ""))
            what = "the records of its attempts"
            left = extras.read(what, lambda: attempts.of_task(stack, job, task, child), [])
        made = attempts.all_of(told_of, left)
        return _Traces(made, _log(stack, "reduce" if task and task.step else "map", made))
    if found.records:
        made = tuple(attempts.recorded(record) for record in found.records)
        return _Traces(made, _log(stack, found.records[-1].kind, made))
    if progress.status == "FAILED" and progress.state in WORKERS:
        state, kind = WORKERS[progress.state]
        made = attempts.all_of(attempts.told(_since(state, _history(stack, arn, extras)), state), ())
        is_of_process = found.failure.name.startswith(_OF_PROCESS)
        return _Traces(made, _log(stack, kind, made) if is_of_process else None)
    return _Traces()


def _history(stack: Stack, arn: str, extras: Extras) -> list[dict[str, Any]]:
    return extras.read("the history of its attempts", lambda: attempts.history(stack, arn), [])


def _since(state: str, events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return the events since a state was entered for the last time."""
    entries = [
        index
        for index, event in enumerate(events)
        if event.get("stateEnteredEventDetails", {}).get("name") == state
    ]
    return events[entries[-1] :] if entries else events


def _log(stack: Stack, kind: str, made: Sequence[Attempt]) -> Log | None:
    """Return the log of the last attempt that failed: of the task itself, and not of its backup."""
    failed = [each for each in made if each.error and not each.backup]
    return logs.of(stack, kind, failed[-1]) if failed else None


def _errors(stack: Stack, others: Sequence[Listed]) -> Mapping[str, int]:
    """Return how many other tasks failed, by their errors' names; those not asked for have none."""
    errors = [items.described(stack, each).error for each in others[:LOOKED_AT]]
    counts = Counter(error for error in errors if error not in failure.CONSEQUENCES)
    if len(others) > LOOKED_AT:
        counts[""] = len(others) - LOOKED_AT
    return dict(counts)


def _unresumable(stack: Stack, name: str, progress: Progress, extras: Extras, where: str) -> str:
    """Return why an execution's job cannot be resumed any more; nothing if it can, or if nobody tells."""

    def hindrance() -> str:
        before = past.find(stack, name)
        job = before.job if before else name
        return resume.hindrance(stack, name, job, progress.stages, where)

    return extras.read("whether the job can still be resumed", hindrance, "")


def _set_aside(
    stack: Stack, name: str, progress: Progress, extras: Extras
) -> tuple[tuple[Rejected, ...], int]:
    """Return the first records that a stage set aside, and how long each is, or 0 if they are lines."""
    before = extras.read("what the execution was asked for", lambda: past.find(stack, name), None)
    job = before.job if before else name
    none: tuple[Rejected, ...] = ()
    first = extras.read(
        "the records that were set aside",
        lambda: rejects.first(stack, job, progress.stage, sample=progress.sampling),
        none,
    )
    if not before or not first or progress.stage:  # a later stage reads the lines that one before it wrote
        return first, 0
    return first, lengths.of_object(before.asked, first[0].object)


def _excerpt(stack: Stack, found: Found, set_aside: Sequence[Rejected], length: int) -> Excerpt | None:
    """Return the lines of the input around the place that the failure is about.

    Args:
        length: of each record that was set aside, or 0 if they are lines.
    """
    if set_aside:
        first = set_aside[0]
        return excerpt.read(stack, Place(first.object, first.offset, record_bytes=length))
    told = found.failure
    if not told.object or told.offset is None:
        return None
    task = found.item.task if found.item else {}
    etags = [
        piece.get("etag", "")
        for piece in task.get("pieces") or []
        if f"s3://{task.get('bucket')}/{piece.get('key')}" == told.object
    ]
    place = Place(told.object, told.offset, etags[0] if etags else "", lengths.of_task(task))
    return excerpt.read(stack, place)
