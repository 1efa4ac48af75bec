"""Objects of segments that are damaged in any way: what was written, or CorruptSegment; nothing else."""

import io
import itertools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapreduce.errors import CorruptSegment, OutputGone
from mapreduce.events import MapTask, ReduceTask
from mapreduce.map_task import run_map_task
from mapreduce.reduce_task import run_reduce_task
from mapreduce.segmented import TRAILER, read_index
from mapreduce.segments import Group, SegmentedObject, SegmentWriter
from mapreduce.sql import segments as sql_segments
from mapreduce.sql.database import Column, Database
from mapreduce.sql.parts import Parts
from mapreduce.sql.segments import segment_file, write_segment
from mapreduce.sql.shape import Shape
from mapreduce.storage import INTERMEDIATE, Range
from tests.unit.memory_s3 import MemoryS3, memory_store
from tests.unit.pipeline import INPUT, JOBS, map_event, piece, read_all, reduce_event

URL = "s3://bucket/jobs/job-1/stage-0/map/0"
Read = Callable[[bytes, str], Any]  # what an object's bytes say, or CorruptSegment

fuzzed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


def written(seed: int, url: str, segments: int = 3) -> bytes:
    numbers = random.Random(seed)
    sink = io.BytesIO()
    writer = SegmentWriter(sink, url)
    for number in range(segments):
        for key in range(numbers.randrange(40)):
            writer.add((f"{number} {key}", key), [numbers.random()] * numbers.randrange(1, 9))
        writer.end_segment()
    writer.finish()
    return sink.getvalue()


@pytest.fixture
def read(pool: ThreadPoolExecutor) -> Read:
    """Read all groups of an object, in small chunks."""

    def groups(data: bytes, url: str = URL) -> list[list[Group]]:
        source = SegmentedObject(lambda start, stop: data[start:stop], data[-200:], len(data), url)
        return [
            [(key, list(values)) for key, values in source.groups(number, 100, pool)]
            for number in range(len(source.segments))
        ]

    return groups


def changed(data: bytes, other: bytes, draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """Return an object that is damaged, or made of parts of two, or of nothing that was ever written."""
    one, two, three = sorted(draw(st.integers(0, len(data) - 1)) for _ in range(3))
    some: bytes = draw(st.binary(min_size=1, max_size=40))
    bits = bytearray(data)
    for place in (one, two, three)[: draw(st.integers(1, 3))]:
        bits[place] ^= 1 << draw(st.integers(0, 7))
    ways = {
        "bits": bytes(bits),
        "bytes": data[:one] + some + data[one + len(some) :],
        "cut": data[: one + 1],
        "left out": data[:one] + data[two:],
        "put in": data[:one] + some + data[one:],
        "spliced at a place": data[:one] + other[one:],
        "spliced from the end": data[:one] + other[one - len(data) :],
        "moved": data[:one] + data[two:three] + data[one:two] + data[three:],
        "random": some,
        "random, with the trailer": some + data[-TRAILER.size :],
    }
    return ways[draw(st.sampled_from(sorted(ways)))]


OBJECTS = [written(seed, URL) for seed in range(4)]
OTHERS = [written(seed, URL.replace("map/0", "map/1")) for seed in range(4)]


@fuzzed
@given(st.data())
def test_groups_are_those_that_were_written_or_the_object_is_corrupt(read: Read, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 3))
    damaged = changed(OBJECTS[number], data.draw(st.sampled_from(OTHERS)), data.draw)
    try:
        found = read(damaged, URL)
    except CorruptSegment as error:
        assert str(error).startswith(f"{URL}: ")  # noqa: PT017 - the data may be right as well
    else:
        assert found == read(OBJECTS[number], URL)


@fuzzed
@given(st.binary(max_size=300), st.booleans())
def test_bytes_that_nobody_wrote_are_corrupt(read: Read, data: bytes, ends_well: bool) -> None:
    with pytest.raises(CorruptSegment, match=f"^{URL}: "):
        read(data + OBJECTS[0][-8:] * ends_well, URL)


def test_every_object_in_the_place_of_every_other_is_corrupt(read: Read) -> None:
    places = [f"{part}/{task}" for part in ("map", "step-1/0") for task in range(12)]
    urls = [f"s3://bucket/jobs/a/stage-0/{place}" for place in places]
    for name, url in itertools.permutations(urls, 2):
        with pytest.raises(CorruptSegment, match=f"^{url}: its index is damaged, or is that of another"):
            read(written(1, name, segments=1), url)


def test_the_same_job_by_another_name_writes_the_same_bytes() -> None:
    one, other = (f"s3://{bucket}/jobs/{name}/stage-0/map/3" for bucket, name in (("x", "a"), ("y", "b")))
    assert written(1, one) == written(1, other)


def test_a_spilled_run_is_guarded_too(read: Read) -> None:
    """A spilled run's name is its path."""
    data = written(1, "/tmp/one/spill-0")
    assert read(data, "/tmp/one/spill-0")
    with pytest.raises(CorruptSegment):
        read(data, "/tmp/one/spill-1")


# Segments of SQL jobs

KEY = "jobs/job-1/stage-0/map/0"
SHAPE = Shape((Column("k", "INTEGER"), Column("v", "VARCHAR")), ("k",), ())
SQL = {"map": "SELECT k, sum(n) AS n FROM input GROUP BY k", "columns": "k VARCHAR, n INTEGER"}


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_segments, "CHUNK_BYTES", 100)


def two_files() -> tuple[bytes, list[Any]]:
    """Return two Parquet files back to back, and the segments that they are."""
    _, store = memory_store(JOBS, {})
    with Database() as database, store.write(JOBS, KEY, tag=INTERMEDIATE) as output:
        rows = "(SELECT range AS k, 'text ' || hash(range) AS v FROM range({}))"
        found = [write_segment(database, rows.format(count), SHAPE, output) for count in (30, 70)]
        return bytes(output._buffer), found


def test_the_checksums_of_sql_segments_are_those_of_their_bytes(small_chunks: None) -> None:
    data, segments = two_files()
    assert [segment.records for segment in segments] == [30, 70]
    assert segments[1].offset == segments[0].length
    assert len(data) == segments[1].offset + segments[1].length
    for segment in segments:
        assert len(segment.checksums) == -(-segment.length // 100) > 5


def file_of(data: bytes, segment: Any, pool: ThreadPoolExecutor) -> bytes:
    """Read a segment as DuckDB does, from its end to its start."""
    _, store = memory_store(JOBS, {KEY: data})
    file = segment_file(store, JOBS, KEY, segment, Parts(pool, 2, 3))
    half = file.size // 2
    behind = file.read(half, file.size)
    return file.read(0, half) + behind


def test_any_flipped_bit_of_a_sql_segment_is_noticed(small_chunks: None, pool: ThreadPoolExecutor) -> None:
    data, segments = two_files()
    for segment in segments:
        assert file_of(data, segment, pool) == data[segment.offset :][: segment.length]
    for place in range(segments[0].length):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        assert file_of(bytes(damaged), segments[1], pool)
        with pytest.raises(CorruptSegment, match=f"^s3://{JOBS}/{KEY}: damaged in bytes "):
            file_of(bytes(damaged), segments[0], pool)


def test_chunks_in_each_other_s_place_are_noticed(small_chunks: None, pool: ThreadPoolExecutor) -> None:
    data, (segment, _) = two_files()
    with pytest.raises(CorruptSegment, match=f"^s3://{JOBS}/{KEY}: damaged in bytes "):
        file_of(data[100:200] + data[:100] + data[200:], segment, pool)


def test_an_index_with_fewer_checksums_than_chunks_is_noticed(
    small_chunks: None, pool: ThreadPoolExecutor
) -> None:
    data, (segment, _) = two_files()
    with pytest.raises(CorruptSegment, match=f"^s3://{JOBS}/{KEY}: damaged in bytes "):
        file_of(data, segment._replace(checksums=segment.checksums[:-1]), pool)


def mapped(lines: bytes, job: dict[str, Any], task: int = 0) -> MemoryS3:
    s3, store = memory_store(INPUT, {"x.csv": lines})
    event = map_event(job, [piece("x.csv", 0, len(lines))], task=task)
    run_map_task(MapTask.from_event(event), store, JOBS)
    return s3


def reduced(data: bytes, job: dict[str, Any], final: bool = True) -> bytes:
    s3, store = memory_store(JOBS, {KEY: data})
    run_reduce_task(ReduceTask.from_event(reduce_event(job, final=final)), store, JOBS)
    return read_all(s3, "jobs/job-1/stage-0/step-1/0/0")


@pytest.fixture(scope="module")
def sql_objects() -> list[bytes]:
    """Map outputs of two inputs under the same name, and one under another name."""
    lines = [b"".join(b"%d,%d\n" % (number % 9, number * more) for number in range(50)) for more in (1, 2)]
    s3s = [mapped(lines[0], SQL), mapped(lines[1], SQL), mapped(lines[0], SQL, task=1)]
    return [
        next(bytes(stored.data) for (bucket, _), stored in s3.objects.items() if bucket == JOBS) for s3 in s3s
    ]


@settings(fuzzed, max_examples=60)
@given(st.data())
def test_rows_are_those_that_were_written_or_the_object_is_corrupt(
    sql_objects: list[bytes], data: st.DataObject
) -> None:
    whole, same_name, other_name = sql_objects
    damaged = changed(whole, data.draw(st.sampled_from([same_name, other_name])), data.draw)
    try:
        found = reduced(damaged, SQL)
    except CorruptSegment as error:
        assert str(error).startswith(f"s3://{JOBS}/{KEY}: ")  # noqa: PT017 - the data may be right as well
    else:
        assert found == reduced(same_name if damaged == same_name else whole, SQL)


def test_a_sql_object_in_the_place_of_another_is_corrupt(sql_objects: list[bytes]) -> None:
    with pytest.raises(CorruptSegment, match=f"^s3://{JOBS}/{KEY}: its index is damaged, or is that of"):
        reduced(sql_objects[2], SQL)


def test_the_rows_of_another_sql_object_are_corrupt(sql_objects: list[bytes]) -> None:
    one, other = sql_objects[:2]
    index = read_index(lambda start, stop: one[start:stop], Range(one, len(one)), f"s3://{JOBS}/{KEY}")
    length = index.segments[0].length
    assert one[:length] != other[:length]
    with pytest.raises(CorruptSegment, match=f"^s3://{JOBS}/{KEY}: damaged in bytes 0 to "):
        reduced(other[:length] + one[length:], SQL)


def test_an_object_without_any_bytes_is_named_too() -> None:
    """S3 has no range of it; and no worker writes such a one."""
    with pytest.raises(OutputGone, match=f"^s3://{JOBS}/{KEY}: an intermediate object of the job itself"):
        reduced(b"", SQL)
