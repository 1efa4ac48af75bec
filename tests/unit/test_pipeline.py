"""Whole jobs, from the bytes of objects to those of results, task by task in one process."""

import bz2
import csv
import gzip
import io
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mypy_boto3_s3.client import S3Client

from mapreduce import run
from mapreduce.errors import BadResult
from mapreduce.keys import partition_of
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, Outcome, run_on, run_pipeline
from tests.unit.sample_jobs import SAMPLE_JOBS

pytestmark = pytest.mark.usefixtures("sample_jobs")

words = st.text("ab한\r\t ", max_size=6)
texts = st.builds(
    lambda lines, end: ("\n".join(lines) + end).encode(), st.lists(words), st.sampled_from(["", "\n"])
)
numbers = st.integers(-5, 5)
fractions = st.floats(-5, 5)
keys = st.one_of(
    st.just(st.text("abc한", max_size=2)),
    st.just(numbers | st.sampled_from([1.0, 2.5, -0.0])),
    st.just(st.tuples(st.text("ab", max_size=1), numbers).map(list)),
)
records = keys.flatmap(lambda key: st.lists(st.tuples(key, numbers).map(list), min_size=1, max_size=25))


def json_rows(outcome: Outcome) -> list[tuple[Any, Any]]:
    rows = [json.loads(line) for part in outcome.parts for line in part.splitlines()]
    return [(row["key"], row["value"]) for row in rows]


def through_json(rows: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return [tuple(row) for row in json.loads(json.dumps(rows))]


@settings(max_examples=60)
@given(data=texts.filter(bool), split_bytes=st.integers(1, 150), fan_in=st.integers(2, 5))
@example(data=b"a b\r\na\n\nb", split_bytes=1, fan_in=2)
@example(data="한 글\n한".encode(), split_bytes=1, fan_in=3)
@example(data=b"x", split_bytes=1, fan_in=2)
def test_words_are_counted_rightly_however_small_or_large_splits_are(
    data: bytes, split_bytes: int, fan_in: int
) -> None:
    outcome = run_on({"words.txt": data}, "wordcount", split_bytes=split_bytes, fan_in=fan_in)
    rows = list(csv.reader(io.StringIO(outcome.parts[0].decode(), newline="")))
    assert rows == [[word, str(count)] for word, count in sorted(Counter(data.decode().split()).items())]
    assert sum(counters["recordsIn"] for counters in outcome.mapped) == len(list(io.BytesIO(data)))


@pytest.mark.parametrize("job", ["collect", "total", "spread"])
@settings(max_examples=40)
@given(
    records=records,
    objects=st.integers(1, 3),
    split_bytes=st.integers(1, 120),
    partitions=st.integers(1, 4),
    fan_in=st.integers(2, 4),
)
def test_a_job_gives_what_it_gives_in_memory(
    job: str, records: list[Any], objects: int, split_bytes: int, partitions: int, fan_in: int
) -> None:
    share = -(-len(records) // objects)
    lines = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    outcome = run_on(
        {f"{start:03}": b"\n".join(lines[start : start + share]) for start in range(0, len(lines), share)},
        job,
        split_bytes=split_bytes,
        partitions=partitions,
        fan_in=fan_in,
        output="jsonl",
    )
    expected = list(run(SAMPLE_JOBS[job](), records))
    by_partition = [
        row for part in range(partitions) for row in expected if partition_of(row[0], partitions) == part
    ]
    assert json_rows(outcome) == through_json(by_partition)
    assert len(outcome.parts) == partitions


def test_the_same_job_on_the_same_input_writes_the_same_bytes_everywhere() -> None:
    data = b"".join(b'["key %d", %d]\n' % (number % 37, number) for number in range(800))
    written = []
    for _ in range(2):
        s3, _ = memory_store(INPUT, {"data.jsonl": data})
        run_pipeline(s3, "collect", {"data.jsonl": len(data)}, split_bytes=1000, partitions=3, fan_in=3)
        written.append(s3.objects)
    assert len(written[0]) > 20
    assert written[0] == written[1]


def test_plain_and_compressed_objects_may_be_mixed_in_one_job() -> None:
    objects = {"a.txt": b"a b", "b.txt.gz": gzip.compress(b"b c\n" * 3), "c.bz2": bz2.compress(b"c")}
    assert run_on(objects, "wordcount").parts == [b"a,1\nb,4\nc,4\n"]


def test_partitions_with_no_rows_are_empty_parts() -> None:
    outcome = run_on({"words.txt": b"one\n"}, "wordcount", partitions=5)
    assert sorted(outcome.parts) == [b"", b"", b"", b"", b"one,1\n"]


def test_an_input_of_nothing_but_blank_lines_gives_an_empty_result() -> None:
    outcome = run_on({"words.txt": b"\n\n\n"}, "wordcount", split_bytes=1)
    assert (outcome.parts, outcome.format) == ([b""], "csv")


def test_partitions_that_differ_in_format_say_what_to_set() -> None:
    keys = [
        "k0",
        next(
            f"k{number}" for number in range(1, 99) if partition_of(f"k{number}", 2) != partition_of("k0", 2)
        ),
    ]
    data = json.dumps([keys[0], 1]) + "\n" + json.dumps([keys[1], {"not": "flat"}])
    with pytest.raises(BadResult, match="set output"):
        run_on({"rows.jsonl": data.encode()}, "rows", partitions=2)
    assert run_on({"rows.jsonl": data.encode()}, "rows", partitions=2, output="jsonl").format == "jsonl"


def test_a_job_runs_on_s3_as_it_does_in_memory(s3: S3Client) -> None:
    data = {
        f"한글 {number}+%.txt": b"".join(b"w%d x\n" % (row % 13) for row in range(200)) for number in range(3)
    }
    for key, content in data.items():
        s3.put_object(Bucket=INPUT, Key=key, Body=content)
    sizes = {key: len(content) for key, content in data.items()}
    outcome = run_pipeline(s3, "wordcount", sizes, split_bytes=500, partitions=2, fan_in=2)
    assert outcome.parts == run_on(data, "wordcount", split_bytes=10_000, partitions=2).parts
    assert sum(len(part.splitlines()) for part in outcome.parts) == 14
