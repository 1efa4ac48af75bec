"""The streaming k-way merge of sorted groups."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from .keys import not_comparable
from .segments import Group

Merged = Iterator[tuple[Any, Iterator[Any]]]  # each key once, with all of its values

_key = itemgetter(0)
_values = itemgetter(1)


def merge(
    streams: list[Iterator[Group]], *, descending: bool = False, largest: Largest | None = None
) -> Merged:
    """Yield each key once, in order, with all of its values: the first stream's first, each in its order.

    The order of values follows from the streams alone, never from timing. A key's values must be used before
    the next key is asked for. Raises BadKey if keys cannot be compared with each other.

    Args:
        streams: of groups in the order of keys; a key may have several groups.
        descending: whether that is the descending order.
        largest: sees all groups in their order.
    """
    merged = streams[0]
    if len(streams) > 1:
        merged = heapq.merge(*streams, key=_key, reverse=descending)
    merged = largest.of(merged) if largest else _all_of(merged)
    values_of = chain.from_iterable
    for key, groups in groupby(merged, key=_key):
        yield key, values_of(map(_values, groups))


def by_group(merged: Merged, group_of: Callable[[Any], Any]) -> Merged:
    """Yield keys' groups in place of the keys, each with the values of all of its keys, in their order."""
    for group, pairs in groupby(merged, key=lambda pair: group_of(pair[0])):
        yield group, chain.from_iterable(map(_values, pairs))


class Largest:
    """Finds the key that has most values, the first of several: where skew shows.

    Args:
        group_of: returns what to count the values of, a key's group, if that is not the key.
        most: how many values a key may have, if that is known: with so many it is the largest for sure.

    Attributes:
        key: None if there are no keys at all. Known when all went by.
        values: how many it has.
    """

    def __init__(self, group_of: Callable[[Any], Any] | None = None, most: int = 0) -> None:
        self.key: Any = None
        self.values = 0
        self._group_of = group_of
        self._most = most

    def of(self, groups: Iterator[Group]) -> Iterator[Group]:
        """Yield the groups as they are. What this does it does for each of them, so it is little."""
        group_of = self._group_of
        key: Any = None
        counted: Any = None
        count = 0
        with _comparing():
            for some in groups:
                next_key, values = some
                if next_key == key:
                    count += len(values)
                elif group_of and count and group_of(next_key) == counted:
                    key = next_key
                    count += len(values)
                else:
                    if count > self.values:
                        self.key, self.values = counted, count
                        if count == self._most:
                            yield some
                            break
                    key = next_key
                    counted = group_of(key) if group_of else key
                    count = len(values)
                yield some
            if count > self.values:
                self.key, self.values = counted, count
            yield from groups


def _all_of(groups: Iterator[Group]) -> Iterator[Group]:
    with _comparing():
        yield from groups


@contextmanager
def _comparing() -> Iterator[None]:
    """Raise BadKey for keys that cannot be compared.

    They are compared as groups are asked for, which most often is while a key's values are being used.
    """
    try:
        yield
    except TypeError as error:
        if "not supported between instances" not in str(error):
            raise
        raise not_comparable(error) from error
