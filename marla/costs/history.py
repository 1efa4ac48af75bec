"""What an execution's own history says of its cost: states entered, and what they called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LAMBDA, LIST, DELETE = "lambda", "list", "delete"  # what a call is to

# The event's type says how a call ended; a call that could not begin has none of Lambda's time.
_ENDS = {"TaskSucceeded", "TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed"}
_ENDINGS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}
_THROTTLED = "Lambda.TooManyRequestsException"  # which is answered before any function runs
_RACES = {"Map with backups": "map", "Reduce with backups": "reduce"}


@dataclass(frozen=True)
class Call:
    """A request that a state of the execution itself made; a retry is one more.

    Attributes:
        to: LAMBDA, LIST (of S3), DELETE (of S3), or else the name of the resource.
        seconds: until it was answered, which is more than the function took.
    """

    state: str
    to: str
    seconds: float
    succeeded: bool


@dataclass(frozen=True)
class EventsSummary:
    """What costs, of the history of an execution, without its children's.

    Attributes:
        states: how many were entered, each of which is a state transition.
        retries: of calls, each of which is a state transition too.
        map_runs: the ARNs of its map runs, in order.
        raced: map, reduce: whose tasks ran with backups of stragglers.
    """

    states: int = 0
    retries: int = 0
    calls: tuple[Call, ...] = ()
    map_runs: tuple[str, ...] = ()
    raced: frozenset[str] = frozenset()

    @property
    def deleted_intermediates(self) -> bool:
        """Whether it deleted its intermediate objects at its end."""
        return any(call.to == DELETE and call.succeeded for call in self.calls)


def summarise(events: Iterable[Mapping[str, Any]]) -> EventsSummary:
    """Return what costs, of a history's events as boto3 gives them, in any order."""
    reading = _Reading()
    for event in sorted(events, key=lambda event: int(event["id"])):
        reading.see(event)
    return EventsSummary(
        states=reading.states,
        retries=reading.retries,
        calls=tuple(reading.calls),
        map_runs=tuple(reading.map_runs),
        raced=frozenset(reading.raced),
    )


class _Reading:
    """A history as far as it has been read. The execution itself does one thing at a time."""

    def __init__(self) -> None:
        self.states = 0
        self.retries = 0
        self.calls: list[Call] = []
        self.map_runs: list[str] = []
        self.raced: set[str] = set()
        self._state = ""
        self._calls_of_state = 0
        self._call: tuple[str, datetime] | None = None  # to what, and since when

    def see(self, event: Mapping[str, Any]) -> None:
        kind = event["type"]
        if kind.endswith("StateEntered"):
            self.states += 1
            self._state = event["stateEnteredEventDetails"]["name"]
            self._calls_of_state = 0
            if self._state in _RACES:
                self.raced.add(_RACES[self._state])
        elif kind == "MapRunStarted":
            self.map_runs.append(event["mapRunStartedEventDetails"]["mapRunArn"])
        elif kind == "TaskScheduled":
            self.retries += self._calls_of_state > 0
            self._calls_of_state += 1
            self._call = _resource(event.get("taskScheduledEventDetails", {})), event["timestamp"]
        elif kind in _ENDS or kind in _ENDINGS:
            self._end(event)

    def _end(self, event: Mapping[str, Any]) -> None:
        if self._call is None:
            return
        (to, since), self._call = self._call, None
        if event.get("taskFailedEventDetails", {}).get("error") != _THROTTLED:
            seconds = (event["timestamp"] - since).total_seconds()
            self.calls.append(Call(self._state, to, seconds, event["type"] == "TaskSucceeded"))


def _resource(details: Mapping[str, Any]) -> str:
    kind, name = details.get("resourceType", ""), details.get("resource", "")
    if kind == "lambda":
        return LAMBDA
    return {"listObjectsV2": LIST, "deleteObjects": DELETE}.get(name, str(name))
