"""An execution as Step Functions shows it from its start to its end: a history that grows, and map runs.

The state machine's plan is followed: stages, samples, waves of mappers, reduce steps, and the variables that
are assigned on the way. Each task is tried once or more often, and counted by its map run once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from marla.progress import TASK_FAILED
from marla.stack import Stack

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
ARN = "arn:aws:states:us-east-1:000000000000:execution:machine:job-1"
NOTHING = {"total": 0, "pending": 0, "running": 0, "succeeded": 0, "failed": 0, "timedOut": 0, "aborted": 0}


@dataclass(frozen=True)
class Run:
    """One run of a stage: over a sample of its keys, or over all of them.

    Attributes:
        waves: how many mappers each wave has.
        tries: how often each task is tried, in turn.
    """

    stage: int
    sample: bool
    waves: tuple[int, ...]
    partitions: int = 1
    fan: int = 2
    tries: tuple[int, ...] = (1,)


@dataclass(frozen=True)
class Moment:
    """What there is to see: so many events of the history, and the counts of map runs by ARN."""

    events: int
    counts: dict[str, dict[str, int]]


@dataclass
class Simulation:
    """An execution of some runs, which fails after `failing` successes of tasks if that is given.

    Attributes:
        moments: all that there is to see, one after the other; after the last one the execution is over.
        steps: those of its output.
    """

    runs: list[Run]
    failing: int | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    failed: bool = False
    _counts: dict[str, dict[str, int]] = field(default_factory=dict)
    _done: int = 0

    def __post_init__(self) -> None:
        stages = [{"job": "x"}] * (self.runs[-1].stage + 1)
        self._passed("Plan stages", stages=stages, stage=0, steps=[])
        for run, following in zip(self.runs, [*self.runs[1:], None], strict=True):
            if not self._performed(run):
                self._add("ExecutionFailed")
                self.failed = True
                return
            if following:
                self._passed("Next stage?", stage=following.stage, sampled=run.sample)
        self._enter("Succeed", "Done")
        self._add("ExecutionSucceeded")

    @property
    def described(self) -> dict[str, Any]:
        """What DescribeExecution says at the end."""
        end = {"startDate": START, "stopDate": self._now()}
        if self.failed:
            return end | {"status": "FAILED", "error": "BadRecord", "cause": "why"}
        return end | {"status": "SUCCEEDED", "output": json.dumps({"steps": self.steps})}

    def _performed(self, run: Run) -> bool:
        config: dict[str, Any] = {
            "sample": 3 if run.sample else 0,
            "inputs": [{}] * len(run.waves),
            "partitions": run.partitions,
        }
        self._passed("Configure stage", config=config, wave=[], inputIndex=0, step=0, fan=0)
        mapped = dict.fromkeys(("recordsIn", "recordsOut", "bytesIn", "bytesOut"), 0)
        tasks = 0
        for number, size in enumerate(run.waves, start=1):
            self._passed("Cut into batches", wave=[{"input": 0}] * size, inputIndex=number)
            if not self._mapped("Map", size, run):
                return False
            tasks += size
            mapped = {name: count + 10 * size for name, count in mapped.items()}
            self._passed("Count map outputs", tasks=tasks, mapped=mapped, wave=[], results=[])
        sampled = {"sample": True} if run.sample else {}
        self.steps.append({"stage": run.stage, "step": 0, "tasks": tasks} | mapped | sampled)
        self._passed("More input?", outputs=tasks, steps=self.steps)
        return self._reduced(run, tasks, sampled)

    def _reduced(self, run: Run, outputs: int, sampled: dict[str, bool]) -> bool:
        step = 0
        while step == 0 or outputs > 1:
            step += 1
            self._passed("Plan reduce step", step=step, fan=run.fan)
            outputs = -(-outputs // run.fan)
            tasks = outputs * run.partitions
            if not self._mapped("Reduce", tasks, run):
                return False
            numbers = dict.fromkeys(("recordsIn", "recordsOut", "bytesIn", "bytesOut"), 7 * tasks)
            self.steps.append({"stage": run.stage, "step": step, "tasks": tasks} | numbers | sampled)
            self._passed("Count reduce outputs", outputs=outputs, steps=self.steps, results=[])
        return True

    def _mapped(self, state: str, tasks: int, run: Run) -> bool:
        arn = f"run-{len(self._counts) + 1}"
        self._enter("Map", state)
        self._counts[arn] = NOTHING
        self._add("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": arn})
        self._count(arn, total=tasks, pending=tasks)
        for task in range(tasks):
            self._count(arn, running=1, pending=tasks - task - 1)
            for _ in range(run.tries[task % len(run.tries)] - 1):
                self._count(arn)  # it is tried again, and runs all the while
            if self._done == self.failing:
                self._count(arn, running=0, failed=1)
                self._add("MapRunFailed", mapRunFailedEventDetails={"error": TASK_FAILED})
                return False
            self._done += 1
            self._count(arn, running=0, succeeded=task + 1)
        self._add("MapStateExited", stateExitedEventDetails={"name": state, "assignedVariables": {}})
        return True

    def _passed(self, state: str, **assigned: Any) -> None:
        kind = "Choice" if state.endswith("?") else "Pass"
        self._enter(kind, state)
        variables = {name: json.dumps(value) for name, value in assigned.items()}
        details = {"name": state, "assignedVariables": variables}
        self._add(f"{kind}StateExited", stateExitedEventDetails=details)

    def _enter(self, kind: str, state: str) -> None:
        self._add(f"{kind}StateEntered", stateEnteredEventDetails={"name": state})

    def _add(self, kind: str, **details: Any) -> None:
        event = {"id": len(self.events) + 1, "type": kind, "timestamp": self._now()}
        self.events.append(event | details)
        self._look()

    def _count(self, arn: str, **changed: int) -> None:
        self._counts = self._counts | {arn: self._counts[arn] | changed}
        self._look()

    def _look(self) -> None:
        self.moments.append(Moment(len(self.events), self._counts))

    def _now(self) -> datetime:
        return START + timedelta(seconds=len(self.moments))


class Watched:
    """A Step Functions that shows an execution at one moment after the other, with counts that may be older.

    Attributes:
        at: the number of the moment; `counted_at` is that of the counts.
        asked: the operations asked for, one for each request.
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.at = 0
        self.counted_at = 0
        self.asked: list[str] = []

    @property
    def stack(self) -> Stack:
        return Stack("marla", "us-east-1", "arn:machine", "jobs", lambda service: self, local=True)

    def clock(self) -> datetime:
        """The time of the moment."""
        return START + timedelta(seconds=self.at)

    @property
    def is_over(self) -> bool:
        return self.at == len(self.simulation.moments) - 1

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append("DescribeExecution")
        return self.simulation.described if self.is_over else {"status": "RUNNING", "startDate": START}

    def get_execution_history(
        self,
        executionArn: str,  # noqa: N803
        reverseOrder: bool,  # noqa: N803
        maxResults: int,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
    ) -> dict[str, Any]:
        self.asked.append("GetExecutionHistory")
        newest_first = self.simulation.events[: self.simulation.moments[self.at].events][::-1]
        begin = int(nextToken)
        page = {"events": newest_first[begin : begin + maxResults]}
        more = begin + maxResults < len(newest_first)
        return page | ({"nextToken": str(begin + maxResults)} if more else {})

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append("DescribeMapRun")
        counts = self.simulation.moments[self.counted_at].counts
        return {"itemCounts": counts.get(mapRunArn, NOTHING)}

    def moments_from(self, first: int = 0) -> Iterator[int]:
        """Yield the numbers of all moments, being at each meanwhile."""
        for number in range(first, len(self.simulation.moments)):
            self.at = self.counted_at = number
            yield number
