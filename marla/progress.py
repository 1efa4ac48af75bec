"""How far an execution is, from what Step Functions says of it: its history, the counts of its map runs.

Nothing here asks anything of the cloud. What is known only grows: `fraction`, the tasks planned and those
that are done, and the records read, whatever counts come late.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from .phase import Phase, kind_of, seconds_between, step_name, utc_now
from .plan import Plan, share_done

FINAL = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
TASK_FAILED = "States.ExceedToleratedFailureThreshold"  # of a map run: it tolerates none

# The state that counts what a phase has done, behind the Map states that do it.
_COUNTS = {"Map": "Count map outputs", "Reduce": "Count reduce outputs"}
_STATE_ENTERED = re.compile(r"(Pass|Task|Choice|Map|Succeed|Fail|Wait|Parallel)StateEntered")


@dataclass
class Progress:
    """What is known of an execution so far; only ever grows.

    Attributes:
        fraction: how much of its work is done, roughly: from 0 to 1, which it has only when it succeeded.
    """

    status: str = "RUNNING"
    started: datetime | None = None
    stopped: datetime | None = None
    state: str = ""
    plan: Plan = field(default_factory=Plan)
    phases: list[Phase] = field(default_factory=list)
    fraction: float = 0.0
    last_event: int = 0
    output: dict[str, Any] | None = None
    error: str = ""
    cause: str = ""

    @property
    def finished(self) -> bool:
        """Whether the execution is over."""
        return self.status in FINAL

    @property
    def seconds(self) -> float:
        """How long the execution took, or has taken."""
        return self.seconds_at(utc_now())

    def seconds_at(self, now: datetime) -> float:
        """Return how long the execution took, or will have taken by then."""
        return seconds_between(self.started, self.stopped or now) if self.started else 0.0

    @property
    def stages(self) -> int:
        """How many stages it has."""
        return self.plan.stages

    @property
    def stage(self) -> int:
        """Which stage it is in, from 0."""
        return self.plan.stage

    @property
    def sampling(self) -> bool:
        """Whether this is the stage's first run, which takes a sample of keys."""
        return self.plan.sampling

    @property
    def total(self) -> int:
        """The tasks that are planned so far."""
        return sum(phase.total for phase in self.phases)

    @property
    def succeeded(self) -> int:
        """The tasks that are done."""
        return sum(phase.succeeded for phase in self.phases)

    @property
    def running(self) -> int:
        """The tasks that run."""
        return sum(phase.running for phase in self.phases)

    @property
    def failed(self) -> int:
        """The tasks that failed, in spite of all that were tried again."""
        return sum(phase.failed for phase in self.phases)

    @property
    def records(self) -> int:
        """The records that were read in the phases that are over."""
        return sum(phase.records or 0 for phase in self.phases)

    def see(self, event: Mapping[str, Any]) -> None:
        """Take in an event of the history. They come in their order; one that was seen is passed over."""
        if event["id"] <= self.last_event:
            return
        self.last_event = event["id"]
        entered = event.get("stateEnteredEventDetails")
        exited = event.get("stateExitedEventDetails")
        if entered and _STATE_ENTERED.fullmatch(event["type"]):
            self.state = entered["name"]
            if event["type"] == "MapStateEntered":
                self.phases.append(self._phase(kind_of(entered["name"]), event["timestamp"]))
        elif event["type"] == "MapRunStarted":
            self.phases[-1].map_run = event["mapRunStartedEventDetails"]["mapRunArn"]
        elif event["type"] == "MapRunRedriven":  # by hand, on AWS
            self.phases[-1].redriven, self.phases[-1].failed = True, 0
        elif event["type"] == "MapRunFailed":
            self._fail(event.get("mapRunFailedEventDetails", {}).get("error", ""))
        elif exited:
            if event["type"] == "MapStateExited":
                self._leave(event["timestamp"])
            else:
                self._take(exited["name"], exited.get("assignedVariables", {}))
        self._advance()

    def count(self, phase: Phase, counts: Mapping[str, int], now: datetime) -> None:
        """Take in the counts of a phase's map run, which may come late, or be those of before.

        Args:
            counts: `itemCounts` of DescribeMapRun.
            now: when they were got.
        """
        done = counts["total"] if phase.exited else counts["succeeded"]  # all of them, as `_leave` says
        phase.succeeded = max(phase.succeeded, done)
        phase.total = max(phase.total, counts["total"], phase.succeeded)
        failed = counts["failed"] + counts["timedOut"]
        # A count that is late takes no failure back; but when tasks are tried again, the next count does.
        most = failed if phase.redriven else max(phase.failed, failed)
        phase.failed = min(most, phase.total - phase.succeeded)
        left = phase.total - phase.succeeded - phase.failed
        phase.running = 0 if phase.exited else min(counts["running"], left)
        phase.rate.note(phase.succeeded, seconds_between(phase.entered, now))
        self._advance()

    def end(self, described: Mapping[str, Any]) -> None:
        """Take in what DescribeExecution says, when all that it speaks of has been seen."""
        self.started = described["startDate"]
        self.stopped = described.get("stopDate")
        self.error = described.get("error", "")
        self.cause = described.get("cause", "")
        self.output = json.loads(described["output"]) if described.get("output") else None
        self.status = described["status"]
        for phase in self.phases:
            if phase.exited is None:
                phase.stopped = self.stopped if self.finished else None
            if self.finished:
                phase.running = 0
        if self.status == "SUCCEEDED":
            self.fraction = 1.0

    def _phase(self, kind: str, entered: datetime) -> Phase:
        before = self.phases[-1] if self.phases else None
        if kind == "Map":
            step, total = 0, self.plan.begin_wave()
            wave = before.wave + 1 if before else 1
        else:
            step, total = before.step + 1 if before else 1, self.plan.reducers
            wave = 0
        name = step_name(step, sample=self.sampling, stage=self.stage if self.stages > 1 else None)
        return Phase(name, entered, step, total=total, stage=self.stage, sample=self.sampling, wave=wave)

    def _leave(self, exited: datetime) -> None:
        """The Map state is left: no failed task is tolerated, so all of them are done."""
        phase = self.phases[-1]
        phase.exited = exited
        phase.succeeded, phase.running, phase.failed = phase.total, 0, 0

    def _fail(self, error: str) -> None:
        """The map run has failed: for a task's failure at least one, which its counts may tell too late."""
        phase = self.phases[-1]
        phase.redriven = False
        if error == TASK_FAILED:
            phase.total = max(phase.total, phase.succeeded + 1)
            phase.failed = max(phase.failed, 1)

    def _take(self, state: str, assigned: Mapping[str, str]) -> None:
        """Take in the variables that a state has assigned."""
        self.plan.take(assigned)
        if state in _COUNTS.values():
            self._sum_up(assigned)

    def _sum_up(self, assigned: Mapping[str, str]) -> None:
        """Take in the counters of the phase that has ended."""
        phase = self.phases[-1]
        # The waves of a map phase add to the same counters.
        waves = list(takewhile(lambda earlier: earlier.step == phase.step == 0, self.phases[-2::-1]))
        if phase.step == 0:
            counters = json.loads(assigned["mapped"])
            tasks = json.loads(assigned.get("tasks", "0")) - sum(wave.total for wave in waves)
        else:
            counters = json.loads(assigned["steps"])[-1]
            tasks = counters.get("tasks", 0)
        phase.total = phase.succeeded = max(phase.total, tasks)
        phase.records = counters["recordsIn"] - sum(wave.records or 0 for wave in waves)
        phase.bytes = counters["bytesIn"] - sum(wave.bytes or 0 for wave in waves)

    def _advance(self) -> None:
        self.fraction = max(self.fraction, share_done(self.plan, self.phases))
