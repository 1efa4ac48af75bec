"""What each step of an execution did: tasks, attempts, records, bytes, and where its tasks' time went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, median

from mapreduce.record import Place, TaskRecord

from ..costs.children import end_of
from .attempts import StepKey, began, counted, in_steps, straggler_seconds, took, worked

# What a task's time goes to, in order.
SPANS = ("waiting", "starting", "reading", "computing", "writing")


@dataclass(frozen=True)
class Step:
    """A step in numbers. Times are seconds; `began` and `ended` since the execution's start.

    Attributes:
        tasks: that were done; `reused` of them by an earlier execution of the job.
        attempts: that left a record; `failed` of them failed, `backups` were backups, `cold` cold starts.
        stragglers: attempts that took much longer than others.
        began: when the first attempt did, with its cold start; `ended` when the last task was over.
        median, slowest: of the attempts that did a task, with their cold starts; None if there is none.
        worker_seconds: of all attempts together.
        spans: the mean seconds of a task's parts, as SPANS names them; empty if no attempt did a task.
    """

    key: StepKey
    name: str
    tasks: int
    reused: int
    attempts: int
    failed: int
    backups: int
    cold: int
    stragglers: int
    records_in: int
    records_out: int
    bytes_in: int
    bytes_out: int
    rejects: int
    began: float
    ended: float
    median: float | None
    slowest: float | None
    worker_seconds: float
    spans: Mapping[str, float]

    @property
    def kind(self) -> str:
        """Map or reduce."""
        return "reduce" if self.key.step else "map"


def steps_of(records: Iterable[TaskRecord], start: float, *, several: bool = False) -> list[Step]:
    """Return the steps of an execution, in order.

    Args:
        start: the execution's, in seconds since 1970.
        several: whether its job has several stages, though there may be records of one only.
    """
    grouped = in_steps(records)
    several = several or len({key.stage for key in grouped}) > 1
    return [_step(key, key.name(several=several), attempts, start) for key, attempts in grouped.items()]


def _step(key: StepKey, name: str, attempts: list[TaskRecord], start: float) -> Step:
    done = counted(attempts)
    at_work = worked(attempts)
    slow = straggler_seconds(attempts)
    return Step(
        key=key,
        name=name,
        tasks=len(done),
        reused=sum(record.reused for record in done),
        attempts=len(attempts),
        failed=sum(not record.succeeded for record in attempts),
        backups=sum(record.backup for record in attempts),
        cold=sum(record.cold_start for record in attempts),
        stragglers=sum(record.seconds >= slow for record in at_work),
        records_in=sum(record.records_in for record in done),
        records_out=sum(record.records_out for record in done),
        bytes_in=sum(record.bytes_in for record in done),
        bytes_out=sum(record.bytes_out for record in done),
        rejects=sum(record.rejects for record in done),
        began=max(0.0, min(map(began, attempts)) - start),
        ended=_ended(attempts) - start,
        median=median(map(took, at_work)) if at_work else None,
        slowest=max(map(took, at_work), default=None),
        worker_seconds=sum(record.seconds for record in attempts),
        spans=_spans(worked(done)),
    )


def _ended(attempts: Iterable[TaskRecord]) -> float:
    tasks: defaultdict[Place, list[TaskRecord]] = defaultdict(list)
    for record in attempts:
        tasks[record.place].append(record)
    return max(map(end_of, tasks.values()))


def _spans(done: list[TaskRecord]) -> dict[str, float]:
    parts = [spans_of(record) for record in done]
    return {name: fmean(part[name] for part in parts) for name in SPANS} if parts else {}


def spans_of(record: TaskRecord) -> dict[str, float]:
    """Return the seconds of an attempt's parts: waiting for a worker, starting it, until the first bytes are
    read, computing, and writing the output's end.

    Waiting is known of a first attempt only, and by two clocks: Step Functions' and the worker's.
    """
    queued = record.queued if record.queued is not None and record.attempt == 0 else record.started
    first_byte = record.started if record.first_byte is None else record.first_byte
    computed = record.ended if record.computed is None else record.computed
    return {
        "waiting": max(0.0, record.started - queued - record.init_seconds),
        "starting": record.init_seconds,
        "reading": max(0.0, first_byte - record.started),
        "computing": max(0.0, computed - first_byte),
        "writing": max(0.0, record.ended - computed),
    }
