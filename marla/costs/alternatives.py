"""What the same work would have cost under other choices: children, processors, memory.

Time with other memory is not known beforehand. Lambda's processor time is in proportion to memory, and 1,769
MB are one whole processor (docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html); our workers
compute in one thread. So a task that only computes takes 1769 / memory times as long below that, and one that
only waits for S3 takes as long as before; more than 1,769 MB hardly help either. The truth lies between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from .bill import bill
from .deployment import EXPRESS, STANDARD
from .prices import Prices
from .usage import LambdaUse, Usage

SIZES = (512, 1024, 1769, 3008)
ONE_PROCESSOR = 1769  # MiB
LONGEST_EXPRESS = 240.0  # seconds: what the template allows, so that a task fits the 5 minutes of a child
LONGEST_TASK = 900.0  # seconds: Lambda's own limit
HEADROOM = 1.3  # what a function should have, times what it held at the most
NOUNS = {"map": "mapper", "reduce": "reducer"}


@dataclass(frozen=True)
class Alternative:
    """Another choice, and what the execution would have cost with it.

    Attributes:
        option: a parameter of the template, as NAME=VALUE.
        low, high: dollars in all; the same if nothing is uncertain.
        difference: `low` and `high` less what it cost: negative if it is cheaper.
        assumption: a sentence on what was taken to be so.
        refusal: why it would not have worked; nothing if it would.
    """

    title: str
    option: str
    low: Decimal
    high: Decimal
    difference: tuple[Decimal, Decimal]
    assumption: str
    refusal: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the alternative as JSON has it, in dollars."""
        return {
            "title": self.title,
            "option": self.option,
            "low": float(self.low),
            "high": float(self.high),
            "differenceLow": float(self.difference[0]),
            "differenceHigh": float(self.difference[1]),
            "assumption": self.assumption,
            "refusal": self.refusal,
        }


def alternatives(usage: Usage, prices: Prices) -> tuple[Alternative, ...]:
    """Return all other choices: the type of children, the processor, and memory, mappers' and reducers'.

    None where no task left a record, for nobody knows then how long one takes.
    """
    if not usage.slowest:
        return ()
    sizes = [with_memory(usage, prices, function, size) for function in NOUNS for size in SIZES]
    return (
        *_other_children(usage, prices),
        *_other_processor(usage, prices),
        *(other for other in sizes if other),
    )


def with_memory(usage: Usage, prices: Prices, function: str, memory_mib: int) -> Alternative | None:
    """Return what another memory size of a function would have cost; None if it has that, or did no task.

    Args:
        function: map or reduce.
    """
    uses = [use for use in usage.lambdas if use.function == function]
    if function not in dict(usage.slowest) or all(use.memory_mib == memory_mib for use in uses):
        return None
    factors = [_slowdown(use, memory_mib) for use in uses]
    totals = [
        bill(_resized(usage, function, memory_mib, computing=computing), prices).total
        for computing in (False, True)
    ]
    if max(factors) > 1:
        assumption = (
            f"Tasks take as long as they did, or up to {max(factors):.3g} times as long if they compute."
        )
    elif min(factors) < 1:
        assumption = f"Tasks take as long as they did, or down to {min(factors):.0%} of it if they compute."
    else:
        assumption = "Tasks take as long as they did: one thread has the whole processor of 1,769 MB already."
    noun = NOUNS[function]
    return Alternative(
        title=f"{noun}s with {memory_mib:,} MB",
        option=f"{noun.capitalize()}Memory={memory_mib}",
        **_range(usage, prices, totals),
        assumption=assumption,
        refusal=_memory_refusal(usage, function, memory_mib, max(factors)),
    )


def _other_children(usage: Usage, prices: Prices) -> Iterator[Alternative]:
    if not usage.children:
        return
    other = STANDARD if usage.child_type == EXPRESS else EXPRESS
    assumption = "Children take as long as they did, and pass the same states."
    refusal = ""
    if other == EXPRESS:
        assumption = (
            "Children take as long as they did. EXPRESS ones keep no history in which to look them up."
        )
        if usage.longest_child > LONGEST_EXPRESS:
            refusal = (
                f"A task took {usage.longest_child:.0f} s with its retries; EXPRESS children end after 5 "
                f"minutes, so the template gives their tasks {LONGEST_EXPRESS:.0f} s."
            )
    yield Alternative(
        title=f"{other} children",
        option=f"ChildExecutionType={other}",
        **_range(usage, prices, [bill(replace(usage, child_type=other), prices).total]),
        assumption=assumption,
        refusal=refusal,
    )


def _other_processor(usage: Usage, prices: Prices) -> Iterator[Alternative]:
    now = {use.architecture for use in usage.lambdas}
    for other in sorted(prices.lambda_gb_second):
        if now and now != {other}:
            lambdas = tuple(replace(use, architecture=other) for use in usage.lambdas)
            yield Alternative(
                title=f"{other} functions",
                option=f"Architecture={other}",
                **_range(usage, prices, [bill(replace(usage, lambdas=lambdas), prices).total]),
                assumption="Tasks take as long as they did; whether they do depends on the job.",
            )


def _range(usage: Usage, prices: Prices, totals: list[Decimal]) -> dict[str, Any]:
    now, low, high = bill(usage, prices).total, min(totals), max(totals)
    return {"low": low, "high": high, "difference": (low - now, high - now)}


def _slowdown(use: LambdaUse, memory_mib: int) -> float:
    """Return how many times as long a task takes with other memory, if all it does is compute."""
    return min(use.memory_mib, ONE_PROCESSOR) / min(memory_mib, ONE_PROCESSOR)


def _resized(usage: Usage, function: str, memory_mib: int, *, computing: bool) -> Usage:
    """Return the usage with other memory of a function; its time stays, unless its tasks only compute."""

    def resized(use: LambdaUse) -> LambdaUse:
        time = Decimal(use.billed_ms)
        if computing:  # in proportion to what it has of a processor
            time *= Decimal(min(use.memory_mib, ONE_PROCESSOR)) / min(memory_mib, ONE_PROCESSOR)
        return replace(use, memory_mib=memory_mib, billed_ms=time)

    lambdas = (resized(use) if use.function == function else use for use in usage.lambdas)
    return replace(usage, lambdas=tuple(lambdas))


def _memory_refusal(usage: Usage, function: str, memory_mib: int, slowdown: float) -> str:
    noun, peak = NOUNS[function], dict(usage.peaks).get(function, 0)
    if peak * HEADROOM > memory_mib:
        return f"A {noun} held {peak:,} MB, which would leave too little to spare."
    slowest = dict(usage.slowest).get(function, 0.0)
    if slowest * slowdown > LONGEST_TASK:
        return (
            f"The slowest {noun} took {slowest:.0f} s and could take {slowest * slowdown:.0f} s; "
            f"Lambda gives a task {LONGEST_TASK:.0f} s."
        )
    return ""
