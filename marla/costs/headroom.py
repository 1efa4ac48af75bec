"""Memory: how much of it functions held, and how much would do.

The peak is what an execution environment held since it started, whichever of its tasks that was for. A worker
that runs SQL takes up to half of what its function has, and puts the rest on its disk: with less memory it
holds less, and may take longer. Tasks that an earlier execution had done, and those of a phase that failed,
do not say how much such tasks hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from .advice import WORTH_A_CHANGE, Advice
from .alternatives import HEADROOM, NOUNS, ONE_PROCESSOR, with_memory
from .bill import bill, dollars
from .prices import Prices
from .usage import Usage

LEAST, MOST, STEP = 512, 10240, 128  # MiB: what the template takes, and what is not too fussy
SHORT = 0.85  # of a function's memory: more is a risk
WORTH = 0.75  # of a function's memory: a size above that is not worth a deployment
WORTH_SAVING = Decimal("0.02")  # of what the execution cost, and no less than a cent


def memory_advice(usage: Usage, prices: Prices) -> Iterator[Advice]:
    """Yield advice on functions that have too little memory, and on those that have too much."""
    for function, peak in usage.peaks:
        sizes = {use.memory_mib for use in usage.lambdas if use.function == function}
        if peak and len(sizes) == 1:
            memory = sizes.pop()
            if peak > SHORT * memory:
                yield _short(function, peak, memory)
            elif function in usage.measured:
                yield from _ample(usage, prices, function, peak, memory)


def fitting(peak_mib: int) -> int:
    """Return the smallest sensible memory, in MiB, of a function that held so much at the most."""
    return min(MOST, max(LEAST, math.ceil(peak_mib * HEADROOM / STEP) * STEP))


def _short(function: str, peak: int, memory: int) -> Advice:
    noun = NOUNS[function]
    text = (
        f"A {noun} held {peak:,} of {memory:,} MB, {peak / memory:.0%} of what it has. One with a little "
        "more to do may be killed for it."
    )
    if memory >= MOST:
        less = "--split-bytes" if function == "map" else "--partitions"
        return Advice(f"{noun.capitalize()}s are short of memory", f"{text} Give each less to do.", less)
    enough = max(fitting(peak), min(MOST, memory + STEP))
    option = f"{noun.capitalize()}Memory={enough}"
    return Advice(
        f"{noun.capitalize()}s are short of memory", f"{text} {enough:,} MB leave some to spare.", option
    )


def _ample(usage: Usage, prices: Prices, function: str, peak: int, memory: int) -> Iterator[Advice]:
    enough = fitting(peak)
    if memory > ONE_PROCESSOR:
        enough = max(enough, ONE_PROCESSOR)  # which costs no time
    other = with_memory(usage, prices, function, enough)
    if other is None or other.refusal or enough > WORTH * memory:
        return
    saves = -other.difference[0]
    if saves < max(WORTH_A_CHANGE, WORTH_SAVING * bill(usage, prices).total):
        return
    noun = NOUNS[function]
    text = f"{noun.capitalize()}s held {peak:,} of {memory:,} MB at the most: {enough:,} MB would do. "
    if enough >= ONE_PROCESSOR:
        text += "They would take as long, for one thread has the whole processor of 1,769 MB."
    else:
        slower = min(memory, ONE_PROCESSOR) / enough
        text += (
            f"As far as they wait for S3 that saves up to {dollars(saves)}; as far as they compute it saves "
            f"nothing and takes up to {slower:.2g} times as long, for less than 1,769 MB have less than one "
            "processor."
        )
    title = f"{noun.capitalize()}s have more memory than they hold"
    yield Advice(title, text, f"{noun.capitalize()}Memory={enough}", saves)
