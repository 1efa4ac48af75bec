"""Finds why an execution failed, and all that helps to judge it: a few requests, whatever the job's size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from mapreduce import catalogue
from mapreduce.errors import MarlaError
from mapreduce.formats import Fixed, format_from
from mapreduce.record import TaskRecord
from marla import advice, execution, failure, items, past
from marla.errors import CloudError
from marla.execution import Progress
from marla.explain import attempts, excerpt, logs, rejects
from marla.explain.attempts import Task
from marla.explain.excerpt import Place
from marla.explain.explanation import Attempt, Excerpt, Explanation, Log, Rejected
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
_UNREAD = (ClientError, BotoCoreError, CloudError)


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
    told = found.failure
    name = arn.rpartition(":")[2]
    job = _job(stack, name, found)
    traces = _traces(stack, arn, progress, found, job)
    set_aside: tuple[Rejected, ...] = ()
    if told.name == TOO_MANY:
        set_aside = rejects.first(stack, job, progress.stage, sample=progress.sampling)
    if where is None:
        where = "" if stack.local else f" --stack {stack.name} --region {stack.region}"
    child = found.item.arn if found.item else found.records[-1].child if found.records else ""
    return Explanation(
        execution=arn,
        status=progress.status,
        failure=told,
        seconds=progress.seconds,
        reached=_reached(progress),
        excerpt=_excerpt(stack, found, set_aside),
        attempts=traces.attempts,
        log=traces.log,
        rejects=set_aside,
        traceback=found.traceback,
        others=_errors(stack, found.others),
        next=(told.advice,) if told.advice else (),
        command=advice.command_to_resume(told.name, told.cause, name, progress, where),
        child=child,
        url="" if stack.local else console_url(child if found.item else arn, stack.region),
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
    return f"https://{region}.{console}/states/home?region={region}#/v2/executions/details/{arn}"


def _job(stack: Stack, name: str, found: Found) -> str:
    """Return the job's id: another than the execution's name if that resumes a job."""
    if found.item and isinstance(found.item.task.get("id"), str):
        return str(found.item.task["id"])
    before = past.find(stack, name) if found.failure.name == TOO_MANY else None
    return before.job if before else name


def _reached(progress: Progress) -> str:
    """Return how far the last phase was."""
    if not progress.phases or not progress.phases[-1].total:
        return ""
    phase = progress.phases[-1]
    return f"{phase.name}: {phase.succeeded:,} of {phase.total:,} tasks were done"


def _traces(stack: Stack, arn: str, progress: Progress, found: Found, job: str) -> _Traces:
    """Return the attempts at what failed, and the last lines of the log of the one that ended it."""
    if found.item:
        task = Task.of(found.item.task)
        told_of = attempts.told(attempts.history(stack, found.item.arn))
        made = attempts.all_of(told_of, _records(stack, job, task, found.item.arn) if task else ())
        return _Traces(made, _log(stack, "reduce" if task and task.step else "map", made))
    if found.records:
        made = tuple(attempts.recorded(record) for record in found.records)
        return _Traces(made, _log(stack, found.records[-1].kind, made))
    if progress.status == "FAILED" and progress.state in WORKERS:
        state, kind = WORKERS[progress.state]
        made = attempts.all_of(attempts.told(_since(state, attempts.history(stack, arn)), state), ())
        is_of_process = found.failure.name.startswith(_OF_PROCESS)
        return _Traces(made, _log(stack, kind, made) if is_of_process else None)
    return _Traces()


def _since(state: str, events: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return the events since a state was entered for the last time."""
    entries = [
        index
        for index, event in enumerate(events)
        if event.get("stateEnteredEventDetails", {}).get("name") == state
    ]
    return events[entries[-1] :] if entries else events


def _records(stack: Stack, job: str, task: Task, child: str) -> list[TaskRecord]:
    """Return the records of a task's attempts; none, if these cannot be read."""
    try:
        return attempts.of_task(stack, job, task, child)
    except _UNREAD:
        return []


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


def _excerpt(stack: Stack, found: Found, set_aside: Sequence[Rejected]) -> Excerpt | None:
    """Return the lines of the input around the place that the failure is about."""
    if set_aside:
        return excerpt.read(stack, Place(set_aside[0].object, set_aside[0].offset))
    told = found.failure
    if not told.object or told.offset is None:
        return None
    task = found.item.task if found.item else {}
    etags = [
        piece.get("etag", "")
        for piece in task.get("pieces") or []
        if f"s3://{task.get('bucket')}/{piece.get('key')}" == told.object
    ]
    place = Place(told.object, told.offset, etags[0] if etags else "", _record_bytes(task))
    return excerpt.read(stack, place)


def _record_bytes(task: Mapping[str, Any]) -> int:
    """Return the length of each record of a task's input, or 0 if its records are lines."""
    job = task.get("job")
    if not isinstance(job, str):  # a query
        return 0
    try:
        default = catalogue.of_one_stage(job).format
        found = format_from(task["format"], default) if task.get("format") else default
    except MarlaError:  # a job that is not in this catalogue
        return 0
    return found.length if isinstance(found, Fixed) else 0
