"""Executions that were started before: what one was asked to do, and which job it is part of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from .errors import CloudError, UsageError
from .stack import Stack

REFUSED = {"InvalidInput", "ResumeRefused"}
_UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn"}  # the second for a name that no execution can have


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


def find(stack: Stack, name: str) -> Past | None:
    """Return an execution by name, or None if Step Functions does not know it (any more)."""
    arn = stack.execution_arn(name)
    try:
        described = stack.sfn.describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in _UNKNOWN:
            return None
        raise CloudError(f"{arn}: {error.response['Error'].get('Message', error)}") from error
    return Past(
        arn, name, described["status"], json.loads(described.get("input") or "{}"), described.get("error", "")
    )


def found(stack: Stack, name: str) -> Past:
    """Return an execution by name. Raises CloudError if Step Functions does not know it (any more)."""
    past = find(stack, name)
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
