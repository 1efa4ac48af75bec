"""The cases of a soak: each a job of random shape, under random faults, drawn from a seed and a number."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.soak import schedules
from tests.soak.jobs import JOBS
from tests.soak.shapes import Shape
from tests.soak.sql_jobs import SQL_JOBS


@dataclass(frozen=True)
class Case:
    """A job and its faults.

    Attributes:
        name: of the execution, and so of the job; its input has it too.
        faults: the schedule for it.
        resumes: whether it is to be resumed without faults, if it fails.
    """

    number: int
    name: str
    shape: Shape
    faults: dict[str, Any]
    resumes: bool


def case(seed: int, number: int) -> Case:
    """Return one of a seed's cases, the same each time."""
    rng = Random(f"{seed} {number}")
    name = f"soak-{seed}-{number}"
    size = int(1000 * 200 ** rng.random())  # 1 KB to 200 KB, by its logarithm
    shape = rng.choice(JOBS + SQL_JOBS)(rng, f"{name}/in/", size)
    shape.request |= _options(rng, shape) | shape.request
    if shape.request["job" if "job" in shape.request else "input"] == "sort":
        shape.exact = shape.request["partitions"] == 1  # lines of equal keys stay in the order of the input
    return Case(number, name, shape, schedules.schedule(rng, name), rng.random() < 0.7)


def _options(rng: Random, shape: Shape) -> dict[str, Any]:
    total = sum(len(one.body) for one in shape.objects)
    options: dict[str, Any] = {"splitBytes": max(200, total // rng.choice([1, 2, 5, 9]))}
    options["partitions"] = (
        1 if shape.exact and shape.request.get("job") not in ORDERED else rng.choice([1, 1, 2, 3, 5])
    )
    if rng.random() < 0.4:
        options["fanIn"] = rng.choice([2, 3, 5])
    if rng.random() < 0.5:
        options["concurrency"] = rng.choice([1, 2, 4])
    if rng.random() < 0.3:
        options["speculate"] = rng.choice([True, 1, 2, False])
    if rng.random() < 0.3:
        options["keepIntermediates"] = rng.random() < 0.5
    return options


ORDERED = {
    "terasort",
    "top",
    "sort",
}  # whose parts are in order one after the other, or whose last stage has one
