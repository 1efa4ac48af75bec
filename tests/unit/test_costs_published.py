"""Our bill beside the costs that others wrote down for the same job.

The job is that of AWS's lambda-refarch-mapreduce, which KMU-MARLA took over with its formula (`driver.py` of
both): uservisits of the AMPLab benchmark, 202 objects of 122 MB (KMU-MARLA's README), so 202 mappers and 8
reduce steps, halving. Memory is 1,536 MB in refarch's `driverconfig.json` and 1,024 MB in KMU-MARLA's. How
long this job's Lambdas took, neither has published but in pictures; but refarch's README has the cost of the
same query over 126.8 GB, $0.1129 with 1,536 MB, of which these 24.6 GB have a share.

Their formula counts Lambda's time, at the price of x86 in us-east-1, an hour of storage, a PUT for each
object in the job's bucket, and a GET for each of those and for each object that mappers read. Ours adds what
it leaves out: Lambda's requests, Step Functions in place of their coordinator (whose Lambdas it does not
count), and storage for as long as it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.record import TaskRecord
from marla.costs.bill import REQUESTS, Bill, bill
from marla.costs.deployment import Deployment
from marla.costs.history import EventsSummary
from marla.costs.prices import Prices, prices_in
from marla.costs.usage import usage_of
from tests.unit.costed import attempt

OBJECTS = 202
STEPS = (101, 51, 26, 13, 7, 4, 2, 1)  # reducers of each, halving
OUTPUT = round(18.8 * 1024**2)  # bytes of a task's output, as refarch's README lists one
REFARCH, KMU = 1536, 1024  # MB
LAMBDA_SECONDS = 0.1129 / (0.00001667 * REFARCH / 1024) * 24.6 / 126.8  # all tasks'
OWN_OBJECTS = 1 + len(STEPS)  # of their coordinator: jobdata, and a reducerstate for each step


@dataclass(frozen=True)
class Theirs:
    """What their driver prints at its end."""

    lambdas: float
    puts: float
    gets: float
    storage: float


def theirs(seconds: float, memory: int) -> Theirs:
    """Their formula, with the prices that stand in it."""
    in_bucket = OBJECTS + sum(STEPS) + OWN_OBJECTS
    gigabytes = (OBJECTS + sum(STEPS)) * OUTPUT / 1024**3
    return Theirs(
        lambdas=seconds * 0.00001667 * memory / 1024,
        puts=in_bucket * 0.005 / 1000,
        gets=(OBJECTS + in_bucket) * 0.004 / 10000,
        storage=1 * 0.0000521574022522109 * gigabytes,
    )


def tasks(mapper_ms: int, reducer_ms: int, memory: int) -> list[TaskRecord]:
    """The same job as attempts: a mapper reads one object, a reducer two outputs or what is left."""
    known: dict[str, Any] = {"memory_mib": memory, "architecture": "x86_64", "writes": 1, "bytes_out": OUTPUT}
    records = [attempt("map", task, billed_ms=mapper_ms, reads=1, **known) for task in range(OBJECTS)]
    outputs = OBJECTS
    for step, count in enumerate(STEPS, start=1):
        for task in range(count):
            reads = min(2, outputs - 2 * task)
            records.append(attempt("reduce", task, step=step, billed_ms=reducer_ms, reads=reads, **known))
        outputs = count
    return records


def ours(records: list[TaskRecord], prices: Prices) -> Bill:
    """Our bill, with outputs kept for the hour that they count."""
    an_hour = Deployment(intermediate_days=Decimal(1) / 24)
    return bill(usage_of(records, EventsSummary(), an_hour), prices)


def cost(of: Bill, *words: str) -> float:
    """What those lines cost in whose text one of the words is."""
    return float(sum(line.dollars for line in of.lines if any(word in line.what for word in words)))


def published_job(memory: int) -> tuple[list[TaskRecord], float]:
    """The job with the Lambda time that its published cost comes to: 9 in 10 seconds of mappers."""
    mapper_ms = round(LAMBDA_SECONDS * 900 / OBJECTS)
    reducer_ms = round(LAMBDA_SECONDS * 100 / sum(STEPS))
    return tasks(mapper_ms, reducer_ms, memory), (mapper_ms * OBJECTS + reducer_ms * sum(STEPS)) / 1000


@pytest.mark.parametrize("memory", [REFARCH, KMU])
def test_our_bill_of_the_202_file_job_agrees_with_refarchs_and_kmu_marlas_formula(memory: int) -> None:
    records, seconds = published_job(memory)
    made, formula = ours(records, prices_in("us-east-1")), theirs(seconds, memory)

    # Their price of a GB-second is rounded: 0.00001667 instead of 0.0000166667.
    assert cost(made, "mappers", "reducers") == pytest.approx(formula.lambdas, rel=0.0003)
    # The same prices of requests. They have 9 objects of their own, and a GET for each and for the result.
    assert cost(made, "PUT") + OWN_OBJECTS * 0.000005 == pytest.approx(formula.puts, rel=1e-9)
    assert cost(made, "GET") + (OWN_OBJECTS + 1) * 0.0000004 == pytest.approx(formula.gets, rel=1e-9)
    # The same GB-hours; their price of one, 3.8 cents a GB-month, is of 2016. It is 2.3 cents now.
    assert cost(made, "intermediate") == pytest.approx(formula.storage * 0.023 / 0.038075, rel=0.001)

    both = cost(made, "mappers", "reducers", "PUT", "GET", "intermediate")
    all_theirs = formula.lambdas + formula.puts + formula.gets + formula.storage
    assert both == pytest.approx(all_theirs, rel=0.02)


def test_a_gb_second_costs_what_it_did_when_their_cost_was_published() -> None:
    """Their dollars make the seconds, so this compares the prices of a GB-second, and measures nothing."""
    records, _ = published_job(REFARCH)
    made = ours(records, prices_in("us-east-1"))
    assert cost(made, "mappers", "reducers") == pytest.approx(0.1129 * 24.6 / 126.8, rel=0.001)  # $0.0219


def test_at_their_prices_our_bill_is_theirs() -> None:
    records, seconds = published_job(REFARCH)
    now = prices_in("us-east-1")
    then = replace(
        now,
        lambda_gb_second={"x86_64": Decimal("0.00001667"), "arm64": Decimal(0)},
        s3_gb_month=Decimal("0.0000521574022522109") * 730,
    )
    made, formula = ours(records, then), theirs(seconds, REFARCH)
    assert cost(made, "mappers", "reducers") == pytest.approx(formula.lambdas, rel=1e-9)
    assert cost(made, "intermediate") == pytest.approx(formula.storage, rel=1e-9)


def test_what_their_formula_leaves_out_is_in_our_bill() -> None:
    records, _ = published_job(REFARCH)
    made = ours(records, prices_in("us-east-1"))
    workers = OBJECTS + sum(STEPS)
    assert cost(made, "requests") == pytest.approx(workers * 0.0000002)
    assert float(made.parts["Map children"]) == pytest.approx(2 * workers * 0.000025)
    assert set(made.parts) == {"Lambda", "Map children", REQUESTS, "S3 storage"}


@given(st.integers(1, 900_000), st.integers(1, 900_000), st.sampled_from([REFARCH, KMU]))
def test_lambdas_part_agrees_with_their_formula_however_long_tasks_take(
    mapper_ms: int, reducer_ms: int, memory: int
) -> None:
    seconds = (mapper_ms * OBJECTS + reducer_ms * sum(STEPS)) / 1000
    made = ours(tasks(mapper_ms, reducer_ms, memory), prices_in("us-east-1"))
    assert cost(made, "mappers", "reducers") == pytest.approx(theirs(seconds, memory).lambdas, rel=0.0003)
