"""An execution: started, followed by its history and its map runs, and how it ended."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from botocore.exceptions import ClientError

from . import past
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
# A local engine shares the machine with the job: the longer that takes, the less often it is asked. Seconds
# at least, and at most; in between, that share of how long it was followed. On AWS, all of an account may
# make 10 or 15 DescribeExecution a second, by Region
# (docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
POLL_SECONDS_LOCAL = 0.1
POLL_SECONDS_LOCAL_MOST = 0.4
POLL_SHARE = 0.05
POLL_SECONDS_AWS = 1.0
# Of DescribeMapRun, only 200 at once and then one a second: so it is asked seldom, and the more so the longer
# a phase takes. Seconds at least, and at most; in between, that share of the phase's age.
COUNT_SECONDS_LEAST = 3.0
COUNT_SECONDS_MOST = 10.0
COUNT_SHARE = 0.1
THROTTLED = {  # by Step Functions, Lambda, S3 and others
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
}
# Seconds between requests that AWS refuses because there are too many, each pause twice as long as the one
# before; and after how many there is no more hope. The SDK has tried each request five times.
THROTTLED_SECONDS_LEAST = 2.0
THROTTLED_SECONDS_MOST = 30.0
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class _Counts:
    """What a map run's counts were when they were got last.

    Attributes:
        items: as DescribeMapRun has them; None if they never could be got.
        again: from when on they may be asked for again.
    """

    items: Mapping[str, int] | None
    got: datetime
    again: datetime


# Of the map runs of executions that run, by ARN: whoever looks at the same execution need not ask again.
_counts: WeakKeyDictionary[Stack, dict[str, _Counts]] = WeakKeyDictionary()


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
    past.note_start(answer["executionArn"])
    return answer["executionArn"]


def stop(stack: Stack, arn: str, cause: str = STOPPED) -> bool:
    """Stop an execution; its running tasks end by themselves and write nothing that counts.

    Args:
        cause: who stopped it, as the execution will say.

    Returns:
        Whether there is such an execution.
    """
    ask = partial(stack.sfn.stop_execution, executionArn=arn, error="Interrupted", cause=cause)
    try:
        past.answered(stack, arn, ask, pauses=())
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return False
        raise
    return True


def follow(stack: Stack, arn: str, progress: Progress | None = None) -> Iterator[Progress]:
    """Yield the execution's progress again and again, until it is over; the last one has all of it.

    Requests that are refused because there are too many are made again later, for some minutes.

    Args:
        progress: taken further, instead of a new one.

    Raises CloudError if Step Functions does not know the execution, or refuses everything for minutes.
    """
    progress = progress or Progress()
    began = time.monotonic()
    while True:
        _update_patiently(stack, arn, progress)
        yield progress
        if progress.finished:
            return
        time.sleep(_pause(time.monotonic() - began) if stack.local else POLL_SECONDS_AWS)


def _pause(followed: float) -> float:
    """Return how many seconds to leave a local engine alone, after following an execution for so many."""
    return max(POLL_SECONDS_LOCAL, min(POLL_SHARE * followed, POLL_SECONDS_LOCAL_MOST))


def update(
    stack: Stack,
    arn: str,
    progress: Progress,
    seen: Callable[[dict[str, Any]], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Take an execution's progress further, to what Step Functions says now: three requests, as a rule.

    Of an execution on AWS that runs, the counts of map runs may be some seconds old.

    Args:
        seen: given each event of the history once, in their order, as `progress` is.
        clock: says what time it is now.

    Raises CloudError if Step Functions does not know the execution, ClientError if it has too many requests.
    """
    try:
        # The status first: when it says that the execution is over, all of the history is there to be read.
        described = past.answered(stack, arn, lambda: stack.sfn.describe_execution(executionArn=arn))
    except ClientError as error:
        if is_throttled(error):
            raise
        raise CloudError(f"{arn}: {error.response['Error'].get('Message', error)}") from error
    for event in _events_after(stack, arn, progress.last_event):
        progress.see(event)
        if seen:
            seen(event)
    _count(stack, progress, clock, is_over=described["status"] in FINAL)
    progress.end(described)


def is_throttled(error: ClientError) -> bool:
    """Return whether a request was refused only because there are too many."""
    return error.response.get("Error", {}).get("Code", "") in THROTTLED


def history(stack: Stack, arn: str) -> list[dict[str, Any]]:
    """Return all events of an execution so far, in order."""
    return _events_after(stack, arn, 0)


def _update_patiently(stack: Stack, arn: str, progress: Progress) -> None:
    """Do what `update` does, again and again while there are too many requests."""
    pause, waited = THROTTLED_SECONDS_LEAST, 0.0
    while True:
        try:
            update(stack, arn, progress)
        except ClientError as error:
            if not is_throttled(error):
                raise
            if waited >= PATIENCE_SECONDS:
                raise _given_up(stack, arn, error) from error
        else:
            return
        time.sleep(pause)
        waited += pause
        pause = min(2 * pause, THROTTLED_SECONDS_MOST)


def _given_up(stack: Stack, arn: str, error: ClientError) -> CloudError:
    code = error.response["Error"]["Code"]
    return CloudError(
        f"{arn}: for {PATIENCE_SECONDS / 60:.0f} minutes, Step Functions has answered {code}: there are more "
        "requests than the account may make. The execution goes on by itself: "
        f"`marla watch {arn.rpartition(':')[2]}{stack.options}` follows it"
    )


def _count(stack: Stack, progress: Progress, clock: Callable[[], datetime], *, is_over: bool) -> None:
    """Take in the counts of the map runs whose tasks are not all known to be done.

    Args:
        is_over: whether the execution is, so that these are the last counts, which are got whatever it takes.

    Raises ClientError for what is refused; while the execution runs, too many requests only make counts late.
    """
    known = _counts.setdefault(stack, {})
    is_due = is_over or _is_due(progress, known, clock())
    for phase in progress.phases:
        if phase.map_run and not phase.is_counted:
            if is_due:
                known[phase.map_run] = _asked(stack, phase, known.get(phase.map_run), clock, is_over=is_over)
            counts = known.get(phase.map_run)
            if counts and counts.items is not None:
                progress.count(phase, counts.items, counts.got)
    if is_over:
        for phase in progress.phases:
            known.pop(phase.map_run, None)


def _is_due(progress: Progress, known: Mapping[str, _Counts], now: datetime) -> bool:
    """Return whether counts may be asked for: phases that are short have to share what one may ask."""
    asked = [counts.again for phase in progress.phases if (counts := known.get(phase.map_run))]
    longest = timedelta(seconds=COUNT_SECONDS_MOST)  # more than that is left if the clock was set back
    return not asked or not now < max(asked) <= now + longest


def _asked(
    stack: Stack, phase: Phase, before: _Counts | None, clock: Callable[[], datetime], *, is_over: bool
) -> _Counts:
    """Return a map run's counts; those of before if there are too many requests."""
    try:
        items: Any = stack.sfn.describe_map_run(mapRunArn=phase.map_run)["itemCounts"]
    except ClientError as error:
        if is_over or not is_throttled(error):
            raise
        now = clock()
        again = now + timedelta(seconds=0 if stack.local else COUNT_SECONDS_MOST)
        return replace(before, again=again) if before else _Counts(None, now, again)
    now = clock()
    age = COUNT_SHARE * phase.seconds_at(now)
    pause = 0 if stack.local else min(max(age, COUNT_SECONDS_LEAST), COUNT_SECONDS_MOST)
    return _Counts(items, now, now + timedelta(seconds=pause))


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
