"""How many mappers an input makes with splits of another size: reckoned as the state machine plans them.

It lists pages of objects, lays each page out as one tape of bytes, each object behind a fixed cost, and cuts
the tape every so many bytes. So many small objects share a mapper, but no mapper has objects of two pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mapreduce.record import TaskRecord

# As statemachine/mapreduce.asl.yaml has them.
FIXED_BYTES = 262_144  # of an object on the tape, before its own
_PAGE_KEYS, _FEW_KEYS = 180, 22  # that are listed at once, and how few there are no fewer of for their size
_MOST_PIECES, _TEXT_BYTES, _PIECE_BYTES = 1000, 160_000, 130  # of a page
_MOST_GROWTH = 4  # times what was asked for, before fewer objects are listed at once

_NOT_PRINTED = re.compile(r"[^ -~]")  # takes 4 bytes at most
_WHOLE = re.compile(r"\.(gz|bz2|zst)$", re.IGNORECASE)


@dataclass(frozen=True)
class InputObject:
    """An object of the input."""

    bucket: str
    key: str
    size: int


def objects_of(mappers: Sequence[TaskRecord]) -> list[InputObject]:
    """Return the objects that all mappers of a stage read, as they were listed; none if they do not tell all.

    A record has the first ten of its objects; where there were more, nobody knows the sizes of the others.

    Args:
        mappers: in the order of their numbers.
    """
    sizes: dict[tuple[str, str], int] = {}
    for number, one in enumerate(mappers):
        if one.task != number or not one.ranges or one.objects > len(one.ranges):
            return []
        for piece in one.ranges:
            place = piece.bucket, piece.key
            if piece.start != sizes.get(place, 0):  # a piece is missing, or the object is in two inputs
                return []
            sizes[place] = piece.end
    return [InputObject(*place, size) for place, size in sizes.items()]


def mappers_for(objects: Sequence[InputObject], split_bytes: int) -> int:
    """Return how many mappers there would be with such splits, at the least.

    There may be a few more. Records do not tell where one input ends and the next begins, in the same bucket
    with later keys, nor where there are empty objects; but each input, and each page, has mappers of its own.
    """
    return sum(_batches(page, split) for page, split in _pages(_inputs(objects), split_bytes))


def _inputs(objects: Sequence[InputObject]) -> list[list[InputObject]]:
    """Return objects by the input that they are of: within one, keys are in their order."""
    inputs = [list(objects[:1])]
    for before, one in pairwise(objects):
        if one.bucket == before.bucket and one.key.encode() > before.key.encode():
            inputs[-1].append(one)
        else:
            inputs.append([one])
    return inputs


def _pages(
    inputs: Sequence[Sequence[InputObject]], split_bytes: int
) -> Iterator[tuple[Sequence[InputObject], int]]:
    """Yield the pages in which inputs are listed, and the splits of each: larger ones if it had too many."""
    keys = _PAGE_KEYS
    for objects in inputs:
        first = 0
        while first < len(objects):
            page = objects[first : first + keys]
            longest = max(_text_bytes(one.key) for one in page)
            pieces = _TEXT_BYTES // (longest + _PIECE_BYTES) - 2 * len(page)
            least = -(-sum(one.size for one in page) // max(1, min(_MOST_PIECES, pieces)))
            if keys > 1 and (pieces <= 0 or (least > _MOST_GROWTH * split_bytes and keys > _FEW_KEYS)):
                keys //= 2
                continue
            yield page, max(split_bytes, least)
            first += len(page)


def _text_bytes(key: str) -> int:
    return len(_NOT_PRINTED.sub("....", json.dumps([key], ensure_ascii=False)))


def _batches(page: Sequence[InputObject], split_bytes: int) -> int:
    """Return how many parts of a page's tape have something of an object."""
    count, last, end = 0, -1, 0
    for one in page:
        begin = end + FIXED_BYTES
        end = begin + one.size
        first = begin // split_bytes
        stop = first if _WHOLE.search(one.key) else -(-end // split_bytes) - 1
        count += max(0, stop - max(first - 1, last))
        last = max(last, stop)
    return count
