"""A property test of combiners: whether one runs, how often and for which values, makes no difference.

The engine combines a key's values where that saves something: some in the mapper, some in a later step, none
where a key has but one. What `reduce` makes of them must not depend on it.
"""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Mapping
from itertools import chain, groupby, islice, repeat
from typing import Any

from .in_memory import Records, mapped, through_json
from .job import Job, Key, Pair, Value
from .keys import sort_keys

SHOWN_CHARACTERS = 2000  # of what a message shows, at most


def check_combiner(
    job: Job,
    samples: Records,
    *,
    tolerance: float = 1e-9,
    trials: int = 50,
    seed: int = 0,
) -> None:
    """Check, in a job's unit test, that `reduce` gives the same rows however its values were combined.

    Maps the samples. For each key that has several values, cuts them into runs at random, combines each run,
    then runs of the results, and so on, and compares the rows with those for the values as they were. As
    between workers, values go through JSON, and a run of one value stays as it is. Give keys of three values
    and more: two are always combined at once.

    Args:
        job: the job, with its parameters.
        samples: records as for `run`: those of the input, or of each input by its name.
        tolerance: how much floats in the rows may differ, relative to the larger one.
        trials: how many ways of combining are tried for each key.
        seed: of the random cuts.

    Raises:
        AssertionError: combine changes the rows, or the values that it gets; or it raises, or returns
            something that JSON cannot say. The message shows key, values, how they were combined, and both
            results.
        ValueError: the job has no combine, or no key of the samples has two values.
    """
    name = type(job).__name__
    if not job.combines:
        raise ValueError(f"{name} has no combine; there is nothing to check")
    groups = mapped(job, samples)
    if all(len(values) < 2 for values in groups.values()):
        raise ValueError(f"no key of the samples has two values for {name} to combine; give more samples")
    numbers = random.Random(seed)  # noqa: S311 - the same cuts in each run
    keys = sort_keys(groups, descending=job.descending)
    for group, keys_of_group in groupby(keys, key=job.group_of):
        of_group = {key: groups[key] for key in keys_of_group}
        expected = _reduce(job, group, of_group)
        for key, values in of_group.items():
            for trial in range(trials if len(values) > 1 else 0):
                attempt = _Attempt(job, key, values)
                attempt.combine(numbers, at_once=trial == 0)
                attempt.check_rows(group, of_group, expected, tolerance)


def _reduce(job: Job, group: Key, values: Mapping[Key, list[Value]]) -> list[Pair]:
    return list(job.reduce(group, iter(through_json(list(chain.from_iterable(values.values()))))))


class _Run(tuple[Any, ...]):
    """Values that were combined with each other, some of them runs themselves; for messages."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"combine({', '.join(map(repr, self))})"


class _Attempt:
    """One way of combining a key's values.

    Attributes:
        left: what the values are combined to so far.
        history: for each of these the value as it was, or the run that it was combined from.
    """

    def __init__(self, job: Job, key: Key, values: list[Value]) -> None:
        self.left = copy.deepcopy(values)  # a wrong combine may change them
        self.history: list[Any] = list(values)
        self._job = job
        self._key = key
        self._values = values

    def combine(self, numbers: random.Random, *, at_once: bool) -> None:
        """Combine runs of values, then of the results, and so on; or all values at once."""
        rounds_in_mapper = numbers.randint(0, 2)  # in which nothing goes through JSON
        for round in range(len(self._values)):
            if round >= rounds_in_mapper:
                self.left = through_json(self.left)
            self._combine_runs([len(self.left)] if at_once else _lengths(len(self.left), numbers))
            # Not always down to one: reduce gets the results of several workers.
            if len(self.left) == 1 or numbers.random() < 0.3:
                return

    def _combine_runs(self, lengths: list[int]) -> None:
        values, history = iter(self.left), iter(self.history)
        self.left, self.history = [], []
        for length in lengths:
            run = list(islice(values, length))
            of_run = _Run(islice(history, length))
            self.left.append(run[0] if length == 1 else self._call(run, of_run))
            self.history.append(of_run[0] if length == 1 else of_run)

    def _call(self, run: list[Value], of_run: _Run) -> Value:
        before = json.dumps(run)
        try:
            result = self._job.combine(self._key, run)
        except Exception as error:
            raise self._failure(f"raises {error!r}", combined_as=repr(of_run), gets=before) from error
        try:
            json.dumps(result, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            what = f"returns what JSON cannot say ({error})"
            raise self._failure(what, combined_as=repr(of_run), returns=repr(result)) from error
        if (after := json.dumps(run)) != before:
            what = "changes the values that it gets"
            raise self._failure(what, combined_as=repr(of_run), gets=before, leaves=after)
        return result

    def check_rows(
        self, group: Key, of_group: Mapping[Key, list[Value]], expected: list[Pair], tolerance: float
    ) -> None:
        """Raise AssertionError unless reduce gives the expected rows."""
        shown = {"combined_as": repr(self.history), "reduce_gets": json.dumps(self.left)}
        try:
            found = _reduce(self._job, group, {**of_group, self._key: self.left})
        except Exception as error:
            what = f"returns what reduce cannot read: {error!r}"
            raise self._failure(what, **shown) from error
        if not _same(found, expected, tolerance):
            raise self._failure("changes the result", **shown, rows=repr(found), instead_of=repr(expected))

    def _failure(self, what: str, **shown: str) -> AssertionError:
        lines = [f"combine of {type(self._job).__name__} {what}, for key {self._key!r}"]
        for name, text in {"values": repr(self._values), **shown}.items():
            cut = f"{text[:SHOWN_CHARACTERS]}..." if len(text) > SHOWN_CHARACTERS else text
            lines.append(f"  {name.replace('_', ' '):<12} {cut}")
        return AssertionError("\n".join(lines))


def _lengths(count: int, numbers: random.Random) -> list[int]:
    """Cut so many values into runs at random, and return their lengths."""
    longest = numbers.randint(2, count)
    lengths = []
    while count:
        lengths.append(min(count, numbers.randint(1, longest)))
        count -= lengths[-1]
    return lengths


def _same(one: Any, other: Any, tolerance: float) -> bool:
    """Say whether a result shows two values alike: lists as tuples, but 1 and 1.0 and True differ."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other, repeat(tolerance)))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key], tolerance) for key in one)
    if type(one) is float and type(other) is float:
        return math.isclose(one, other, rel_tol=tolerance)
    return type(one) is type(other) and bool(one == other)
