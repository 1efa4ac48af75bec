"""What an execution's own history says of its cost: states entered, and what they called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..phase import kind_of

LAMBDA, LIST, DELETE = "lambda", "list", "delete"  # what a call is to

# The event's type says how a call ended; a call that could not begin has none of Lambda's time.
_ENDS = {"TaskSucceeded", "TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed"}
_SUCCEEDED = "ExecutionSucceeded"
_ENDINGS = {_SUCCEEDED, "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}
# By hand, on AWS: "execution redrives are considered as state transitions", and what had failed is run again
# (docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html). No event says that a Map is entered.
_REDRIVES = {"ExecutionRedriven", "MapRunRedriven"}
_THROTTLED = "Lambda.TooManyRequestsException"  # which is answered before any function runs
_PHASES = {"Map": "map", "Reduce": "reduce"}

Raced = Mapping[tuple[int, str], int | None]


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
        retries: of calls, and redrives by hand: each is a state transition too.
        map_runs: the ARNs of its map runs, in order.
        raced: stage and function, map or reduce, whose tasks ran with backups of stragglers: after how many
            seconds, or None where that followed from how long the others took.
        ranges: the stages whose partitions are ranges of keys.
        unfinished: the function, map or reduce, of the phase that it was in last, and did not leave.
        ended: when it was over; None if it is not.
    """

    states: int = 0
    retries: int = 0
    calls: tuple[Call, ...] = ()
    map_runs: tuple[str, ...] = ()
    raced: Raced = field(default_factory=dict)
    ranges: frozenset[int] = frozenset()
    unfinished: str = ""
    ended: datetime | None = None
    succeeded: bool = False

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
        raced=reading.raced,
        ranges=frozenset(reading.ranges),
        unfinished=_PHASES.get(kind_of(reading.state), ""),
        ended=reading.ended,
        succeeded=reading.succeeded,
    )


class _Reading:
    """A history as far as it has been read. The execution itself does one thing at a time."""

    def __init__(self) -> None:
        self.states = 0
        self.retries = 0
        self.calls: list[Call] = []
        self.map_runs: list[str] = []
        self.raced: dict[tuple[int, str], int | None] = {}
        self.ranges: set[int] = set()
        self.state = ""
        self.ended: datetime | None = None
        self.succeeded = False
        self._stage = 0
        self._after: int | None = None
        self._calls_of_state = 0
        self._call: tuple[str, datetime] | None = None  # to what, and since when

    def see(self, event: Mapping[str, Any]) -> None:
        kind = event["type"]
        if kind.endswith("StateEntered"):
            self.states += 1
            self.state = event["stateEnteredEventDetails"]["name"]
            self._calls_of_state = 0
            if kind_of(self.state) != self.state:
                self.raced[self._stage, _PHASES[kind_of(self.state)]] = self._after
        elif kind.endswith("StateExited"):
            self._take(event["stateExitedEventDetails"].get("assignedVariables", {}))
        elif kind == "MapRunStarted":
            self.map_runs.append(event["mapRunStartedEventDetails"]["mapRunArn"])
        elif kind == "TaskScheduled":
            self.retries += self._calls_of_state > 0
            self._calls_of_state += 1
            self._call = _resource(event.get("taskScheduledEventDetails", {})), event["timestamp"]
        elif kind in _REDRIVES:
            self.retries += 1
            self.ended = None
        elif kind in _ENDINGS:
            self.ended, self.succeeded = event["timestamp"], kind == _SUCCEEDED
            self._end_call(event)
        elif kind in _ENDS:
            self._end_call(event)

    def _take(self, assigned: Mapping[str, str]) -> None:
        """Take in the variables that a state assigned: which stage comes, and its options."""
        if "stage" in assigned:
            self._stage = json.loads(assigned["stage"])
        if "config" in assigned:
            config = json.loads(assigned["config"])
            seconds = config.get("speculate")
            self._after = None if isinstance(seconds, bool) else seconds
            if config.get("partitioning") == "range":
                self.ranges.add(self._stage)

    def _end_call(self, event: Mapping[str, Any]) -> None:
        if self._call is None:
            return
        (to, since), self._call = self._call, None
        if event.get("taskFailedEventDetails", {}).get("error") != _THROTTLED:
            seconds = (event["timestamp"] - since).total_seconds()
            self.calls.append(Call(self.state, to, seconds, event["type"] == "TaskSucceeded"))


def _resource(details: Mapping[str, Any]) -> str:
    kind, name = details.get("resourceType", ""), details.get("resource", "")
    if kind == "lambda":
        return LAMBDA
    return {"listObjectsV2": LIST, "deleteObjects": DELETE}.get(name, str(name))
