"""The halving: which pairs of outputs each step reduces, until one is left, which is the result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Reduction(NamedTuple):
    """A reducer's task: what it reads and writes."""

    keys: list[str]
    output: str


def halving(keys: list[str], prefix: str) -> Iterator[list[Reduction]]:
    """Yield the steps that reduce some map outputs to `{prefix}result`, each as the tasks that it has."""
    step = 0
    while len(keys) > 1:
        step += 1
        pairs = [keys[first : first + 2] for first in range(0, len(keys), 2)]
        outputs = [
            f"{prefix}step-{step}/{task}" if len(pairs) > 1 else f"{prefix}result"
            for task in range(len(pairs))
        ]
        yield [Reduction(*task) for task in zip(pairs, outputs, strict=True)]
        keys = outputs
