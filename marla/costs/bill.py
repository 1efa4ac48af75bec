"""The bill of an execution: what it used, at a table of prices, by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .deployment import EXPRESS, FREE_STORAGE_MIB
from .prices import Prices
from .usage import Usage

LAMBDA, TRANSITIONS, CHILDREN = "Lambda", "State transitions", "Map children"
REQUESTS, STORAGE = "S3 requests", "S3 storage"
PARTS = (LAMBDA, TRANSITIONS, CHILDREN, REQUESTS, STORAGE)

EXPRESS_MIB = 64  # the least that is billed: a child holds one task's input, far below the 14 MB above 50
HOURS_A_MONTH = 730  # as AWS's calculator has it
NOTHING = Decimal("0.00000001")  # dollars: less than anything costs
GB = 1024**3  # bytes: S3 and Lambda bill powers of two

_MEGABYTE_MILLISECONDS = Decimal(1024 * 1000)  # in a GB-second
_NOT_COUNTED = (
    "Not counted: logs, traces, tags of objects, keeping the records of tasks, and data that goes to another "
    "Region."
)


@dataclass(frozen=True)
class Line:
    """One thing that is billed.

    Attributes:
        part: one of PARTS.
        price: dollars a unit.
    """

    part: str
    what: str
    quantity: Decimal
    unit: str
    price: Decimal

    @property
    def dollars(self) -> Decimal:
        """What it costs."""
        return self.quantity * self.price

    def to_json(self) -> dict[str, Any]:
        """Return the line as JSON has it."""
        return {
            "part": self.part,
            "what": self.what,
            "quantity": float(self.quantity),
            "unit": self.unit,
            "price": float(self.price),
            "dollars": float(self.dollars),
        }


@dataclass(frozen=True)
class Bill:
    """What an execution cost.

    Attributes:
        lines: those that are not nothing, by part.
        results_a_month: what storing the results costs; no part of the total, for they stay until they are
            deleted.
        region, as_of: of the prices.
        notes: sentences about what is estimated, and what is not counted.
        incomplete: whether the cloud did not tell something, as it may the next time.
    """

    lines: tuple[Line, ...]
    results_a_month: Line
    region: str
    as_of: str
    notes: tuple[str, ...] = ()
    incomplete: bool = False

    @property
    def total(self) -> Decimal:
        """The sum of all lines."""
        return sum((line.dollars for line in self.lines), Decimal(0))

    @property
    def parts(self) -> dict[str, Decimal]:
        """What each part costs, in the order of PARTS; parts that cost nothing are left out."""
        sums: dict[str, Decimal] = {}
        for line in self.lines:
            sums[line.part] = sums.get(line.part, Decimal(0)) + line.dollars
        return sums

    def to_json(self) -> dict[str, Any]:
        """Return the bill as JSON has it, in dollars."""
        return {
            "region": self.region,
            "asOf": self.as_of,
            "total": float(self.total),
            "parts": [{"part": part, "dollars": float(cost)} for part, cost in self.parts.items()],
            "lines": [line.to_json() for line in self.lines],
            "resultsAMonth": self.results_a_month.to_json(),
            "notes": list(self.notes),
            "incomplete": self.incomplete,
        }


def bill(usage: Usage, prices: Prices) -> Bill:
    """Return what a usage costs."""
    lines = [*_lambda(usage, prices), *_step_functions(usage, prices), *_s3(usage, prices)]
    results = Line(
        STORAGE, "results, a month", Decimal(usage.result_bytes) / GB, "GB-months", prices.s3_gb_month
    )
    return Bill(
        lines=tuple(line for line in lines if line.dollars),
        results_a_month=results,
        region=prices.region,
        as_of=prices.as_of,
        notes=(*prices.notes, *usage.notes, _NOT_COUNTED),
        incomplete=usage.incomplete,
    )


def gb_seconds(memory_mib: int, milliseconds: int | Decimal) -> Decimal:
    """Return the GB-seconds of some memory for some time, exactly."""
    return memory_mib * milliseconds / _MEGABYTE_MILLISECONDS


def dollars(amount: Decimal) -> str:
    """Return an amount for people: cents from a dollar on, else three digits that count.

    What is below a hundred millionth, which nothing costs, is what rounding leaves.
    """
    size = abs(amount)
    sign = "-" if amount < 0 else ""
    if size < NOTHING:
        return "$0"
    if size >= 1:
        return f"{sign}${size:,.2f}"
    places = 2 - size.adjusted()
    text = f"{size:.{places}f}".rstrip("0").rstrip(".")
    return f"{sign}${text}"


def _lambda(usage: Usage, prices: Prices) -> Iterator[Line]:
    for use in usage.lambdas:
        yield Line(
            LAMBDA,
            f"{use.what}, {use.memory_mib:,} MB, {use.architecture}",
            gb_seconds(use.memory_mib, use.billed_ms),
            "GB-s",
            prices.lambda_gb_second[use.architecture],
        )
    invocations = sum(use.invocations for use in usage.lambdas)
    yield Line(LAMBDA, "requests", Decimal(invocations), "requests", prices.lambda_request)
    milliseconds = sum(use.billed_ms for use in usage.lambdas)
    more = usage.storage_mib - FREE_STORAGE_MIB
    yield Line(
        LAMBDA,
        f"temporary storage above {FREE_STORAGE_MIB} MB",
        gb_seconds(more, milliseconds),
        "GB-s",
        prices.lambda_storage_gb_second,
    )


def _step_functions(usage: Usage, prices: Prices) -> Iterator[Line]:
    """Yield the lines of Step Functions.

    A Distributed Map is charged one transition for each child that it starts, of whatever type
    (docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html); a STANDARD child then one for
    each state, an EXPRESS one for the request and its time.
    """
    transitions = Decimal(usage.transitions), "transitions", prices.transition
    yield Line(TRANSITIONS, "of the execution, with retries", *transitions)
    yield Line(CHILDREN, "started", Decimal(usage.children), "transitions", prices.transition)
    if usage.child_type == EXPRESS:
        yield Line(CHILDREN, "EXPRESS, requests", Decimal(usage.children), "requests", prices.express_request)
        spent = gb_seconds(EXPRESS_MIB, usage.child_ms)
        yield Line(CHILDREN, f"EXPRESS, time with {EXPRESS_MIB} MB", spent, "GB-s", prices.express_gb_second)
    else:
        states = Decimal(usage.child_states)
        yield Line(CHILDREN, "STANDARD, their states, with retries", states, "transitions", prices.transition)


def _s3(usage: Usage, prices: Prices) -> Iterator[Line]:
    yield Line(REQUESTS, "GET and HEAD", Decimal(usage.reads), "requests", prices.s3_read)
    yield Line(REQUESTS, "PUT, COPY, POST and LIST", Decimal(usage.writes), "requests", prices.s3_write)
    months = usage.intermediate_days * 24 / HOURS_A_MONTH
    kept = Decimal(usage.intermediate_bytes) / GB * months
    days = f"{usage.intermediate_days.normalize():f}"
    period = "1 day" if usage.intermediate_days == 1 else f"{days} days"
    yield Line(STORAGE, f"intermediate objects, {period}", kept, "GB-months", prices.s3_gb_month)
