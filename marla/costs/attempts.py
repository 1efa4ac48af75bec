"""Attempts: those that failed and were made again, and those that had to wait for their environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from mapreduce.record import TaskRecord

from .advice import Advice
from .bill import gb_seconds
from .prices import Prices

MANY_FAILED, FAILED_SHARE = 3, 0.02  # attempts, and of all: fewer are nothing to act on
MANY_COLD, COLD_SHARE = 10, 0.2  # cold starts, and of all time that Lambda billed
NAMES = 3  # of errors that are told
_STORAGE = {"StorageUnavailable"}


def attempts_advice(records: Sequence[TaskRecord], prices: Prices) -> Iterator[Advice]:
    """Yield advice on attempts that failed, and on cold starts."""
    yield from _failed(records, prices)
    yield from _cold(records)


def _failed(records: Sequence[TaskRecord], prices: Prices) -> Iterator[Advice]:
    failed = [one for one in records if one.error]
    if len(failed) < max(MANY_FAILED, FAILED_SHARE * len(records)):
        return
    names = Counter(one.error for one in failed).most_common(NAMES)
    told = ", ".join(f"{name} ({count:,})" for name, count in names)
    text = f"{len(failed):,} of {len(records):,} attempts failed: {told}. What they took was billed."
    option = ""
    if names[0][0] in _STORAGE:
        text += " S3 asks for fewer requests at once, or fails: fewer workers at once ask less of it."
        option = "--concurrency"
    yield Advice(
        "Many attempts failed", text, option, sum((_cost(one, prices) for one in failed), Decimal(0))
    )


def _cold(records: Sequence[TaskRecord]) -> Iterator[Advice]:
    cold = [one for one in records if one.cold_start]
    billed = sum(one.billed_ms for one in records)
    started = sum(one.init_seconds for one in cold) * 1000
    if len(cold) < MANY_COLD or started < COLD_SHARE * billed:
        return
    text = (
        f"{len(cold):,} of {len(records):,} attempts began in a new environment, and starting those took "
        f"{started / billed:.0%} of the time that Lambda billed. Fewer workers at once, or larger splits, "
        "make more use of each."
    )
    yield Advice("Much time went into starting workers", text, "--concurrency")


def _cost(record: TaskRecord, prices: Prices) -> Decimal:
    """Return what Lambda's time of an attempt cost; nothing if the record does not say enough."""
    price = prices.lambda_gb_second.get(record.architecture, Decimal(0))
    return gb_seconds(record.memory_mib, record.billed_ms) * price
