"""How evenly the records of each stage were divided among its partitions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from statistics import median

from mapreduce.record import TaskRecord

from .attempts import counted


@dataclass(frozen=True)
class Balance:
    """The partitions of a stage.

    Attributes:
        name: of the stage, for people.
        records: that each partition's first reduce step read, by its number.
        seconds: that the reducers of each partition took, all steps together.
    """

    name: str
    records: list[int]
    seconds: list[float]

    @property
    def even(self) -> float:
        """The share of each partition if all had the same."""
        return sum(self.records) / len(self.records)

    @property
    def largest(self) -> int:
        """The number of the partition with the most records."""
        return self.records.index(max(self.records))

    @property
    def skew(self) -> float:
        """How many times its share the largest partition has; 1 is even."""
        return max(self.records) / self.even if self.even else 1.0

    def share(self, partition: int) -> float:
        """Return the share of all records that a partition has."""
        whole = sum(self.records)
        return self.records[partition] / whole if whole else 0.0

    def largest_first(self, count: int) -> list[int]:
        """Return the numbers of the partitions with the most records."""
        return sorted(range(len(self.records)), key=lambda number: -self.records[number])[:count]

    @property
    def middle(self) -> float:
        """The records of the partition in the middle."""
        return median(self.records)


def balances_of(records: Iterable[TaskRecord], reduced: Collection[int]) -> list[Balance]:
    """Return the balance of each stage that reduced several partitions. Samples of keys are passed over.

    Args:
        reduced: the stages whose first reduce step is over. Of others some partitions are not known yet, or
            only in part, which says nothing of how even they are.
    """
    done = [record for record in counted(records) if record.step and not record.sample]
    stages = sorted({record.stage for record in done if record.stage in reduced})
    balances = []
    for stage in stages:
        of_stage = [record for record in done if record.stage == stage]
        count = 1 + max(record.partition for record in of_stage)
        read, seconds = [0] * count, [0.0] * count
        for record in of_stage:
            seconds[record.partition] += record.seconds
            if record.step == 1:
                read[record.partition] += record.records_in
        if count > 1:
            name = f"Stage {stage}" if len({record.stage for record in done}) > 1 else "Partitions"
            balances.append(Balance(name, read, seconds))
    return balances
