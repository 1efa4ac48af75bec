"""The last lines that the worker of a failed attempt logged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from marla.explain.explanation import Attempt, Log
from marla.stack import Stack

GROUPS = {"map": "MapperLogs", "reduce": "ReducerLogs"}  # of the template
TAIL = 12  # lines
WIDTH = 300  # characters of a line
EVENTS = 1000  # of a stream that are read
PAGES = 5  # of a log group's events that are looked through, those without any not counted
REQUESTS = 30  # for pages of a stream or a log group; any may be empty, though others come behind it
SLACK_MS = 2000  # by which the clocks of Lambda, its log and Step Functions may differ
BY_ERROR = "the worker left no record, so these are lines of one that ended so at that time"
NOT_YET = "nothing is there of the attempt: it may take some seconds to come, and expires in the end"
NOTHING = "the worker left no record, and no line at that time tells of this error"
NOT_THERE = "nothing of the attempt is in what was looked through, which is not all of the log at that time"
NOT_TOLD = (
    "the worker left no record, and no line that was looked through tells of this error; "
    "the log has more of that time"
)
_REQUEST = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_BEGINS = re.compile(r"START RequestId: (\S+)")
_ENDED = re.compile(r"RequestId: \S+ Error: ")  # how Lambda begins what it says of a worker's end
_CODE = re.compile(
    r"(?<=\")/\S*/(?:task|code)/(?=(?:mapreduce|jobs)/|mapper\.py|reducer\.py)"
)  # where Lambda has it
_MARKS = re.compile(r"[ ~^]+")  # below the code in a traceback
_NOISE = re.compile(r"(START|END) RequestId: |XRAY TraceId: |INIT_START ")


def of(stack: Stack, kind: str, attempt: Attempt) -> Log:
    """Return the last lines of an attempt, or say why there are none.

    Args:
        kind: map or reduce: which function it was.
    """
    logs = stack.make_client("logs")
    try:
        group = _group(stack, kind)
        return _lines(logs, group, attempt)
    except (ClientError, BotoCoreError) as error:
        return Log(note=f"the log cannot be read: {error}", unread=True)


def _group(stack: Stack, kind: str) -> str:
    resource = stack.make_client("cloudformation").describe_stack_resource(
        StackName=stack.name, LogicalResourceId=GROUPS[kind]
    )
    return str(resource["StackResourceDetail"]["PhysicalResourceId"])


def _lines(logs: Any, group: str, attempt: Attempt) -> Log:
    """Return the lines of an attempt: by its record, or the request that its error names, or the error."""
    request = attempt.request or (found[0] if (found := _REQUEST.search(attempt.message)) else "")
    search = _Search(logs, group, _window(attempt))
    for stream in _streams(search, attempt, request):
        if events := search.of_stream(stream, request):
            return Log(group, stream, tail(of_request(events, request)))
    if attempt.request:
        return Log(group, attempt.log_stream, (), NOT_YET if search.is_whole else NOT_THERE)
    clue = error_in(attempt.message)
    shown = of_error(search.filtered(), clue) if clue else []
    nothing = NOTHING if search.is_whole else NOT_TOLD
    return Log(group, "", tail(shown), BY_ERROR if shown else nothing)


def _streams(search: _Search, attempt: Attempt, request: str) -> Iterator[str]:
    """Yield the streams in which the attempt's lines may be.

    The local cloud tells workers another name of their stream than it has.
    """
    if attempt.log_stream:
        yield attempt.log_stream
    if request:
        events = search.filtered(filterPattern=f'"{request}"')
        yield from dict.fromkeys(str(event["logStreamName"]) for event in events)


@dataclass
class _Search:
    """Reads a log group page by page: one that is partly full or empty need not be the last.

    Attributes:
        window: the time that is looked at, as the log's requests take it.
        is_whole: whether all was read that was asked for, and not only so much as is looked through at most.
    """

    logs: Any
    group: str
    window: Mapping[str, int]
    is_whole: bool = field(default=True, init=False)

    def of_stream(self, stream: str, request: str) -> list[dict[str, Any]]:
        """Return the last events of a stream: of one execution environment, which does one thing at a time.

        They are read backwards, to where a request begins if that is given.
        """
        events: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        for _ in range(REQUESTS):
            try:
                page = self.logs.get_log_events(
                    logGroupName=self.group,
                    logStreamName=stream,
                    startFromHead=False,
                    limit=EVENTS,
                    **self.window,
                    **token,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceNotFoundException":
                    return []
                raise
            events = [*page["events"], *events]
            before = {"nextToken": page["nextBackwardToken"]}
            if before == token or len(events) >= EVENTS or _has_beginning(page["events"], request):
                return events
            token = before
        self.is_whole = False
        return events

    def filtered(self, **query: str) -> list[dict[str, Any]]:
        """Return the group's events, or those that a query is for, in the order of time."""
        events: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        pages = 0
        for _ in range(REQUESTS):
            page = self.logs.filter_log_events(logGroupName=self.group, **self.window, **query, **token)
            events += page["events"]
            pages += bool(page["events"])
            if not page.get("nextToken"):
                break
            token = {"nextToken": page["nextToken"]}
            if pages == PAGES:
                self.is_whole = False
                break
        else:
            self.is_whole = False
        return sorted(events, key=lambda event: int(event["timestamp"]))


def _has_beginning(events: Iterable[Mapping[str, Any]], request: str) -> bool:
    """Return whether a request begins among some events."""
    messages = (str(event["message"]) for event in events)
    return bool(request) and any(_BEGINS.match(message) and request in message for message in messages)


def _window(attempt: Attempt) -> dict[str, int]:
    """Return the time of an attempt, in milliseconds since 1970, as the log's requests take it."""
    if attempt.started is None:
        return {}
    begin = int(attempt.started * 1000) - SLACK_MS
    if attempt.seconds is None:
        return {"startTime": begin}
    return {"startTime": begin, "endTime": int((attempt.started + attempt.seconds) * 1000) + SLACK_MS}


def of_request(events: Iterable[Mapping[str, Any]], request: str) -> list[str]:
    """Return the messages of one request: from where it begins to where the next one does.

    All of them, if that is nowhere among them.
    """
    messages = [str(event["message"]) for event in events]
    begins = [index for index, message in enumerate(messages) if _BEGINS.match(message)]
    ours = [index for index in begins if request and request in messages[index]]
    if not ours:
        return messages
    end = next((index for index in begins if index > ours[-1]), len(messages))
    return messages[ours[-1] : end]


def of_error(events: Iterable[Mapping[str, Any]], error: str) -> list[str]:
    """Return the messages of the last request that tells of an error."""
    streams: dict[str, list[list[str]]] = {}
    for event in events:
        requests = streams.setdefault(str(event.get("logStreamName", "")), [[]])
        message = str(event["message"])
        if _BEGINS.match(message):
            requests.append([])
        requests[-1].append(message)
    telling = [
        request
        for requests in streams.values()
        for request in requests
        if any(error in message for message in request)
    ]
    return telling[-1] if telling else []


def error_in(message: str) -> str:
    """Return what Lambda says of a worker's end, without the request that it was in."""
    return _ENDED.sub("", message, count=1).strip()


def tail(messages: Iterable[str]) -> tuple[str, ...]:
    """Return the last lines of messages, without those that only say where one begins or ends."""
    lines = [_CODE.sub("", line.rstrip()) for message in messages for line in re.split(r"[\r\n]+", message)]
    told = [line for line in lines if line and not _MARKS.fullmatch(line) and not _NOISE.match(line)]
    return tuple(line if len(line) <= WIDTH else f"{line[:WIDTH]}…" for line in told[-TAIL:])
