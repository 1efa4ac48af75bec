"""All that a report tells, as plain values: made of task records and what is known of the execution."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mapreduce.record import TaskRecord

from ..costs.of_execution import Costs
from ..failure import Failure
from .balance import Balance, balances_of
from .memory import Headroom, headrooms_of
from .steps import Step, steps_of
from .timeline import Timeline, timeline_of


@dataclass(frozen=True, kw_only=True)
class Execution:
    """An execution as Step Functions knows it.

    Attributes:
        where: the options, behind a space, that say in a command which cloud it is in.
        asked: its input, which may be any JSON; `output` is None until it has succeeded.
        stopped: None while it runs; `state` is what it was at last.
        resumes: the name of the execution whose job it continues, or nothing.
    """

    name: str
    arn: str
    stack: str
    region: str
    local: bool
    where: str
    status: str
    started: datetime
    stopped: datetime | None
    state: str
    asked: Any
    output: dict[str, Any] | None = None
    resumes: str = ""

    @property
    def title(self) -> str:
        """What to call its job."""
        asked = self.asked if isinstance(self.asked, dict) else {}
        job = asked.get("job")
        if isinstance(job, str):
            return f"job {job}"
        return "query in SQL" if asked.get("sql") else "job of several stages"

    @property
    def asks_for_stages(self) -> bool:
        """Whether its input has several stages."""
        stages = self.asked.get("stages") if isinstance(self.asked, dict) else None
        return isinstance(stages, list) and len(stages) > 1


@dataclass(frozen=True)
class Totals:
    """Sums over all steps.

    Attributes:
        gigabyte_seconds: that Lambda bills for the workers, as they know it.
    """

    tasks: int
    reused: int
    attempts: int
    failed: int
    backups: int
    cold: int
    stragglers: int
    rejects: int
    worker_seconds: float
    gigabyte_seconds: float

    def to_json(self) -> dict[str, int | float]:
        """Return the sums for programs."""
        return {
            "tasks": self.tasks,
            "reused": self.reused,
            "attempts": self.attempts,
            "failedAttempts": self.failed,
            "backups": self.backups,
            "coldStarts": self.cold,
            "stragglers": self.stragglers,
            "rejects": self.rejects,
            "workerSeconds": round(self.worker_seconds, 3),
            "gigabyteSeconds": round(self.gigabyte_seconds, 3),
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """An execution, seen from all sides.

    Attributes:
        made: when; for an execution that runs, what it tells is as of then.
        graph: of the state machine as executed: an SVG element, or a paragraph that says why there is none.
    """

    execution: Execution
    made: datetime
    failure: Failure | None
    graph: str
    steps: list[Step]
    timeline: Timeline
    balances: list[Balance]
    headrooms: list[Headroom]
    totals: Totals
    costs: Costs

    @property
    def running(self) -> bool:
        """Whether the execution was not over when the report was made."""
        return self.execution.stopped is None

    @property
    def started_workers(self) -> bool:
        """Whether a worker was started for a task, though it may have left no record."""
        return bool(self.steps) or self.costs.usage.children > 0

    @property
    def seconds(self) -> float:
        """How long the execution took, or had taken."""
        return ((self.execution.stopped or self.made) - self.execution.started).total_seconds()


def report_of(  # noqa: PLR0913 - what there is to an execution
    execution: Execution,
    records: Sequence[TaskRecord],
    reduced: Collection[int],
    costs: Costs,
    graph: str,
    failure: Failure | None,
    made: datetime,
) -> Report:
    """Return the report of an execution.

    Args:
        records: of the execution's attempts, in any order.
        reduced: the stages whose first reduce step is over.
    """
    start = execution.started.timestamp()
    # A failure has a stage where there are several: of a chain in the catalogue the input does not tell.
    several = execution.asks_for_stages or (failure is not None and failure.stage is not None)
    steps = steps_of(records, start, several=several)
    return Report(
        execution=execution,
        made=made,
        failure=failure,
        graph=graph,
        steps=steps,
        timeline=timeline_of(records, start),
        balances=balances_of(records, reduced),
        headrooms=headrooms_of(records, several=several),
        totals=totals_of(steps, records),
        costs=costs,
    )


def totals_of(steps: Iterable[Step], records: Iterable[TaskRecord]) -> Totals:
    """Return the sums over an execution's steps."""
    steps = list(steps)
    return Totals(
        tasks=sum(step.tasks for step in steps),
        reused=sum(step.reused for step in steps),
        attempts=sum(step.attempts for step in steps),
        failed=sum(step.failed for step in steps),
        backups=sum(step.backups for step in steps),
        cold=sum(step.cold for step in steps),
        stragglers=sum(step.stragglers for step in steps),
        rejects=sum(step.rejects for step in steps if step.kind == "map" and step.key.own),
        worker_seconds=sum(step.worker_seconds for step in steps),
        gigabyte_seconds=sum(record.billed_ms * record.memory_mib for record in records) / 1000 / 1024,
    )
