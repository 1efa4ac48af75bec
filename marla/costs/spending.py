"""Spending: parts of the bill that another choice makes smaller."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from .advice import WORTH_A_CHANGE, Advice
from .alternatives import Alternative, alternatives
from .bill import REQUESTS, bill, dollars
from .prices import Prices
from .usage import Usage

WORTH_SAVING = Decimal("0.05")  # of what the execution cost, and no less than a cent
REQUESTS_SHARE = Decimal("0.25")  # of what the execution cost
_TITLES = {
    "ChildExecutionType=EXPRESS": "EXPRESS children would cost less",
    "ChildExecutionType=STANDARD": "STANDARD children would cost less",
    "Architecture=arm64": "arm64 functions would cost less",
}
_ON_LAMBDA = {"Architecture=arm64"}  # what the machine of the local cloud cannot choose


def spending_advice(usage: Usage, prices: Prices) -> Iterator[Advice]:
    """Yield advice on the type of children and the processor, and on requests to S3."""
    now = bill(usage, prices)
    for other in alternatives(usage, prices):
        wanted = other.option in _TITLES and not (usage.local and other.option in _ON_LAMBDA)
        worth = max(WORTH_A_CHANGE, WORTH_SAVING * now.total)
        if wanted and not other.refusal and -other.difference[1] > worth:
            yield _cheaper(other, now.total)
    requests = now.parts.get(REQUESTS, Decimal(0))
    tasks = max(1, usage.children)
    if requests > max(WORTH_A_CHANGE, REQUESTS_SHARE * now.total):
        text = (
            f"Requests to S3 are {requests / now.total:.0%} of the bill: {usage.reads:,} reads and "
            f"{usage.writes:,} writes, {(usage.reads + usage.writes) / tasks:.0f} a task. Each reducer asks "
            "for its share of each mapper's output: fewer partitions, or larger splits, need fewer."
        )
        yield Advice("Requests to S3 are much of the bill", text, "--split-bytes")


def _cheaper(other: Alternative, now: Decimal) -> Advice:
    saves = -other.difference[1]
    text = (
        f"The execution would have cost {dollars(other.high)} instead of {dollars(now)}. {other.assumption}"
    )
    return Advice(_TITLES[other.option], text, other.option, saves)
