"""Entries of the corpus of bad data, and what a whole job makes of one.

An entry is the bytes of an object and a format, with the records that a job's map gets and where each begins,
and what is set aside, where and why; or the error that there is instead. That is the same wherever the object
is cut and however it is compressed, and the tests look at all of that for each entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from mapreduce import Job, catalogue
from mapreduce.errors import BadRecord, MarlaError
from tests.unit.cuts import COMPRESSORS
from tests.unit.memory_s3 import MemoryS3, memory_store
from tests.unit.pipeline import INPUT, JOBS, run_pipeline

ENOUGH = 1000  # bad records that are tolerated
LONGEST = 20 << 20  # bytes of a record
WHOLE = 1 << 30  # bytes that no object is larger than, so that it is not cut


@dataclass(frozen=True)
class Entry:
    """An object of bad data, and what becomes of it.

    Attributes:
        records: where each begins, in bytes, and what map gets.
        rejects: where each begins, and a part of the reason.
        error: what ends the job, whatever it tolerates, and a part of its message.
        key: the object's name.
        compressible: whether the object can be cut, and the same is true of the same data compressed.
    """

    name: str
    data: bytes
    format: Any
    records: tuple[tuple[int, Any], ...] = ()
    rejects: tuple[tuple[int, str], ...] = ()
    error: tuple[type[MarlaError], str] | None = None
    key: str = "data"
    compressible: bool = True

    def __str__(self) -> str:
        return self.name


class Found(NamedTuple):
    """What a job made of an object."""

    records: list[tuple[int, Any]]
    rejects: list[dict[str, Any]]
    counted: tuple[int, int]  # records in, rejects


class Witness(Job):
    """Tell all records, and where they begin."""

    output = "jsonl"
    columns = ("offset", "record")

    def map(self, record: Any) -> Iterator[tuple[int, list[Any]]]:
        yield self.place.offset, [record]

    def reduce(self, key: int, values: Iterable[list[Any]]) -> Iterator[tuple[int, list[Any]]]:
        yield from ((key, value) for value in values)


@contextmanager
def witness() -> Iterator[None]:
    """The catalogue has the job `witness` besides its own."""
    real = catalogue.find
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "find", lambda name: Witness if name == "witness" else real(name))
        yield


def made_of(data: bytes, format: Any, key: str = "data", **options: Any) -> Found:
    """Return what a job makes of an object, from its map tasks to its result."""
    s3, _ = memory_store(INPUT, {key: data})
    settings = {"maxBadRecords": ENOUGH, "maxRecordBytes": LONGEST, "format": format} | options
    with witness():
        outcome = run_pipeline(s3, "witness", {key: len(data)}, **settings)
    rows = [json.loads(line) for part in outcome.parts for line in part.split(b"\n") if line]
    return Found(
        [(row["offset"], row["record"]) for row in rows],
        rejects_in(s3),
        (sum(task["recordsIn"] for task in outcome.mapped), sum(task["rejects"] for task in outcome.mapped)),
    )


def rejects_in(s3: MemoryS3) -> list[dict[str, Any]]:
    """Return what a job has set aside, in the order of the input's one object."""
    objects = [
        data.data for (bucket, key), data in s3.objects.items() if bucket == JOBS and "/rejects/" in key
    ]
    rejects = [json.loads(line) for data in objects for line in data.split(b"\n") if line]
    return sorted(rejects, key=lambda reject: int(reject["offset"]))


def check_entry(entry: Entry) -> None:
    """Assert that what is true of an entry is what happens: whole, cut, compressed, and without tolerance."""
    size = len(entry.data)
    ways = [(entry.key, entry.data, WHOLE)]
    if entry.compressible:
        ways += [(entry.key, entry.data, split_bytes) for split_bytes in (max(7, size // 12), size // 15 + 1)]
        ways += [
            (entry.key + suffix, compress(entry.data), WHOLE) for suffix, compress in COMPRESSORS.items()
        ]
    if size > 1 << 20:
        ways = [(entry.key, entry.data, size // 3), *ways[3:4]]  # cut, and in gzip
    for key, data, split_bytes in ways:
        if entry.error:
            kind, message = entry.error
            with pytest.raises(kind) as caught:
                made_of(data, entry.format, key, split_bytes=split_bytes)
            assert message in str(caught.value)
            continue
        found = made_of(data, entry.format, key, split_bytes=split_bytes)
        assert found.records == list(entry.records)
        assert found.counted == (len(entry.records) + len(entry.rejects), len(entry.rejects))
        assert [reject["offset"] for reject in found.rejects] == [offset for offset, _ in entry.rejects]
        for reject, (offset, reason) in zip(found.rejects, entry.rejects, strict=True):
            assert reason in reject["reason"]
            assert reject["object"] == f"s3://{INPUT}/{key}"
            begin = entry.data[offset : offset + 2000].decode(errors="backslashreplace")
            assert begin.startswith(reject["record"][:100])
        if entry.rejects:
            offset, reason = entry.rejects[0]
            with pytest.raises(BadRecord) as caught:
                made_of(data, entry.format, key, split_bytes=WHOLE, maxBadRecords=0)
            where = f"s3://{INPUT}/{key} at byte {offset}"
            if key != entry.key:
                where += " of the decompressed data"
            assert str(caught.value).startswith(f"{where}: ")
            assert reason in str(caught.value)
            assert len(str(caught.value)) < 2000
