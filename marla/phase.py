"""A wave of mappers or a reduce step, as seen from outside: how many of its tasks are done, and how fast."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from .rate import Rate


@dataclass
class Phase:
    """One wave of mappers or one reduce step as seen from outside.

    Attributes:
        name: for people; the waves of a map have the same.
        step: 0 for a wave of mappers, else the number of the reduce step.
        stage: from 0; `sample` if the stage only takes a sample of its keys.
        wave: its number among the waves of its mappers, from 1; 0 for a reduce step.
        stopped: when the execution ended in the midst of it.
        map_run: the ARN of its map run, once that has begun.
        redriven: whether what had failed is tried again, by hand.
        total: its tasks, each counted once however often it is tried; `succeeded` are those that are done,
            be it by an earlier execution of the job, and `failed` those that will not be tried again.
        records: those that it has read; None until it is over and counted. `bytes` likewise.
    """

    name: str
    entered: datetime
    step: int = 0
    exited: datetime | None = None
    map_run: str = ""
    total: int = 0
    succeeded: int = 0
    running: int = 0
    failed: int = 0
    records: int | None = None
    bytes: int | None = None
    stage: int = 0
    sample: bool = False
    wave: int = 0
    stopped: datetime | None = None
    redriven: bool = False
    rate: Rate = field(default_factory=Rate, repr=False, compare=False)

    @property
    def label(self) -> str:
        """What people call it, with the number of its wave where it is not the first."""
        return f"{self.name}, wave {self.wave}" if self.wave > 1 else self.name

    @property
    def status(self) -> str:
        """One of running, succeeded, and stopped: the execution ended in the midst of it."""
        return "succeeded" if self.exited else "stopped" if self.stopped else "running"

    @property
    def seconds(self) -> float:
        """How long the phase took, or has taken."""
        return self.seconds_at(utc_now())

    def seconds_at(self, now: datetime) -> float:
        """Return how long the phase took, or will have taken by then."""
        return seconds_between(self.entered, self.exited or self.stopped or now)

    @property
    def is_counted(self) -> bool:
        """Whether all of its tasks are known to be done, so that nothing more is to be asked."""
        return self.exited is not None and 0 < self.total == self.succeeded

    @property
    def per_second(self) -> float | None:
        """Tasks a second: lately while it runs, on the mean when it is over; None if that is not known."""
        if self.status == "running":
            return self.rate.per_second
        return self.succeeded / self.seconds if self.succeeded and self.seconds else None

    @property
    def seconds_left(self) -> float | None:
        """How long the tasks that are left will take; None if that is not known, or it is over."""
        left = self.total - self.succeeded - self.failed
        return self.rate.seconds_left(max(0, left)) if self.status == "running" else None


def kind_of(state: str) -> str:
    """Return what a state does for people: Map and Reduce each are two, with backups of tasks and without."""
    return state.removesuffix(" with backups")


def step_name(step: int, *, sample: bool = False, stage: int | None = None) -> str:
    """Return what people call a step.

    Args:
        step: 0 for that of the mappers.
        sample: whether what it works on is a sample of keys.
        stage: its stage, where there are several.
    """
    name = (
        f"{'Sample, reduce' if sample else 'Reduce'} step {step}" if step else "Sample" if sample else "Map"
    )
    return name if stage is None else f"Stage {stage}: {name}"


def seconds_between(begin: datetime, end: datetime) -> float:
    """Return the seconds between two times; none if another clock than the first one's is behind."""
    return max(0.0, (end - begin).total_seconds())


def utc_now() -> datetime:
    """Return what time it is."""
    return datetime.now(UTC)
