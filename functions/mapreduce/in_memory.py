"""A job applied in memory, without a cloud: for its unit tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, groupby
from typing import Any

from .errors import BadResult
from .job import NO_PAIR, Job, Key, Pair, Value
from .keys import check_key, sort_keys
from .place import Place

Records = Iterable[Any] | Mapping[str, Iterable[Any]]  # those of the input; or of each input, by its name


def run(job: Job, records: Records) -> Iterator[Pair]:
    """Apply a job in memory, for unit tests: yield its result rows in the order of keys.

    Combine (if there is one) is applied to halves of a key's values, as map yielded them, and then to the
    halves' results. What it gets then, and what reduce gets, went through JSON, as it does between workers.
    While a record is mapped, `place.offset` is its index.
    """
    groups = mapped(job, records)
    keys = sort_keys(groups, descending=job.descending)
    for group, keys_of_group in groupby(keys, key=job.group_of):
        values = chain.from_iterable(_combined(job, key, groups[key]) for key in keys_of_group)
        yield from _pairs("reduce", job.reduce(group, values))


def mapped(job: Job, records: Records) -> dict[Key, list[Value]]:
    """Return what a job's map yields for records: the values of each key."""
    groups: dict[Key, list[Value]] = {}
    inputs = records if isinstance(records, Mapping) else {"": records}
    for number, (name, some) in enumerate(inputs.items()):
        job.place = Place(name, number)
        for index, record in enumerate(some):
            if job.accepts is not None and not job.accepts(record):
                continue
            job.place.of_records(partial(int, index))
            for key, value in _pairs("map", job.map(record)):
                check_key(key)
                groups.setdefault(key, []).append(value)
    return groups


def through_json(values: list[Value]) -> list[Value]:
    """Return values as they are after a way from worker to worker. Raises what JSON cannot say."""
    through: list[Value] = json.loads(json.dumps(values, allow_nan=False))
    return through


def _combined(job: Job, key: Key, values: list[Value]) -> list[Value]:
    if job.combines and len(values) > 1:
        middle = len(values) // 2
        halves = [job.combine(key, values[:middle]), job.combine(key, values[middle:])]
        values = [job.combine(key, through_json(halves))]
    return through_json(values)


def _pairs(method: str, yielded: Iterable[Pair]) -> Iterator[Pair]:
    for pair in yielded:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise BadResult(f"{method} yielded {pair!r}, {NO_PAIR}")
        yield pair
