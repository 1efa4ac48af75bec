"""Arbitrary bytes through all readers, cut anywhere: the same records, or the same error with a name."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapreduce import parsing
from mapreduce.errors import MarlaError
from mapreduce.events import MapTask, ReduceTask
from mapreduce.map_task import run_map_task
from mapreduce.reduce_task import run_reduce_task
from tests.unit.bad_data import rejects_in, witness
from tests.unit.cuts import COMPRESSORS, small_reads
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, JOBS, map_event, piece, read_all, reduce_event

FORMATS: list[Any] = [
    "text",
    "csv",
    {"type": "csv", "quote": ""},
    {"type": "csv", "header": True},
    {"type": "csv", "columns": ["a", "b"], "delimiter": "\t"},
    {"type": "csv", "columns": ["a", "b"], "header": True},
    "jsonl",
    {"type": "fixed", "length": 3},
    "whole",
]
SUFFIXES = ["", *COMPRESSORS]

# Scraps of what the formats are made of, and of what is wrong with them.
SCRAPS = [
    *(b"\n", b"\r\n", b"\r", b",", b'"', b'""', b"\t", b"a", b"a,b", "한".encode(), b"\0", b" ", b"\x1c"),
    *("\u2028".encode(), b"\xef\xbb\xbf", b"\xef", b"\xff\xfe", b"\x1f\x8b\x08", b"BZh91AY&SY", b"PAR1\x15"),
    *(
        b"[",
        b"]",
        b"{",
        b"}",
        b":",
        b'{"a":1}',
        b"[1,2]",
        b"NaN",
        b"1e999",
        b"9" * 4400,
        b"[" * 300,
        b"]" * 300,
    ),
    *(b'"\\ud800"', b"\\u12", b"-", b"0", b"1", b".5", b"null", b"\xed\xa0\x80", b"x" * 50),
]
scraps = st.one_of(st.sampled_from(SCRAPS), st.binary(max_size=4))
soups = st.lists(scraps, min_size=1, max_size=25).map(b"".join).filter(bool)


def read(
    key: str, data: bytes, cuts: list[int], format: Any, longest: int
) -> tuple[list[Any], list[Any], str]:
    """Return the records and rejects of an object, and the error, if there is one.

    One task reads all pieces in their order, so that the first error is the same wherever they are cut.
    """
    edges = [0, *sorted({place for place in cuts if 0 < place < len(data)}), len(data)]
    pieces = [piece(key, start, end) for start, end in pairwise(edges)]
    s3, store = memory_store(INPUT, {key: data})
    event = map_event("witness", pieces, format=format, maxBadRecords=10_000, maxRecordBytes=longest)
    try:
        counters = run_map_task(MapTask.from_event(event), store, JOBS)
        run_reduce_task(ReduceTask.from_event(reduce_event("witness")), store, JOBS)
    except MarlaError as error:
        return [], [], f"{type(error).__name__}: {error}"
    rows = read_all(s3, "jobs/job-1/stage-0/step-1/0/0").split(b"\n")[:-1]
    rejects = rejects_in(s3)
    assert counters["recordsIn"] == len(rows) + len(rejects)
    assert counters["rejects"] == len(rejects)
    return [json.loads(row) for row in rows], rejects, ""


@pytest.mark.parametrize("format", FORMATS, ids=str)
@settings(max_examples=60)
@given(
    data=soups,
    cuts=st.lists(st.integers(1, 200), max_size=6),
    part=st.integers(1, 300),
    block=st.integers(1, 300),
    longest=st.sampled_from([20, 1000, 100_000]),
)
def test_any_bytes_give_the_same_records_or_error_wherever_they_are_cut(
    format: Any, data: bytes, cuts: list[int], part: int, block: int, longest: int
) -> None:
    with witness():
        expected = read("data", data, [], format, longest)
        with small_reads(part=part, overlap=part, block=block), pytest.MonkeyPatch.context() as patch:
            patch.setattr(parsing, "PARSE_BYTES", block)
            found = read("data", data, cuts, format, longest)
    kinds = {error.partition(":")[0] for _, _, error in (expected, found)}
    # Where both are wrong, the object's beginning and a record's length, either may be found first.
    assert found == expected or kinds == {"BadObject", "RecordTooLong"}


@pytest.mark.parametrize("suffix", COMPRESSORS)
@settings(max_examples=60)
@given(
    data=soups,
    format=st.sampled_from(FORMATS),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=2),
    ends=st.integers(0, 10),
    more=st.binary(max_size=3),
    part=st.integers(1, 300),
    block=st.integers(1, 300),
)
def test_any_compressed_bytes_give_the_same_records_or_an_error(
    suffix: str,
    data: bytes,
    format: Any,
    flips: list[tuple[int, int]],
    ends: int,
    more: bytes,
    part: int,
    block: int,
) -> None:
    """Bits of the compressed data are flipped, its end is cut off, and something else is behind it."""
    compressed = bytearray(COMPRESSORS[suffix](data))
    for place, bits in flips:
        compressed[place % len(compressed)] ^= bits
    broken = bytes(compressed[: len(compressed) - ends]) + more
    if not broken:
        return
    with witness():
        expected = read("data" + suffix, broken, [], format, 100_000)
        with small_reads(part=part, overlap=part, block=block):
            found = read("data" + suffix, broken, [], format, 100_000)
        if expected[2]:
            assert f"s3://{INPUT}/data{suffix}" in expected[2]
            assert found[2].partition(" ")[0] == expected[2].partition(" ")[0]  # it may be told earlier
        else:
            assert found == expected
        if not flips and not ends and not more:
            plain = read("data", data, [], format, 100_000)
            assert expected[0] == plain[0]
