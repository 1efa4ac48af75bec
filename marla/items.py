"""Items of a map run that failed: each is an execution of its own, with the task as its input."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from .stack import Stack

PAGE = 1000  # the most that one request lists
STATUSES = ("FAILED", "TIMED_OUT")
# ListExecutions is eventually consistent, so that of a map run that failed a moment ago none may be listed.
PAUSES = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Listed:
    """A failed item as it is listed."""

    arn: str
    status: str
    ended: datetime


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
    """The items cannot be listed: EXPRESS ones have no executions that Step Functions remembers."""


def failed(
    stack: Stack, run: str, *, is_certain: bool, pause: Callable[[float], None] = time.sleep
) -> list[Listed]:
    """Return the items of a map run that failed, the first to fail first.

    Those that ended because another one had failed are not among them: they are aborted.

    Args:
        run: its ARN.
        is_certain: whether there is one, so that it is waited for if none is listed.
        pause: waits some seconds.

    Raises UnlistedError.
    """
    found = _listed(stack, run)
    for seconds in PAUSES if is_certain and not stack.local else ():
        if found:
            break
        pause(seconds)
        found = _listed(stack, run)
    return found


def described(stack: Stack, item: Listed) -> Item:
    """Return what is known of an item."""
    answer = stack.sfn.describe_execution(executionArn=item.arn)
    task = json.loads(answer.get("input") or "{}")
    error, cause = answer.get("error") or item.status, answer.get("cause", "")
    return Item(item.arn, error, cause, item.ended, task if isinstance(task, dict) else {})


def _listed(stack: Stack, run: str) -> list[Listed]:
    found = [item for status in STATUSES for item in _of_status(stack, run, status)]
    return sorted(found, key=lambda item: (item.ended, item.arn))


def _of_status(stack: Stack, run: str, status: str) -> Iterator[Listed]:
    token: dict[str, Any] = {}
    while True:
        try:
            page = stack.sfn.list_executions(mapRunArn=run, statusFilter=status, maxResults=PAGE, **token)  # type: ignore[arg-type]
        except ClientError as error:
            raise UnlistedError(str(error)) from error
        for each in page["executions"]:
            yield Listed(each["executionArn"], status, each.get("stopDate") or each["startDate"])
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}
