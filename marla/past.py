"""Executions that were started before: what one was asked to do, and which job it is part of."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from .errors import CloudError, UsageError
from .stack import Stack

REFUSED = {"InvalidInput", "ResumeRefused"}
_MISSING = "ExecutionDoesNotExist"
_UNKNOWN = {_MISSING, "InvalidArn"}  # the second for a name that no execution can have
# DescribeExecution is eventually consistent: an execution that another has just started may not be known yet.
# Seconds until it is asked again, each time; a name that is wrong is to be answered soon all the same.
PAUSES = (0.5, 1.0)
# Of an execution that was started here, there is no doubt that it will be known.
PAUSES_AFTER_START = (0.5, 1.0, 2.0, 4.0)

_started: set[str] = set()  # ARNs that Step Functions was not seen to know so far

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Past:
    """An execution as Step Functions remembers it.

    Attributes:
        asked: its input, which may be any JSON.
    """

    arn: str
    name: str
    status: str
    asked: Any
    error: str = ""

    @property
    def resumes(self) -> str:
        """The name of the execution whose job this one continues, or nothing."""
        resumed = self.asked.get("resume") if isinstance(self.asked, dict) else None
        return resumed if isinstance(resumed, str) else ""

    @property
    def job(self) -> str:
        """The job's id, which is its folder's name: the name of the job's first execution."""
        return self.resumes or self.name

    @property
    def is_stranger(self) -> bool:
        """Whether it was to resume a job and was refused, so that it has no part in it."""
        return bool(self.resumes) and self.error in REFUSED


def name_of(stack: Stack, execution: str) -> str:
    """Return the name of an execution that is given by name or ARN.

    Raises UsageError for what cannot be the name of one, and for an ARN of another state machine.
    """
    ours = stack.execution_arn("")
    if execution.startswith("arn:") and not execution.startswith(ours):
        raise UsageError(
            f"EXECUTION: got {execution}, which is not of the stack {stack.name}; name its own with --stack"
        )
    name = execution.removeprefix(ours)
    if not name or "/" in name or name in {".", ".."}:
        raise UsageError(f"EXECUTION: got {execution!r}; give an execution's name or ARN")
    return name


def note_start(arn: str) -> None:
    """Remember that an execution was started, so that `answered` waits until it is known."""
    _started.add(arn)


def answered(stack: Stack, arn: str, ask: Callable[[], Answer], pauses: Sequence[float] = PAUSES) -> Answer:
    """Return the answer to a question about an execution, asked again for a while if AWS does not know it.

    Args:
        pauses: seconds until it is asked again, each time, unless the execution was started here just now.

    Raises ClientError, as `ask` does.
    """
    waits = iter(() if stack.local else PAUSES_AFTER_START if arn in _started else pauses)
    while True:
        try:
            answer = ask()
        except ClientError as error:
            if error.response["Error"]["Code"] != _MISSING:
                raise
            seconds = next(waits, None)
            if seconds is None:
                _started.discard(arn)
                raise
            time.sleep(seconds)
        else:
            _started.discard(arn)
            return answer


def find(stack: Stack, name: str, pauses: Sequence[float] = ()) -> Past | None:
    """Return an execution by name, or None if Step Functions does not know it (any more).

    Args:
        pauses: as `answered` has it; without any, only what was started here is waited for.
    """
    arn = stack.execution_arn(name)
    try:
        described = answered(stack, arn, lambda: stack.sfn.describe_execution(executionArn=arn), pauses)
    except ClientError as error:
        if error.response["Error"]["Code"] in _UNKNOWN:
            return None
        raise CloudError(f"{arn}: {error.response['Error'].get('Message', error)}") from error
    return Past(
        arn, name, described["status"], json.loads(described.get("input") or "{}"), described.get("error", "")
    )


def found(stack: Stack, name: str) -> Past:
    """Return an execution by name. Raises CloudError if Step Functions does not know it (any more)."""
    past = find(stack, name, PAUSES)
    if past is None:
        raise CloudError(
            f"the stack {stack.name} has no execution {name}. Step Functions forgets one 90 days after its "
            "end, the local cloud when it is stopped"
        )
    return past


def check_at_rest(stack: Stack, job: str, then: str) -> None:
    """Raise CloudError if an execution of a job runs.

    Args:
        job: its id.
        then: what may be done when none does.
    """
    runs = next(_running(stack, job), None)
    if runs is not None:
        raise CloudError(
            f"{runs} is running: `marla watch {runs}{stack.options}` follows it, `marla stop {runs}"
            f"{stack.options}` stops it; then {then}"
        )


def _running(stack: Stack, job: str) -> Iterator[str]:
    """Yield the names of a job's executions that run, its first one first."""
    pages = stack.sfn.get_paginator("list_executions").paginate(
        stateMachineArn=stack.state_machine, statusFilter="RUNNING"
    )
    names = [each["name"] for page in pages for each in page["executions"]]
    for name in sorted(names, key=lambda name: name != job):
        past = find(stack, name)  # it may be over by now
        if past is not None and past.status == "RUNNING" and past.job == job:
            yield name
