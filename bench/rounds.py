"""Rounds: contenders measured in turn, A B C A B C, so that a machine that slows down slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")
Say = Callable[[str], None]


def interleaved(
    contenders: Mapping[str, Callable[[], T]],
    rounds: int,
    seconds: float,
    say: Say,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, list[T]]:
    """Run each contender once a round; return what they returned, run by run.

    Args:
        contenders: what to run, by name.
        rounds: how many there should be.
        seconds: a budget: no round is begun that would end beyond it if it took as long as the one before.
            There is always one.
        say: told of each round that is over, and of rounds that are left out.
    """
    runs: dict[str, list[T]] = {name: [] for name in contenders}
    began = clock()
    for number in range(1, rounds + 1):
        start = clock()
        for name, run in contenders.items():
            runs[name].append(run())
        now = clock()
        say(f"  round {number} of {rounds}: {now - start:.1f} s")
        if number < rounds and now - began + (now - start) > seconds:
            say(f"  the budget of {seconds:.0f} s is spent: {number} rounds instead of {rounds}")
            break
    return runs
