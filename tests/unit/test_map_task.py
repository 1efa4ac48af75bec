import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_s3.client import S3Client

from mapreduce import map_task, shuffle
from mapreduce.errors import (
    BadKey,
    BadObject,
    BadRecord,
    BadValue,
    InputNotReadable,
    JobFailed,
    RecordTooLong,
    StorageUnavailable,
)
from mapreduce.events import MapTask
from mapreduce.map_task import run_map_task
from mapreduce.segments import SegmentedObject
from mapreduce.storage import ObjectStore
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, JOBS, map_event, piece, read_all
from tests.unit.sample_jobs import Fussy

pytestmark = pytest.mark.usefixtures("sample_jobs")

OUTPUT = "jobs/job-1/stage-0/map/0"
REJECTS = "jobs/job-1/stage-0/rejects/0.jsonl"


def run(store: ObjectStore, job: str, pieces: list[dict[str, Any]], **others: Any) -> dict[str, int]:
    return run_map_task(MapTask.from_event(map_event(job, pieces, **others)), store, JOBS)


def run_on(s3: S3Client, store: ObjectStore, job: str, data: bytes, **others: Any) -> dict[str, int]:
    """Map the one object `dir/words.txt`."""
    s3.put_object(Bucket=INPUT, Key="dir/words.txt", Body=data)
    return run(store, job, [piece("dir/words.txt", 0, len(data))], **others)


def output(s3: Any, pool: ThreadPoolExecutor, key: str = OUTPUT) -> list[dict[Any, list[Any]]]:
    """Return each partition's keys and values."""
    data = read_all(s3, key)
    url = f"s3://{JOBS}/{key}"
    source = SegmentedObject(lambda start, stop: data[start:stop], data, len(data), url)
    partitions = []
    for number in range(len(source.segments)):
        groups: dict[Any, list[Any]] = {}
        for group_key, values in source.groups(number, 1 << 20, pool):
            groups.setdefault(group_key, []).extend(values)
        partitions.append(groups)
    return partitions


def rejects(s3: S3Client) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_all(s3, REJECTS).splitlines()]


def objects_written(s3: S3Client) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=JOBS).get("Contents", [])]


# What a map task writes


def test_a_map_task_writes_its_pairs_as_one_object(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor
) -> None:
    counters = run_on(s3, store, "fussy", b"b a\na c\n\na")
    assert output(s3, pool) == [{"a": [1, 1, 1], "b": [1], "c": [1]}]
    assert objects_written(s3) == [OUTPUT]
    assert counters == {
        "recordsIn": 4,
        "recordsOut": 5,
        "bytesIn": 10,
        "bytesOut": len(read_all(s3, OUTPUT)),
        "rejects": 0,
        "objects": 1,
    }


def test_records_out_are_counted_after_combine(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor
) -> None:
    counters = run_on(s3, store, "wordcount", b"a a b\na\n")
    assert (counters["recordsIn"], counters["recordsOut"]) == (2, 2)
    assert output(s3, pool) == [{"a": [3], "b": [1]}]


def test_an_output_has_a_segment_for_each_partition(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor
) -> None:
    run_on(s3, store, "wordcount", b"one two three four five", partitions=4, task=7, stage=2)
    partitions = output(s3, pool, "jobs/job-1/stage-2/map/7")
    assert len(partitions) == 4
    assert sorted(key for groups in partitions for key in groups) == ["five", "four", "one", "three", "two"]


def test_an_output_expires_and_rejects_do_not(s3: S3Client, store: ObjectStore) -> None:
    run_on(s3, store, "fussy", b"raise", maxBadRecords=1)
    tag_sets = [s3.get_object_tagging(Bucket=JOBS, Key=key)["TagSet"] for key in (OUTPUT, REJECTS)]
    assert tag_sets == [[{"Key": "marla", "Value": "intermediate"}], []]


def test_bytes_in_are_those_of_decompressed_records(s3: S3Client, store: ObjectStore) -> None:
    data = gzip.compress(b"word\n" * 1000)
    s3.put_object(Bucket=INPUT, Key="words.gz", Body=data)
    counters = run(store, "wordcount", [piece("words.gz", 0, len(data))])
    assert (counters["recordsIn"], counters["bytesIn"], counters["recordsOut"]) == (1000, 5000, 1)


def test_objects_are_counted_once_however_many_pieces_they_have(s3: S3Client, store: ObjectStore) -> None:
    for key in ("one", "two"):
        s3.put_object(Bucket=INPUT, Key=key, Body=b"a b\nc d\n")
    counters = run(store, "wordcount", [piece("one", 0, 3), piece("one", 3, 8), piece("two", 0, 8)])
    assert (counters["objects"], counters["recordsIn"]) == (2, 4)


def test_a_piece_in_which_no_record_begins_gives_an_empty_output(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor
) -> None:
    s3.put_object(Bucket=INPUT, Key="words.txt", Body=b"one long record")
    counters = run(store, "wordcount", [piece("words.txt", 4, 8)], partitions=2)
    assert (counters["recordsIn"], counters["recordsOut"], counters["bytesIn"]) == (0, 0, 0)
    assert output(s3, pool) == [{}, {}]


def test_a_task_that_runs_twice_writes_the_same_bytes(s3: S3Client, store: ObjectStore) -> None:
    data = b"".join(b"word%d raise%d\n" % (number % 700, number % 5) for number in range(5000)) + b"raise\n"
    first = run_on(s3, store, "fussy", data, partitions=5, maxBadRecords=1)
    bytes_of_first = read_all(s3, OUTPUT), read_all(s3, REJECTS)
    assert run_on(s3, store, "fussy", data, partitions=5, maxBadRecords=1) == first
    assert (read_all(s3, OUTPUT), read_all(s3, REJECTS)) == bytes_of_first


@pytest.mark.parametrize("job", ["wordcount", "fussy"])
def test_a_task_that_spills_writes_the_same_bytes(
    s3: S3Client, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    data = b"".join(b"word%d common\n" % (number % 900) for number in range(9000))
    run_on(s3, store, job, data, partitions=3)
    in_memory = read_all(s3, OUTPUT)
    spills: list[None] = []
    spill = shuffle.Shuffle._spill

    def counted_spill(self: shuffle.Shuffle) -> None:
        spill(self)
        spills.append(None)

    monkeypatch.setattr(shuffle.Shuffle.__init__, "__defaults__", (50_000,))
    monkeypatch.setattr(shuffle, "CHECK_PAIRS", 2000)
    monkeypatch.setattr(map_task, "CHECK_PAIRS", 2000)
    monkeypatch.setattr(shuffle.Shuffle, "_spill", counted_spill)
    run_on(s3, store, job, data, partitions=3)
    assert len(spills) >= 2
    assert read_all(s3, OUTPUT) == in_memory


# Formats and headers


@pytest.mark.parametrize("split", range(1, 40))
def test_a_piece_that_does_not_begin_at_the_header_knows_the_columns(split: int) -> None:
    data = "\ufeffname,amount\r\nKim,1\r\nLee,2\r\nKim,3\r\n".encode()
    s3, store = memory_store(INPUT, {"table.csv": data})
    size = len(data)
    pieces = [piece("table.csv", 0, min(split, size)), piece("table.csv", min(split, size), size)]
    counters = [run(store, "columns", [one], task=task) for task, one in enumerate(pieces)]
    assert sum(one["recordsIn"] for one in counters) == 3
    with ThreadPoolExecutor(2) as pool:
        outputs = [output(s3, pool, f"jobs/job-1/stage-0/map/{task}")[0] for task in range(2)]
    found = [(key, value) for groups in outputs for key, values in groups.items() for value in values]
    assert sorted(found) == [("Kim", 1), ("Kim", 3), ("Lee", 2)]


def test_objects_of_one_task_may_have_their_columns_in_another_order(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor
) -> None:
    s3.put_object(Bucket=INPUT, Key="one.csv", Body=b"name,amount\nKim,1\n")
    s3.put_object(Bucket=INPUT, Key="two.csv.gz", Body=gzip.compress(b"amount,name\n2,Kim\n"))
    size = s3.head_object(Bucket=INPUT, Key="two.csv.gz")["ContentLength"]
    run(store, "columns", [piece("one.csv", 0, 18), piece("two.csv.gz", 0, size)])
    assert output(s3, pool) == [{"Kim": [1, 2]}]


def test_a_header_that_cannot_be_read_names_the_object(s3: S3Client, store: ObjectStore) -> None:
    s3.put_object(Bucket=INPUT, Key="table.csv", Body=b'"name,amount\nKim,1\n')
    with pytest.raises(BadObject, match=rf"s3://{INPUT}/table.csv: its header: a quote that is not closed"):
        run(store, "columns", [piece("table.csv", 0, 19)])


def test_the_executions_format_goes_before_the_jobs(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor
) -> None:
    run_on(s3, store, "columns", b"name;amount\nKim;5\n", format={"type": "csv", "delimiter": ";"})
    assert output(s3, pool) == [{"Kim": [5]}]


def test_parameters_reach_the_job(s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor) -> None:
    run_on(s3, store, "shouted", b"hey;you\n", params={"times": 3})
    assert output(s3, pool) == [{"HEY!!!": [1]}]


# Records that cannot be read

BAD_LINES = b"fine\nraise me\nfine\n\xff\nrefuse\n"


def test_without_tolerance_the_first_bad_record_ends_the_task(s3: S3Client, store: ObjectStore) -> None:
    message = (
        rf"^s3://{INPUT}/dir/words.txt at byte 5: ValueError: cannot read this; "
        "correct it, or set maxBadRecords"
    )
    with pytest.raises(BadRecord, match=message):
        run_on(s3, store, "fussy", b"fine\nraise me\nfine\n")
    assert objects_written(s3) == []


def test_as_many_bad_records_as_are_tolerated_are_set_aside(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor
) -> None:
    counters = run_on(s3, store, "fussy", BAD_LINES, maxBadRecords=3)
    assert (counters["recordsIn"], counters["rejects"], counters["recordsOut"]) == (5, 3, 2)
    assert output(s3, pool) == [{"fine": [1, 1]}]
    where = f"s3://{INPUT}/dir/words.txt"
    assert sorted(rejects(s3), key=lambda reject: int(reject["offset"])) == [
        {"object": where, "offset": 5, "reason": "ValueError: cannot read this", "record": "raise me"},
        {
            "object": where,
            "offset": 19,
            "reason": "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: "
            "invalid start byte",
            "record": "\\xff",
        },
        {"object": where, "offset": 21, "reason": "out of season", "record": "refuse"},
    ]


def test_one_bad_record_more_than_is_tolerated_ends_the_task_and_leaves_nothing(
    s3: S3Client, store: ObjectStore
) -> None:
    with pytest.raises(BadRecord, match=r"at byte \d+: .*; it is one more than maxBadRecords \(2\) allows"):
        run_on(s3, store, "fussy", BAD_LINES, maxBadRecords=2)
    assert objects_written(s3) == []


def test_without_bad_records_there_is_no_object_of_them(s3: S3Client, store: ObjectStore) -> None:
    run_on(s3, store, "fussy", b"fine\n", maxBadRecords=5)
    assert objects_written(s3) == [OUTPUT]


@pytest.mark.parametrize("trouble", ["raise", "refuse", "nokey", "nopair"])
def test_a_record_that_is_set_aside_leaves_no_pairs_behind(
    s3: S3Client, store: ObjectStore, pool: ThreadPoolExecutor, trouble: str
) -> None:
    data = f"one two\nthree {trouble} four\nfive\n".encode()
    run_on(s3, store, "fussy", data, maxBadRecords=1)
    assert output(s3, pool) == [{"five": [1], "one": [1], "two": [1]}]


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("raise", "ValueError: cannot read this"),
        ("refuse", "out of season"),
        ("nokey", "BadKey: key None: a key is a string"),
        ("nopair", "map yielded something that is no pair (too many values to unpack"),
    ],
)
@pytest.mark.parametrize("tolerated", [0, 1])
def test_whatever_is_wrong_with_a_record_is_told_with_its_place(
    s3: S3Client, store: ObjectStore, trouble: str, reason: str, tolerated: int
) -> None:
    data = f"fine\n{trouble}\nfine\n".encode() + b"raise\n" * tolerated
    place = len(data) - 6 if tolerated else 5
    with pytest.raises(BadRecord, match=f"words.txt at byte {place}: ") as caught:
        run_on(s3, store, "fussy", data, maxBadRecords=tolerated)
    if not tolerated:
        assert reason in str(caught.value)
        assert isinstance(caught.value.__cause__, Exception)  # with its traceback, for the function's log


@pytest.mark.parametrize("tolerated", [0, 1])
def test_a_text_of_two_characters_is_no_pair(
    s3: S3Client, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, tolerated: int
) -> None:
    monkeypatch.setattr(Fussy, "map", lambda _, record: iter(record.split()))
    message = r"at byte \d: map yielded something that is no pair \(the text '[ac][bd]'\): yield key, value"
    with pytest.raises(BadRecord, match=message):
        run_on(s3, store, "fussy", b"\nab\ncd\n", maxBadRecords=tolerated)


@pytest.mark.parametrize("tolerated", [0, 1])
@given(
    before=st.lists(st.sampled_from(["", "a", "한글 b", "x\r"]), max_size=6),
    blocks=st.integers(1, 30),
    parts=st.integers(1, 12),
)
def test_the_place_of_a_bad_record_is_right_wherever_blocks_end(
    tolerated: int, before: list[str], blocks: int, parts: int
) -> None:
    start = len("".join(line + "\n" for line in before).encode())
    data = "".join(line + "\n" for line in [*before, *["raise"] * (tolerated + 1)]).encode()
    s3, store = memory_store(INPUT, {"words.txt": data})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mapreduce.pieces.BLOCK_BYTES", blocks)
        patch.setattr("mapreduce.parsing.PARSE_BYTES", parts)
        with pytest.raises(BadRecord, match=f"/words.txt at byte {start + 6 * tolerated}: "):
            run(store, "fussy", [piece("words.txt", 0, len(data))], maxBadRecords=tolerated)
    assert list(s3.objects) == [(INPUT, "words.txt")]


def test_a_bad_record_of_a_compressed_object_is_placed_in_its_decompressed_data(
    s3: S3Client, store: ObjectStore
) -> None:
    data = gzip.compress(b"fine\nraise\n")
    s3.put_object(Bucket=INPUT, Key="words.gz", Body=data)
    with pytest.raises(BadRecord, match=r"/words\.gz at byte 5 of the decompressed data: ValueError"):
        run(store, "fussy", [piece("words.gz", 0, len(data))])


def test_a_long_bad_record_is_kept_in_part(s3: S3Client, store: ObjectStore) -> None:
    run_on(s3, store, "fussy", b"raise " + b"x" * 500_000, maxBadRecords=1)
    (reject,) = rejects(s3)
    assert reject["record"] == "raise " + "x" * 9_994


def test_a_table_counts_rejected_lines_as_records_and_blank_ones_not(
    s3: S3Client, store: ObjectStore
) -> None:
    data = b"name,amount\n\nKim,1\nLee\nKim,many\n"
    counters = run_on(s3, store, "columns", data, maxBadRecords=2)
    assert (counters["recordsIn"], counters["rejects"], counters["recordsOut"]) == (3, 2, 1)
    reasons = {reject["offset"]: reject["reason"] for reject in rejects(s3)}
    assert "1 fields where 2 are expected" in reasons[19]
    assert "invalid literal for int" in reasons[23]


# Errors that are no record's


@pytest.mark.parametrize("tolerated", [0, 1000])
@pytest.mark.parametrize("check_pairs", [1, 1 << 17])
@pytest.mark.parametrize(
    ("job", "words", "error"),
    [
        ("failing-combine", b"a a a\n", JobFailed),
        ("fussy", b"a\nnovalue\n", BadValue),
        ("fussy", b"a\nnumber\n", BadKey),
    ],
)
def test_an_error_of_combine_keys_or_values_is_not_blamed_on_a_record(
    s3: S3Client,
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    tolerated: int,
    check_pairs: int,
    job: str,
    words: bytes,
    error: type[Exception],
) -> None:
    monkeypatch.setattr(shuffle.Shuffle.__init__, "__defaults__", (300,))
    monkeypatch.setattr(shuffle, "CHECK_PAIRS", check_pairs)
    monkeypatch.setattr(map_task, "CHECK_PAIRS", 2 if check_pairs == 1 else check_pairs)
    with pytest.raises(error):
        run_on(s3, store, job, words, maxBadRecords=tolerated)
    assert objects_written(s3) == []


def test_an_object_that_is_gone_ends_the_task_and_leaves_nothing(s3: S3Client, store: ObjectStore) -> None:
    s3.put_object(Bucket=INPUT, Key="one", Body=b"raise\n")
    with pytest.raises(InputNotReadable, match=f"s3://{INPUT}/gone"):
        run(store, "fussy", [piece("one", 0, 6), piece("gone", 0, 9)], maxBadRecords=5)
    assert objects_written(s3) == []


def test_a_record_that_is_too_long_is_never_set_aside(s3: S3Client, store: ObjectStore) -> None:
    with pytest.raises(RecordTooLong, match="at byte 5: a record of more than 100 bytes"):
        run_on(s3, store, "fussy", b"fine\n" + b"x" * 200, maxBadRecords=5, maxRecordBytes=100)
    assert objects_written(s3) == []


def test_an_s3_that_does_not_answer_is_not_blamed_on_the_job(
    s3: S3Client, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: ObjectStore, *_: Any) -> Any:
        raise StorageUnavailable("SlowDown")

    monkeypatch.setattr(ObjectStore, "read", refused)
    with pytest.raises(StorageUnavailable):
        run_on(s3, store, "fussy", b"fine\n", maxBadRecords=5)


@pytest.mark.parametrize(
    "key",
    [
        "jobs/job-2/stage-0/map/0",
        "jobs/job-2/stage-0/receipts/map/0.json",
        "jobs/job-2/stage-0/sample/result/x",
        "other",
    ],
)
def test_of_the_job_bucket_only_uploads_and_results_are_input(
    s3: S3Client, store: ObjectStore, key: str
) -> None:
    s3.put_object(Bucket=JOBS, Key=key, Body=b"a\n")
    with pytest.raises(InputNotReadable, match=f"s3://{JOBS}/{key}: access denied"):
        run(store, "wordcount", [piece(key, 0, 2)], bucket=JOBS)
    for allowed in ("input/a", "jobs/job-2/stage-10/result/part-00000.csv"):
        s3.put_object(Bucket=JOBS, Key=allowed, Body=b"a\n")
        assert run(store, "wordcount", [piece(allowed, 0, 2)], bucket=JOBS)["recordsIn"] == 1
