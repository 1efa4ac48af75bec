"""All that the numbers of an execution advise; nothing if they warrant nothing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from mapreduce.record import TaskRecord

from .advice import Advice
from .attempts import attempts_advice
from .balance import balance_advice
from .headroom import memory_advice
from .prices import Prices
from .spending import spending_advice
from .usage import Usage


def advise(records: Sequence[TaskRecord], usage: Usage, prices: Prices) -> tuple[Advice, ...]:
    """Return what is advised, what saves most first, and what is not about money last."""
    found = [
        *memory_advice(usage, prices),
        *spending_advice(usage, prices),
        *balance_advice(records, usage, prices),
        *attempts_advice(records, prices),
    ]
    return tuple(sorted(found, key=lambda advice: advice.saves or Decimal(0), reverse=True))
