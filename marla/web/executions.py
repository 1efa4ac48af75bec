"""Executions as the console shows them: asked for at most once a second, whoever looks on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from .. import advice, execution, outcome, past, resume
from ..execution import Phase, Progress, kind_of
from ..explain.search import console_url
from ..graph.definition import Graph, graph_of
from ..graph.status import StateStatus
from ..graph.svg import render
from ..overlay import counts_of, overlay_of
from ..past import Past
from ..stack import Stack
from ..visits import Visits
from .answers import Refused, waiting
from .events import EventLog

KEPT = 50  # executions, those looked at last
FRESH = timedelta(seconds=1)
# What did not succeed may be redriven on AWS, in its console, and runs on then.
AGAIN = timedelta(minutes=1)
REDRIVABLE = {"FAILED", "ABORTED", "TIMED_OUT"}
LONGEST_TASK = timedelta(minutes=15)  # WorkerTimeout, at the most: Lambda allows no more
OUTPUT = ("result", "counters", "warnings", "steps", "columns")
DENIED = {"AccessDeniedException", "AccessDenied"}

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Seen:
    """What is known of an execution at a moment; it never changes.

    Attributes:
        at: when it was got.
        summary: as the API answers it.
        phases: copies of those of the progress.
        stopped: when it ended, if it did.
        at_rest: from when on none of its workers can be at work any more, if it ended.
    """

    at: datetime
    summary: dict[str, Any]
    phases: tuple[Phase, ...]
    overlay: dict[str, StateStatus]
    finished: bool
    stopped: datetime | None
    at_rest: datetime | None


@dataclass(frozen=True)
class _WorkedOut:
    """What was worked out about an execution that had ended when it did, and when."""

    at: datetime
    stopped: datetime | None
    answer: Any


@dataclass
class Watched:
    """An execution that somebody looks at: taken further from event to event.

    Attributes:
        before: what was known of it first, with its input.
        graph: None if no definition may be read.
        as_executed: whether the graph is that of the definition that was executed, and not a later one.
        known: by name, what others work out about it: see `once`.
    """

    stack: Stack
    before: Past
    graph: Graph | None
    clock: Clock
    as_executed: bool = True
    progress: Progress = field(default_factory=Progress)
    visits: Visits = field(default_factory=Visits)
    events: EventLog = field(default_factory=EventLog)
    known: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _events_lock: threading.Lock = field(default_factory=threading.Lock)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _seen: Seen | None = None

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.before.name

    @property
    def now(self) -> Past:
        """The execution with its present status and error."""
        return replace(self.before, status=self.progress.status, error=self.progress.error)

    def look(self) -> Seen:
        """Return what is known, asked anew if that is older than a second.

        Who comes while another asks gets what was known before.
        """
        if self._seen is not None and self._lock.locked():
            return self._seen
        with waiting(self._lock):
            if self._seen is None or self._is_old(self._seen):
                self._seen = self._ask()
            return self._seen

    def once(self, name: str, work_out: Callable[[], Any]) -> Any:
        """Return what is worked out about an execution once, and then known; it is not None."""
        with self._working_out(name):
            known = self.known  # until `forget`: what was begun before is not kept afterwards
            found = known.get(name)
            if found is None:
                found = known[name] = work_out()
            return found

    def in_the_end(self, name: str, work_out: Callable[[], Any]) -> Any:
        """Return what is worked out about an execution that is over: at once, and for good when all is there.

        Until then it is worked out again now and then, for workers that were still at work leave their
        records later than the end, and logs come later, too. So is what lacks a part that could not be read.
        """
        seen = self.look()
        with self._working_out(name):
            known = self.known  # until `forget`: what was begun before is not kept afterwards
            kept: _WorkedOut | None = known.get(name)
            now = self.clock()
            is_of_this_end = kept is not None and kept.stopped == seen.stopped
            if not kept or not is_of_this_end or _may_differ(kept, seen, now):
                kept = known[name] = _WorkedOut(now, seen.stopped, work_out())
            return kept.answer

    def _working_out(self, name: str) -> AbstractContextManager[None]:
        return waiting(self._locks.setdefault(name, threading.Lock()))

    def forget(self) -> None:
        """Forget what was worked out, and what others are about to, for it is so no more."""
        self.known = {}

    def page_of_events(self, after: int | None, limit: int, *, newest_first: bool) -> dict[str, Any]:
        """Return some events of the history, as it was when it was asked for last."""
        self.look()
        with self._events_lock:
            return self.events.page(after, limit, newest_first=newest_first)

    def picture(self) -> str:
        """Return the graph as SVG, with the states as they are. Raises Refused if it may not be read."""
        if self.graph is None:
            raise Refused(
                404,
                "The graph is not shown, for your credentials may not read the definition: it takes "
                "states:DescribeStateMachineForExecution. With that, start `marla console` again",
            )
        title = f"State machine of {self.name}" if self.as_executed else "State machine as it is now"
        return render(self.graph, self.look().overlay, title=title, interactive=True)

    def _is_old(self, seen: Seen) -> bool:
        age = self.clock() - seen.at
        return age >= FRESH if not seen.finished else seen.summary["status"] in REDRIVABLE and age >= AGAIN

    def _ask(self) -> Seen:
        execution.update(self.stack, self.before.arn, self.progress, self._take)
        at = self.clock()
        counts = counts_of(self.visits.map_runs, self.progress.phases)
        states = self.visits.states(at, self.progress.status)
        overlay = overlay_of(self.graph, states, counts) if self.graph else {}
        phases = tuple(replace(phase) for phase in self.progress.phases)
        return Seen(
            at,
            self._summary(at, overlay),
            phases,
            overlay,
            self.progress.finished,
            self.progress.stopped,
            self._at_rest(has_races=any(kind_of(name) != name for name in states)),
        )

    def _at_rest(self, *, has_races: bool) -> datetime | None:
        """Return from when on no worker can be at work.

        One that lost a race goes on after the end, and so do those that worked beside one that failed.
        """
        stopped = self.progress.stopped if self.progress.finished else None
        if stopped is None or (self.progress.status == "SUCCEEDED" and not has_races):
            return stopped
        return stopped + LONGEST_TASK

    def _take(self, event: Any) -> None:
        self.visits.see(event)
        with self._events_lock:
            self.events.add(event)

    def _summary(self, at: datetime, overlay: dict[str, StateStatus]) -> dict[str, Any]:
        now = self.now
        summary = execution.summary(self.progress, at) | {
            "name": now.name,
            "arn": now.arn,
            "job": job_of(now.asked),
            "jobId": now.job,
            "resumes": now.resumes,
            "input": now.asked,
            "states": {name: status.to_json(name) for name, status in overlay.items()},
            "failed": now.status not in {"RUNNING", "SUCCEEDED"},
            "error": now.error,
            "canStop": now.status == "RUNNING",
            "canResume": can_resume(now, now.error, self.progress.cause),
            "canDelete": now.status != "RUNNING" and not now.is_stranger,
            "events": len(self.events),
        }
        if not self.stack.local:
            summary["awsUrl"] = console_url(now.arn, self.stack.region)
        if self.progress.output is not None:
            summary["output"] = {name: self.progress.output.get(name) for name in OUTPUT}
            summary["setAside"] = outcome.set_aside(self.progress.output)
        return summary


def _may_differ(kept: _WorkedOut, seen: Seen, now: datetime) -> bool:
    """Say whether what was worked out after the end may be other now."""
    is_early = seen.at_rest is None or kept.at < seen.at_rest
    lacks_a_part = kept.answer.get("incomplete", False)  # that could not be read
    return now - kept.at >= AGAIN and (is_early or lacks_a_part)


def job_of(asked: Any) -> str:
    """Return which job an execution's input asks for: a name, `query`, or `stages`."""
    if not isinstance(asked, dict):
        return ""
    title = resume.title(asked)
    return "query" if title == "sql" else title


def can_resume(now: Past, error: str, cause: str) -> bool:
    """Say whether an execution's job can be continued, and whether that helps.

    Args:
        error: the name of what ended it, and its `cause`: as the execution itself tells them, or as they were
            found behind that.
    """
    return (
        now.status not in {"RUNNING", "SUCCEEDED"}
        and isinstance(now.asked, dict)
        and now.error not in past.REFUSED
        and advice.is_resumable(error, cause)
    )


class Executions:
    """The executions that were looked at last.

    Args:
        clock: the time, with a time zone.
    """

    def __init__(self, stack: Stack, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._stack = stack
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: OrderedDict[str, Watched] = OrderedDict()

    def find(self, name: str) -> Watched:
        """Return an execution by name. Raises Refused if there is none."""
        with self._lock:
            if name in self._watched:
                self._watched.move_to_end(name)
                return self._watched[name]
        watched = self._begun(name)
        with self._lock:
            watched = self._watched.setdefault(name, watched)  # another may have been faster
            while len(self._watched) > KEPT:
                self._watched.popitem(last=False)
            return watched

    def forget(self, job: str) -> None:
        """Forget what was worked out about all executions of a job.

        Args:
            job: its id.
        """
        with self._lock:
            of_job = [watched for watched in self._watched.values() if watched.before.job == job]
        for watched in of_job:
            watched.forget()

    def _begun(self, name: str) -> Watched:
        before = past.find(self._stack, name)
        if before is None:
            raise Refused(
                404,
                f"There is no execution {name}: Step Functions forgets one 90 days after its end, "
                "the local cloud when it is stopped",
            )
        sfn = self._stack.sfn
        executed = _allowed(lambda: sfn.describe_state_machine_for_execution(executionArn=before.arn))
        # What the stack has now is most often the same.
        machine = executed or _allowed(
            lambda: sfn.describe_state_machine(stateMachineArn=self._stack.state_machine)
        )
        graph = graph_of(machine["definition"]) if machine else None
        return Watched(self._stack, before, graph, self._clock, as_executed=executed is not None)


def _allowed(ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return an answer of the cloud, or None if the user has no right to it."""
    try:
        return ask()
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise
        return None
