"""Why an execution failed: the first failing task's own error, found behind the map run's general one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from . import advice, details
from .execution import Progress, kind_of
from .stack import Stack

# Where a message begins with an object, that is what it is about.
_PLACE = re.compile(r"(?P<object>s3://.+?)(?: at byte (?P<offset>\d+)|: | \()")


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


def find(stack: Stack, arn: str, progress: Progress) -> Failure | None:
    """Return why an execution failed, or None if it did not."""
    if progress.status in {"RUNNING", "SUCCEEDED"}:
        return None
    state = kind_of(progress.state)
    if progress.status == "TIMED_OUT":
        cause = progress.cause or "The job took too long"
        return _located(Failure(progress.error or "States.Timeout", cause, state), progress)
    if progress.status == "ABORTED":
        cause = progress.cause or "The execution was stopped"
        return _located(Failure(progress.error or "ABORTED", cause, state), progress)
    found = _of_a_task(stack, arn, state) or _described(progress.error, progress.cause, state)
    return _located(replace(found, cause=details.whole(stack, found.cause)), progress)


def _located(found: Failure, progress: Progress) -> Failure:
    """Return the failure with where in the job it happened, and what to do about it.

    As a stage fails, no other begins.
    """
    return replace(
        found,
        stage=progress.stage if progress.stages > 1 else None,
        sample=progress.sampling and found.state in {"Map", "Reduce"},
        advice=advice.on(found.name, found.state, timed_out=progress.status == "TIMED_OUT"),
    )


def _of_a_task(stack: Stack, arn: str, state: str) -> Failure | None:
    runs = stack.sfn.list_map_runs(executionArn=arn)["mapRuns"]
    for run in runs:
        for status in ("FAILED", "TIMED_OUT"):
            try:
                failed = stack.sfn.list_executions(mapRunArn=run["mapRunArn"], statusFilter=status)[
                    "executions"
                ]
            except ClientError:  # EXPRESS items have no executions that could be listed
                where = "as the stack runs tasks as EXPRESS, its error is in the log group of its function"
                return Failure("TaskFailed", f"a task failed; {where}", state)
            if failed:
                first = min(failed, key=lambda item: item.get("stopDate") or item["startDate"])
                child = stack.sfn.describe_execution(executionArn=first["executionArn"])
                task = json.loads(child.get("input", "{}"))
                error = child.get("error", status)
                return _described(error, child.get("cause", ""), state, task)
    return None


def _described(error: str, cause: str, state: str, task: dict[str, Any] | None = None) -> Failure:
    try:
        payload = json.loads(cause)
        message = payload.get("errorMessage", cause)
    except (ValueError, AttributeError):
        message = cause
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
