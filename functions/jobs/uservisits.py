"""The job of KMU-MARLA: query 2 of the AMPLab benchmark over the table of Pavlo et al. 2009."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from mapreduce import BadRecord, Job, parameter

from ._pavlo import FORMAT, USERVISITS


class UserVisits(Job):
    """Sum adRevenue by the first characters of sourceIP, over the Pavlo `uservisits` table."""

    format = replace(FORMAT, columns=tuple(USERVISITS))
    columns = ("source_ip", "revenue")

    prefix: int = parameter(8, "how many characters of sourceIP make a group", minimum=1)

    def map(self, record: list[str]) -> Iterator[tuple[str, float]]:
        revenue = float(record[3])
        if not math.isfinite(revenue):
            raise BadRecord(f"adRevenue: got {record[3]!r}; give a finite number")
        yield record[0][: self.prefix], revenue

    def combine(self, key: str, values: list[float]) -> float:
        return math.fsum(values)

    def reduce(self, key: str, values: Iterable[float]) -> Iterator[tuple[str, float]]:
        yield key, math.fsum(values)
