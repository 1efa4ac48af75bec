"""An execution: started, followed by its history and its map runs, and how it ended."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from .errors import CloudError
from .phase import Phase, kind_of, step_name, utc_now
from .progress import FINAL, Progress
from .stack import Stack
from .summary import summary

__all__ = [
    "FINAL",
    "Phase",
    "Progress",
    "follow",
    "history",
    "kind_of",
    "new_name",
    "start",
    "step_name",
    "stop",
    "summary",
    "update",
]

HISTORY_PAGE = 200
# Of an execution that is followed: what happens between polls. An event may have a wave in it, of 256 KiB.
NEWS_PAGE = 20
STOPPED = "Stopped from the command line"
# A local engine answers in a millisecond; AWS's quotas allow some polls a second for all of an account.
POLL_SECONDS_LOCAL = 0.1
POLL_SECONDS_AWS = 1.0


def new_name(job: str) -> str:
    """Return a name for an execution, and so for its job: the job's, the time, and something random."""
    return f"{job[:40]}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def start(stack: Stack, execution_input: dict[str, Any], name: str) -> str:
    """Start an execution; return its ARN. Raises CloudError if Step Functions refuses."""
    try:
        answer = stack.sfn.start_execution(
            stateMachineArn=stack.state_machine, name=name, input=json.dumps(execution_input)
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
            raise CloudError(
                f"--name: there is an execution {name} already; give another name, or none, so that one is "
                "made up"
            ) from error
        raise CloudError(f"the execution {name} could not be started: {error}") from error
    return answer["executionArn"]


def stop(stack: Stack, arn: str, cause: str = STOPPED) -> bool:
    """Stop an execution; its running tasks end by themselves and write nothing that counts.

    Args:
        cause: who stopped it, as the execution will say.

    Returns:
        Whether there is such an execution.
    """
    try:
        stack.sfn.stop_execution(executionArn=arn, error="Interrupted", cause=cause)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return False
        raise
    return True


def follow(stack: Stack, arn: str, progress: Progress | None = None) -> Iterator[Progress]:
    """Yield the execution's progress again and again, until it is over; the last one has all of it.

    Args:
        progress: taken further, instead of a new one.
    """
    progress = progress or Progress()
    while True:
        update(stack, arn, progress)
        yield progress
        if progress.finished:
            return
        time.sleep(POLL_SECONDS_LOCAL if stack.local else POLL_SECONDS_AWS)


def update(
    stack: Stack,
    arn: str,
    progress: Progress,
    seen: Callable[[dict[str, Any]], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Take an execution's progress further, to what Step Functions says now: three requests, as a rule.

    Args:
        seen: given each event of the history once, in their order, as `progress` is.
        clock: says what time it is now.

    Raises CloudError if Step Functions does not know the execution.
    """
    try:
        # The status first: when it says that the execution is over, all of the history is there to be read.
        described = stack.sfn.describe_execution(executionArn=arn)
    except ClientError as error:
        raise CloudError(f"{arn}: {error.response['Error'].get('Message', error)}") from error
    for event in _events_after(stack, arn, progress.last_event):
        progress.see(event)
        if seen:
            seen(event)
    for phase in progress.phases:
        if phase.map_run and not phase.is_counted:
            counts: Any = stack.sfn.describe_map_run(mapRunArn=phase.map_run)["itemCounts"]
            progress.count(phase, counts, clock())
    progress.end(described)


def history(stack: Stack, arn: str) -> list[dict[str, Any]]:
    """Return all events of an execution so far, in order."""
    return _events_after(stack, arn, 0)


def _events_after(stack: Stack, arn: str, last: int) -> list[dict[str, Any]]:
    """Return the events that came after one, in order: read from the end, however long the history is."""
    ask = partial(stack.sfn.get_execution_history, executionArn=arn, reverseOrder=True)
    page = ask(maxResults=NEWS_PAGE if last else HISTORY_PAGE)
    if last and not _reaches(page, last):
        page = ask(maxResults=HISTORY_PAGE)
    newest_first: list[Any] = list(page["events"])
    while not _reaches(page, last):
        page = ask(maxResults=HISTORY_PAGE, nextToken=page["nextToken"])
        newest_first += page["events"]
    return [event for event in newest_first[::-1] if event["id"] > last]


def _reaches(page: Mapping[str, Any], last: int) -> bool:
    """Return whether no event that came after one is left for the pages behind this one."""
    return not page.get("nextToken") or not page["events"] or page["events"][-1]["id"] <= last + 1
