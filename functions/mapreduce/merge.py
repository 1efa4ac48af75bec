"""The streaming k-way merge of sorted groups."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from .errors import BadKey
from .segments import Group

_key = itemgetter(0)
_values = itemgetter(1)


def merge(streams: list[Iterator[Group]]) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Yield each key once, in order, with all of its values: the first stream's first, each in its order.

    The order of values follows from the streams alone, never from timing. A key's values must be used before
    the next key is asked for. Raises BadKey if keys cannot be compared with each other.
    """
    merged = _in_order(streams) if len(streams) > 1 else streams[0]
    for key, groups in groupby(merged, key=_key):
        yield key, chain.from_iterable(map(_values, groups))


def _in_order(streams: list[Iterator[Group]]) -> Iterator[Group]:
    # Keys are compared as groups are asked for, which most often is while a key's values are being used.
    try:
        yield from heapq.merge(*streams, key=_key)
    except TypeError as error:
        if "not supported between instances" not in str(error):
            raise
        raise BadKey(f"a job's keys must be of one kind, to be sorted: {error}") from error
