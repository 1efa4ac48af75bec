"""Items of a map run that run, failed or ended: each is an execution of its own, with its task as input."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from .stack import Stack

PAGE = 1000  # the most that one request lists
# What Step Functions answers to who wants executions of EXPRESS state machines listed. According to its
# documentation, it lists EXPRESS items of a map run all the same, and DescribeExecution tells of them; only
# GetExecutionHistory does not (docs.aws.amazon.com/step-functions/latest/apireference/, at each of them).
# That was not run on AWS: should they be refused, the records of tasks tell what failed.
_EXPRESS = {"ValidationException", "StateMachineTypeNotSupported"}
# ListExecutions is eventually consistent, so that of a map run that failed a moment ago none may be listed.
PAUSES = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Listed:
    """An item as it is listed.

    Attributes:
        ended: None while it runs.
    """

    arn: str
    status: str
    started: datetime
    ended: datetime | None


@dataclass(frozen=True)
class Item:
    """A failed item, with the error that ended it.

    Attributes:
        task: its input.
    """

    arn: str
    error: str
    cause: str
    ended: datetime
    task: dict[str, Any]


class UnlistedError(Exception):
    """The items cannot be listed, as Step Functions may answer of EXPRESS ones."""


def listed(stack: Stack, run: str, status: str, *, pages: int | None = None) -> list[Listed]:
    """Return the items of a map run that have a status, the last to start first.

    Args:
        run: its ARN.
        status: one of an execution's.
        pages: at most so many of a thousand items, each a request; all of them if that is not given.

    Raises UnlistedError if they are EXPRESS and not listed for that, ClientError if the cloud refuses.
    """
    found: list[Listed] = []
    token: dict[str, Any] = {}
    for _ in itertools.count() if pages is None else range(pages):
        try:
            page = stack.sfn.list_executions(mapRunArn=run, statusFilter=status, maxResults=PAGE, **token)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["Error"]["Code"] in _EXPRESS:
                raise UnlistedError(str(error)) from error
            raise
        for each in page["executions"]:
            found.append(Listed(each["executionArn"], status, each["startDate"], each.get("stopDate")))
        if not page.get("nextToken"):
            break
        token = {"nextToken": page["nextToken"]}
    return found


def failed(
    stack: Stack,
    run: str,
    *,
    is_certain: bool,
    pages: int | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> list[Listed]:
    """Return the items of a map run that failed, the first to fail first.

    Those that ended because another one had failed are not among them: they are aborted.

    Args:
        run: its ARN.
        is_certain: whether there is one, so that it is waited for if none is listed.
        pages: as `listed` has it, of those that failed and of those that timed out.
        pause: waits some seconds.

    Raises what `listed` does.
    """
    found = _failed(stack, run, pages)
    for seconds in PAUSES if is_certain and not stack.local else ():
        if found:
            break
        pause(seconds)
        found = _failed(stack, run, pages)
    return found


def described(stack: Stack, item: Listed) -> Item:
    """Return what is known of an item."""
    answer = stack.sfn.describe_execution(executionArn=item.arn)
    task = json.loads(answer.get("input") or "{}")
    error, cause = answer.get("error") or item.status, answer.get("cause", "")
    return Item(item.arn, error, cause, item.ended or item.started, task if isinstance(task, dict) else {})


def _failed(stack: Stack, run: str, pages: int | None) -> list[Listed]:
    found = [item for status in ("FAILED", "TIMED_OUT") for item in listed(stack, run, status, pages=pages)]
    return sorted(found, key=lambda item: (item.ended or item.started, item.arn))
