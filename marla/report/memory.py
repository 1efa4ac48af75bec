"""How much of its memory each step's workers needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from mapreduce.record import TaskRecord

from .attempts import StepKey, in_steps


@dataclass(frozen=True)
class Headroom:
    """The memory of a step's workers, in MiB, which Lambda calls MB.

    Attributes:
        peak: the most that any of them had.
        middle: what the one in the middle had.
        limit: what the function may have; 0 if that is not known.
    """

    key: StepKey
    name: str
    peak: int
    middle: int
    limit: int

    @property
    def share(self) -> float | None:
        """The share of its limit that the largest needed; None if that is not known."""
        return self.peak / self.limit if self.limit else None


def headrooms_of(records: Iterable[TaskRecord], *, several: bool = False) -> list[Headroom]:
    """Return the headroom of each step of whose workers the memory is known.

    Args:
        several: whether the job has several stages, though there may be records of one only.
    """
    grouped = in_steps(records)
    several = several or len({key.stage for key in grouped}) > 1
    found = []
    for key, attempts in grouped.items():
        peaks = [record.peak_memory_mib for record in attempts if record.peak_memory_mib]
        if peaks:
            limit = max(record.memory_mib for record in attempts)
            found.append(Headroom(key, key.name(several=several), max(peaks), round(median(peaks)), limit))
    return found
