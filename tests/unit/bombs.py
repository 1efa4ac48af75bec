"""Run by itself: maps objects that are small until they are decompressed, and tells the memory it takes.

Prints a line of JSON for each: its name, its bytes, its bytes decompressed, the outcome, and the most MiB
that the process has had so far. Not in the process of the tests, which has had more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest

from mapreduce import Job, catalogue
from mapreduce.errors import MarlaError
from mapreduce.events import MapTask
from mapreduce.invocation import STATUS
from mapreduce.map_task import run_map_task
from tests.unit.cuts import COMPRESSORS
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, JOBS, map_event, piece

MIB = 1 << 20
LONGEST = 16_000_000  # bytes of a record


class Bomb(NamedTuple):
    """`text` as often as it is `size` bytes, between `first` and `last`, in streams of `part` bytes."""

    name: str
    suffix: str
    format: Any
    text: bytes
    size: int
    job: str = "nothing"
    part: int = 16 * MIB
    first: bytes = b""
    last: bytes = b""

    @property
    def data(self) -> bytes:
        """The object."""
        compress = COMPRESSORS[self.suffix]
        part = min(self.part, self.size)
        streams = compress(self.text * (part // len(self.text))) * (self.size // part)
        return compress(self.first) + streams + compress(self.last)


# One record, far too long.
LINES = [Bomb(f"a line in {suffix}", suffix, "text", b"0", 1024 * MIB) for suffix in COMPRESSORS]
# One record, as long as it may be, of which Python makes as many objects as can be.
RECORDS = [
    Bomb("a line of words", ".gz", "text", b"ab ", LONGEST - 9, "wordcount"),
    Bomb("a row of numbers", ".gz", "csv", b"10,", LONGEST - 9),
    Bomb("a list of lists", ".gz", "jsonl", b"[],", LONGEST - 9, first=b"[", last=b"0]"),
    Bomb("a list of objects", ".gz", "jsonl", b'{"a":1},', LONGEST - 9, first=b"[", last=b"0]"),
]
# Very many records.
MANY = [
    Bomb("blank lines of csv", ".gz", "csv", b"\n", 32 * MIB),
    Bomb("blank lines of text", ".bz2", "text", b"\n", 4 * MIB),
    Bomb("records of a byte", ".zst", {"type": "fixed", "length": 1}, b"0", 4 * MIB),
    Bomb("records of JSON", ".zst", "jsonl", b"0\n", 4 * MIB),
]
# One record that is an object.
OBJECTS = [Bomb("an object", ".gz", "whole", b"0", 1024 * MIB)]


class Nothing(Job):
    """Yield nothing for any record."""

    def map(self, record: Any) -> Iterable[Any]:
        return ()


def outcome_of(bomb: Bomb, data: bytes) -> str:
    """Return how many records were mapped, or the error."""
    _, store = memory_store(INPUT, {"bomb" + bomb.suffix: data})
    pieces = [piece("bomb" + bomb.suffix, 0, len(data))]
    event = map_event(bomb.job, pieces, format=bomb.format, maxRecordBytes=LONGEST)
    try:
        counters = run_map_task(MapTask.from_event(event), store, JOBS)
    except MarlaError as error:
        return f"{type(error).__name__}: {error}"
    return f"{counters['recordsIn']} records"


def main() -> None:
    """Map all of them."""
    real = catalogue.find
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "find", lambda name: Nothing if name == "nothing" else real(name))
        for bomb in (*LINES, *OBJECTS, *MANY, *RECORDS):
            data = bomb.data
            outcome = outcome_of(bomb, data)
            peak = int(STATUS.read_text().partition("VmHWM:")[2].split()[0]) >> 10
            print(json.dumps([bomb.name, len(data), bomb.size, outcome, peak]), flush=True)


if __name__ == "__main__":
    main()
