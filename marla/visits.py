"""How often an execution was in each state, for how long, and how that ended: from its history alone.

A history tells of the states of the machine itself and of its Parallels, not of those inside a Distributed
Map: see `overlay`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# What an event says that an attempt has failed, and that another has begun.
_FAILURES = ("Failed", "TimedOut", "Aborted")
_BEGINNINGS = ("Scheduled", "MapRunStarted", "MapRunRedriven", "ParallelStateStarted", "MapStateStarted")
_ENDS = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionAborted": "ABORTED",
    "ExecutionTimedOut": "TIMED_OUT",
}
# Iterations of a Map within the machine fail one by one.
_NOT_OF_THE_STATE = ("MapIteration", "Execution")


@dataclass(frozen=True)
class StateVisits:
    """A state in an execution so far.

    Attributes:
        type: as the definition has it.
        visits: how often it was entered.
        seconds: spent in it, visits one after the other; waiting for a retry is time spent, but for a redrive
            of the execution it is not.
        status: running; succeeded, failed (and the execution with it), caught (its error led elsewhere) or
            stopped (by another's failure, from outside, or by the machine's timeout): as the last visit.
        entered: when, last.
        retries: how often an attempt that failed was followed by another, all visits together.
        error: the name of the last error in it, of an attempt that was retried too, and its `cause`.
    """

    name: str
    type: str
    visits: int
    seconds: float
    status: str
    entered: datetime
    retries: int = 0
    error: str = ""
    cause: str = ""


@dataclass(eq=False)
class _Visit:
    name: str
    type: str
    entered: datetime
    parent: _Visit | None
    since: datetime  # when it was entered, or the execution was redriven
    redriven: bool = False
    exited: datetime | None = None
    failing: bool = False  # its last attempt has failed, and no other has begun
    status: str = ""

    @property
    def inside(self) -> Iterator[_Visit]:
        """What it is in, from the innermost."""
        outer = self.parent
        while outer is not None:
            yield outer
            outer = outer.parent


@dataclass
class _Account:
    """All visits to a state."""

    visits: list[_Visit] = field(default_factory=list)
    retries: int = 0
    error: str = ""
    cause: str = ""
    seconds: float = 0.0  # of visits that are over, and before the execution was redriven
    told: float = 0.0  # the most that was ever said


class Visits:
    """Takes in the events of one execution's history and says what came of each state.

    Attributes:
        last_event: the id of the last event seen.
        status: the execution's, as its events say.
        map_runs: the ARNs of the map runs of each Map state, in order.
    """

    def __init__(self) -> None:
        self.last_event = 0
        self.status = "RUNNING"
        self.map_runs: dict[str, list[str]] = {}
        self._accounts: dict[str, _Account] = {}
        self._open: list[_Visit] = []
        self._within: dict[int, _Visit | None] = {}  # in which visit an event leaves its branch
        self._ended: datetime | None = None

    def see(self, event: Mapping[str, Any]) -> None:
        """Take in an event, as GetExecutionHistory gives it, in order; one that was seen is passed over."""
        number, kind = int(event["id"]), str(event["type"])
        if number <= self.last_event:
            return
        self.last_event = number
        within = self._within.get(int(event.get("previousEventId", number - 1)))
        if kind.endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            within = self._enter(name, kind.removesuffix("StateEntered"), event["timestamp"], within)
        elif kind.endswith("StateExited"):
            within = self._exit(event["stateExitedEventDetails"]["name"], event["timestamp"], within)
        elif kind in _ENDS:
            self._end(_ENDS[kind], event)
        elif kind == "ExecutionRedriven":
            self._redrive(event["timestamp"])
            # An end from outside is in no state; what follows is in the one that was not left.
            within = within or next(reversed(self._open), None)
        elif within is not None and not kind.startswith(_NOT_OF_THE_STATE):
            self._attempt(kind, event, within)
        self._within[number] = within

    def states(self, now: datetime, execution_status: str = "") -> dict[str, StateVisits]:
        """Return what is known of each state that was entered, in the order of that.

        Args:
            now: until when the time in a state counts that is not left; by a clock with time zone.
            execution_status: the execution's, if its events do not say it.
        """
        status = self.status if self.status != "RUNNING" else execution_status or self.status
        return {
            name: self._told(name, account, self._ended or now, status)
            for name, account in self._accounts.items()
        }

    def _told(self, name: str, account: _Account, now: datetime, execution_status: str) -> StateVisits:
        last = account.visits[-1]
        running = [visit for visit in account.visits if visit in self._open]
        spent = sum(max(0.0, (now - visit.since).total_seconds()) for visit in running)
        # Clocks differ, and an exit is seen some time after it was: what was said is not taken back.
        account.told = max(account.told, account.seconds + spent)
        status = last.status
        if running:
            is_over = execution_status != "RUNNING"
            status = self._left_open(running, execution_status) if is_over else "running"
        return StateVisits(
            name,
            last.type,
            len(account.visits),
            account.told,
            status,
            last.entered,
            account.retries,
            account.error,
            account.cause,
        )

    def _enter(self, name: str, type: str, when: datetime, within: _Visit | None) -> _Visit:
        again = next((one for one in self._open if one.name == name and one.redriven), None)
        if again:  # states that call nothing are not gone on with but entered anew
            within = again.parent
            for one in [inner for inner in self._open if again in inner.inside] + [again]:
                self._close(one, when, "stopped")
        visit = _Visit(name, type, when, within, since=when)
        self._accounts.setdefault(name, _Account()).visits.append(visit)
        self._open.append(visit)
        return visit

    def _exit(self, name: str, when: datetime, within: _Visit | None) -> _Visit | None:
        visit = within
        if visit is None or visit.name != name or visit not in self._open:
            # A Parallel is left behind an event of one of its branches.
            visit = next((one for one in reversed(self._open) if one.name == name), None)
        if visit is None:
            return within
        for inner in [one for one in self._open if visit in one.inside]:
            self._close(inner, when, "caught" if inner.failing else "stopped")
        self._close(visit, when, "caught" if visit.failing else "succeeded")
        return visit.parent

    def _close(self, visit: _Visit, when: datetime, status: str) -> None:
        visit.exited, visit.status = when, status
        self._open.remove(visit)
        self._accounts[visit.name].seconds += max(0.0, (when - visit.since).total_seconds())

    def _attempt(self, kind: str, event: Mapping[str, Any], visit: _Visit) -> None:
        if kind.startswith(("Parallel", "Map")) and visit.type not in ("Parallel", "Map"):
            visit = next((outer for outer in visit.inside if kind.startswith(outer.type)), visit)
        account = self._accounts[visit.name]
        if kind == "MapRunStarted":
            run = event["mapRunStartedEventDetails"]["mapRunArn"]
            self.map_runs.setdefault(visit.name, []).append(run)
        if kind.endswith(_FAILURES):
            visit.failing = True
            details = _details(event)
            account.error = details.get("error") or account.error
            account.cause = details.get("cause") or account.cause
        elif visit.failing and kind.endswith(_BEGINNINGS):
            visit.failing = False
            account.retries += 1
            for inner in [one for one in self._open if visit in one.inside]:
                self._close(inner, event["timestamp"], "failed" if inner.failing else "stopped")

    def _end(self, status: str, event: Mapping[str, Any]) -> None:
        self.status, self._ended = status, event["timestamp"]
        if status != "FAILED":
            return
        details = _details(event)
        guilty = [visit for visit in self._open if self._left_open([visit], status) == "failed"]
        for visit in guilty:
            account = self._accounts[visit.name]
            if visit.type == "Fail" or not account.error:
                account.error = details.get("error", "")
                account.cause = details.get("cause", "")

    def _redrive(self, when: datetime) -> None:
        """The execution goes on, where it had failed or was stopped; meanwhile nothing took time."""
        for visit in self._open:
            ended = self._ended or when
            self._accounts[visit.name].seconds += max(0.0, (ended - visit.since).total_seconds())
            visit.since, visit.redriven = when, True
        self.status, self._ended = "RUNNING", None

    def _left_open(self, visits: list[_Visit], execution_status: str) -> str:
        """Return what became of visits that were never left, as the execution is over."""
        if execution_status == "SUCCEEDED":
            return "succeeded"
        if execution_status != "FAILED":
            return "stopped"
        causes = [visit for visit in self._open if visit.failing or visit.type == "Fail"]
        # An event, EvaluationFailed, says of an error in an expression which state it was in. Of one of the
        # machine's own none says it.
        guilty = set(causes or self._open) | {outer for visit in causes for outer in visit.inside}
        return "failed" if any(visit in guilty for visit in visits) else "stopped"


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the error and cause of an event, whatever kind it is of."""
    found = (value for name, value in event.items() if name.endswith("EventDetails"))
    return next(iter(found), {})
