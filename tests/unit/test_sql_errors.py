"""What is wrong with a SQL job's input is said by name: the record, the object, or the job."""

import gzip
import json
from contextlib import suppress
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from mapreduce.errors import (
    BadObject,
    BadRecord,
    InputChanged,
    InvalidQuery,
    JobFailed,
    RecordTooLong,
)
from mapreduce.events import MapTask
from mapreduce.map_task import run_map_task
from mapreduce.storage import ObjectStore
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, JOBS, Outcome, map_event, piece, read_all, run_on, run_pipeline
from tests.unit.sql_data import HEADER, csv_rows, parquet

COLUMNS = "k VARCHAR, n INTEGER"
SUM = {"map": "SELECT k, sum(n) AS n FROM input GROUP BY k", "columns": COLUMNS}
EVERYTHING = {"map": "SELECT * FROM input"}
REJECTS = "jobs/job-1/stage-0/rejects/0.jsonl"


def run_with_rejects(objects: dict[str, bytes], limit: int, **options: Any) -> tuple[Outcome, list[Any]]:
    s3, _ = memory_store(INPUT, objects)
    sizes = {key: len(data) for key, data in objects.items()}
    outcome = run_pipeline(s3, options.pop("job", SUM), sizes, maxBadRecords=limit, **options)
    return outcome, [json.loads(line) for line in read_all(s3, REJECTS).splitlines()]


# Bad records


@pytest.mark.parametrize(
    ("key", "data", "offset", "reason"),
    [
        ("first.csv", b"a,x\nb,2\n", 0, "Could not convert string \"x\" to 'INTEGER'"),
        ("middle.csv", b"a,1\nb,x\nc,3\n", 4, "Could not convert string"),
        ("last.csv", b"a,1\nb,2\nc,x", 8, "Could not convert string"),
        ("crlf.csv", b"a,1\r\nb,2\r\nc,x\r\n", 10, "Could not convert string"),
        ("mark.csv", b"\xef\xbb\xbfa,x\n", 3, "Could not convert string"),
        ("blank.csv", b"\n\na,1\n\nb,x\n", 7, "Could not convert string"),
        ("few.csv", b"a,1\nb\n", 4, "Expected Number of Columns: 2 Found: 1"),
        ("many.csv", b"a,1\nb,2,3\n", 4, "Expected Number of Columns: 2 Found: 3"),
        ("text.csv", b"a,1\n\xff\xfe,2\n", 4, ""),
        ("quote.csv", b'a,1\n"b,2\nc,3\n', 4, "a quote that is not closed on its line"),
        ("inches.csv", b'a,1\n5" disk,2\n', 4, "a quote that is not closed on its line"),
        ("two lines.csv", b'a,1\n"b\nb",2\n', 4, "a quote that is not closed on its line"),
        ("json.jsonl", b'{"k": "a", "n": 1}\n{"k": "b", "n"\n', 19, "Malformed JSON"),
        ("array.jsonl", b'{"k": "a", "n": 1}\n[1]\n', 19, "Expected OBJECT, but got ARRAY"),
        ("two.jsonl", b'{"k": "a"} {"k": "b"}\n', 0, "unexpected content after document"),
        ("type.jsonl", b'{"k": "a", "n": "x"}\n', 0, "Failed to cast value"),
    ],
)
def test_a_bad_record_is_named_by_object_and_first_byte(
    key: str, data: bytes, offset: int, reason: str
) -> None:
    with pytest.raises(BadRecord) as caught:
        run_on({key: data}, SUM)
    message = str(caught.value)
    assert message.startswith(f"s3://{INPUT}/{key} at byte {offset}: ")
    assert reason in message
    assert message.endswith("; correct it, or set maxBadRecords to set such records aside")
    assert "marla://" not in message


def test_a_bad_record_behind_a_header_is_named_by_its_place_in_the_object() -> None:
    with pytest.raises(BadRecord, match=r"x\.csv at byte 8: "):
        run_on({"x.csv": b"k,n\na,1\nb,x\n"}, SUM, format=HEADER)


def test_a_bad_record_of_the_second_object_is_named_by_that() -> None:
    with pytest.raises(BadRecord, match=r"two\.csv at byte 4: "):
        run_on({"one.csv": b"a,1\n" * 9, "two.csv": b"a,1\nb,x\n"}, SUM)


def test_a_bad_record_of_a_later_piece_is_named_by_its_place_in_the_object() -> None:
    with pytest.raises(BadRecord, match=r"x\.csv at byte 40: "):
        run_on({"x.csv": b"a,1\n" * 10 + b"b,x\n" + b"a,1\n" * 10}, SUM, split_bytes=17)


def test_a_bad_record_of_compressed_data_is_named_by_its_place_there() -> None:
    with pytest.raises(BadRecord, match=r"x\.csv\.gz at byte 4 of the decompressed data: "):
        run_on({"x.csv.gz": gzip.compress(b"a,1\nb,x\n")}, SUM)


def test_a_record_that_the_map_cannot_compute_is_named() -> None:
    job = {"map": "SELECT sum(k::INTEGER) AS n FROM input", "columns": COLUMNS}
    with pytest.raises(BadRecord, match=r"x\.csv at byte 4: .*Could not convert string 'b' to INT32"):
        run_on({"x.csv": b"1,1\nb,2\n3,3\n"}, job)


def test_a_bad_record_is_named_where_objects_say_their_columns_too() -> None:
    with pytest.raises(BadRecord, match=r"x\.csv at byte 8: Expected Number of Columns: 2 Found: 1"):
        run_on({"x.csv": b"k,n\na,1\nb\nc,3\n"}, EVERYTHING, format=HEADER)
    with pytest.raises(BadRecord, match=r"x\.jsonl at byte 9: .*Malformed JSON"):
        run_on({"x.jsonl": b'{"k": 1}\n{"k"\n{"k": 2}\n'}, EVERYTHING)


# Records set aside


def test_bad_records_are_set_aside_and_the_others_counted() -> None:
    data = b'k,n\r\na,1\r\nb,x\r\n"c,2\r\na,3\r\nfew\r\n'
    outcome, rejects = run_with_rejects({"dir/x.csv": data}, 3, format=HEADER)
    assert csv_rows(outcome) == [["a", "4"]]
    assert [(one["object"], one["offset"], one["record"]) for one in rejects] == [
        (f"s3://{INPUT}/dir/x.csv", 10, "b,x"),
        (f"s3://{INPUT}/dir/x.csv", 15, '"c,2'),
        (f"s3://{INPUT}/dir/x.csv", 26, "few"),
    ]
    assert all(one["reason"] for one in rejects)
    counters = outcome.mapped[0]
    assert (counters["recordsIn"], counters["rejects"], counters["recordsOut"]) == (5, 3, 1)


def test_a_record_more_than_may_be_set_aside_is_an_error() -> None:
    with pytest.raises(BadRecord, match=r"x\.csv at byte 8: .*one more than maxBadRecords \(1\) allows"):
        run_with_rejects({"x.csv": b"a,x\nb,2\nc,x\n"}, 1)


def test_records_of_compressed_and_json_objects_are_set_aside_too() -> None:
    objects = {"x.csv.gz": gzip.compress(b"a,1\nb,x\n"), "y.jsonl": b'{"k": "a", "n": 2}\nnope\n'}
    outcome, rejects = run_with_rejects(objects, 2)
    assert csv_rows(outcome) == [["a", "3"]]
    assert [one["record"] for one in rejects] == ["b,x", "nope"]


def test_an_object_of_nothing_but_bad_records_gives_no_rows() -> None:
    outcome, rejects = run_with_rejects({"x.csv": b"a,x\nb,x\n"}, 5)
    assert (outcome.parts, len(rejects)) == ([b""], 2)


def test_a_cast_that_fails_is_set_aside_where_a_job_allows_it() -> None:
    job = {"map": "SELECT sum(k::INTEGER) AS n FROM input", "columns": COLUMNS}
    outcome, rejects = run_with_rejects({"x.csv": b"1,1\nb,2\n3,3\n"}, 1, job=job)
    assert csv_rows(outcome) == [["4"]]
    assert [one["offset"] for one in rejects] == [4]


# Records that are no error


def test_line_ends_may_be_mixed_in_one_object() -> None:
    assert csv_rows(run_on({"x.csv": b"a,1\r\nb,2\na,3\r\n"}, SUM)) == [["a", "4"], ["b", "2"]]
    header = run_on({"x.csv": b"k,n\r\na,1\nb,2\r\n"}, EVERYTHING, format=HEADER)
    assert csv_rows(header) == [["a", "1"], ["b", "2"]]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_line_longer_than_duckdb_likes_is_read(suffix: str) -> None:
    long = b"x" * (2_100_000 if suffix == "csv" else 17_000_000)
    data = {"csv": b"a,1\n%s,2\n", "jsonl": b'{"k": "a", "n": 1}\n{"k": "%s", "n": 2}\n'}[suffix] % long
    job = {"map": "SELECT length(k) AS length, n FROM input", "columns": COLUMNS}
    outcome = run_on({f"x.{suffix}": data}, job, maxRecordBytes=32 << 20, split_bytes=1 << 30)
    assert csv_rows(outcome) == [["1", "1"], [str(len(long)), "2"]]


# Records that are too long


def test_a_record_longer_than_is_allowed_is_named() -> None:
    data = b"a,1\n" + b"x" * 3_000_000 + b",2\n"
    with pytest.raises(RecordTooLong, match=r"x\.csv at byte 4: a record of more than 100000 bytes"):
        run_on({"x.csv": data}, SUM, maxRecordBytes=100_000, split_bytes=1 << 30)
    with pytest.raises(RecordTooLong, match=r"x\.csv at byte 4: a record of more than 100000 bytes"):
        run_on({"x.csv": data}, SUM, maxRecordBytes=100_000, split_bytes=10_000)


# Errors that are no record's


def test_an_error_that_no_record_causes_is_the_jobs() -> None:
    job = {"map": "SELECT CAST(sum(n) AS TINYINT) AS n FROM input", "columns": COLUMNS, "key": []}
    job["reduce"] = "SELECT CAST(sum(n) AS TINYINT) AS n FROM input"
    with pytest.raises(JobFailed, match=r"sql\.map: .*no single record of the input is to blame"):
        run_on({"x.csv": b"a,100\nb,100\n"}, job)
    with pytest.raises(JobFailed, match=r"partition 0 of step 1: "):
        run_on({"x.csv": b"a,100\nb,100\n"}, job, split_bytes=6)


def test_a_value_that_no_task_can_pass_on_is_the_jobs_error() -> None:
    job = {"map": "SELECT max(n) AS n FROM input", "columns": "n HUGEINT"}
    with pytest.raises(JobFailed, match=r"sql\.map: its rows cannot be written: .*1701411834604692317"):
        run_on({"x.csv": b"%d\n" % (2**127 - 1)}, job)


def test_what_json_cannot_say_names_its_column() -> None:
    job = {"map": "SELECT n / 0.0::DOUBLE AS ratio FROM input", "columns": COLUMNS}
    with pytest.raises(JobFailed, match="column ratio has a value that JSON cannot say"):
        run_on({"x.csv": b"a,1\n"}, job, output="jsonl")


# Objects that say what their columns are


def test_names_and_types_are_taken_from_the_objects() -> None:
    job = {"map": "SELECT typeof(d) AS d, typeof(n) AS n, typeof(x) AS x FROM input LIMIT 1"}
    csv = b"d,n,x\r\n31/12/2009,1,1.5\r\n01/02/2010,2,2.5\r\n"
    assert csv_rows(run_on({"x.csv": csv}, job, format=HEADER)) == [["DATE", "BIGINT", "DOUBLE"]]
    jsonl = b'{"d": "2009-12-31", "n": 1, "x": 1.5}\n'
    assert csv_rows(run_on({"x.jsonl": jsonl}, job)) == [["DATE", "BIGINT", "DOUBLE"]]


def test_dates_in_other_formats_are_read_as_they_were_understood() -> None:
    csv = b"d\n31/12/2009\n01/02/2010\n"
    found = csv_rows(run_on({"x.csv": csv}, EVERYTHING, format=HEADER, split_bytes=9))
    assert found == [["2009-12-31"], ["2010-02-01"]]
    jsonl = b'{"d": "12-31-2009"}\n'
    assert csv_rows(run_on({"x.jsonl": jsonl}, EVERYTHING)) == [["12-31-2009"]]


@pytest.mark.parametrize("split_bytes", [8, 1 << 20], ids=["across tasks", "within a task"])
def test_objects_that_disagree_are_both_named_with_what_differs(split_bytes: int) -> None:
    objects = {"a.csv": b"k,n\n1,x\n", "b.csv": b"k,m\n1,x\n"}
    with pytest.raises(BadObject) as caught:
        run_on(objects, EVERYTHING, format=HEADER, split_bytes=split_bytes)
    assert str(caught.value).startswith(
        f's3://{INPUT}/b.csv: from its start it has "m" VARCHAR where s3://{INPUT}/a.csv has "n" VARCHAR. '
        "Say what the columns are"
    )


def test_objects_whose_columns_are_in_another_order_disagree() -> None:
    objects = {"a.csv": b"k,n\n1,x\n", "b.csv": b"n,k\nx,1\n"}
    with pytest.raises(BadObject, match=r"b\.csv: .*the columns of .*a\.csv in another order"):
        run_on(objects, EVERYTHING, format=HEADER)


def test_objects_that_disagree_are_read_where_the_job_says_the_columns() -> None:
    objects = {"a.csv": b"k,n\n1,2\n", "b.csv": b"k,m\nx,1.0\n"}
    job = EVERYTHING | {"columns": "k VARCHAR, n DOUBLE"}
    assert csv_rows(run_on(objects, job, format=HEADER)) == [["1", "2.0"], ["x", "1.0"]]


def test_csv_without_names_and_header_asks_for_them() -> None:
    with pytest.raises(InvalidQuery, match=r"sql\.columns: got nothing.* the columns of s3://.*x\.csv are"):
        run_on({"x.csv": b"a,1\n"}, EVERYTHING)


EMPTY = {"none.csv": b"k,n\n", "none.csv.gz": gzip.compress(b"")}


def test_an_object_without_records_says_nothing_of_its_columns() -> None:
    job = {"map": "SELECT k, sum(n) AS n FROM input GROUP BY k"}
    outcome = run_on(EMPTY | {"some.csv": b"k,n\na,1\na,2\n"}, job, format=HEADER)
    assert csv_rows(outcome) == [["a", "3"]]


def test_an_input_without_any_records_asks_for_columns() -> None:
    with pytest.raises(BadObject, match=r"the input has no records.*sql\.columns"):
        run_on(EMPTY, EVERYTHING, format=HEADER)


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("blank.csv", b"\n\nk,n\na,b\n"),
        ("numbers.jsonl", b"1\n2\n"),
    ],
)
def test_an_object_that_does_not_say_its_columns_is_named(key: str, data: bytes) -> None:
    format = HEADER if ".csv" in key else None
    with pytest.raises(BadObject, match=f"{key}: does not say what its columns are: .*Give them"):
        run_on({key: data}, EVERYTHING, format=format)


def test_a_column_that_the_input_does_not_have_is_named() -> None:
    with pytest.raises(InvalidQuery, match=r'sql\.map: .*column "zip" not found'):
        run_on({"x.csv": b"k,n\na,1\n"}, {"map": "SELECT zip FROM input"}, format=HEADER)


# Parquet


def test_a_parquet_object_that_is_none_is_named() -> None:
    with pytest.raises(BadObject, match=r"x\.parquet: not a Parquet object .*leave it out of the input"):
        run_on({"x.parquet": b"k,n\na,1\n"}, SUM)


def test_a_parquet_object_without_a_column_is_named() -> None:
    objects = {f"{n}.parquet": parquet(f"SELECT 'a' AS k, 1 AS {n}") for n in ("n", "other")}
    with pytest.raises(BadObject, match=r"other\.parquet: has no column n, .*; it has k, other\."):
        run_on(objects, SUM)


def test_a_parquet_object_with_a_value_of_another_type_is_named() -> None:
    objects = {f"{n}.parquet": parquet(f"SELECT 'a' AS k, '{n}' AS n") for n in ("1", "x")}
    with pytest.raises(BadObject, match=r"/x\.parquet: .*Could not convert string 'x'"):
        run_on(objects, SUM)


def error_of(objects: dict[str, bytes]) -> str | None:
    try:
        run_on(objects, EVERYTHING)
    except BadObject as error:
        return str(error)
    return None


def test_a_damaged_parquet_object_is_named_wherever_it_is_damaged() -> None:
    whole = parquet("SELECT 'k' || i % 7 AS k, i AS n FROM range(3000) t(i)")
    for place in range(4, len(whole), len(whole) // 40):
        damaged = whole[:place] + bytes(byte ^ 0xFF for byte in whole[place : place + 9]) + whole[place + 9 :]
        # Or what was damaged is the name of a column, or nothing that is read.
        with suppress(InvalidQuery):
            error = error_of({"x.parquet": damaged})
            assert error is None or "x.parquet" in error


# Objects that change


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("x.csv", b"a,1\n", b"b,2\n"),
        ("x.csv.gz", gzip.compress(b"a,1\n"), gzip.compress(b"b,2\n")),
        ("x.parquet", parquet("SELECT 'a' AS k, 1 AS n"), parquet("SELECT 'b' AS k, 1 AS n")),
    ],
)
@pytest.mark.parametrize("columns", [COLUMNS, None])
def test_an_object_that_changed_since_it_was_listed_is_not_read(
    s3: S3Client, store: ObjectStore, key: str, before: bytes, after: bytes, columns: str | None
) -> None:
    etag = s3.put_object(Bucket=INPUT, Key=key, Body=before)["ETag"]
    s3.put_object(Bucket=INPUT, Key=key, Body=after)
    job = {"map": "SELECT * FROM input", "columns": columns}
    format = HEADER if ".csv" in key and not columns else None
    event = map_event(job, [piece(key, 0, len(before)) | {"etag": etag}], format=format)
    with pytest.raises(InputChanged, match=f"{key}: another object than when the job listed it"):
        run_map_task(MapTask.from_event(event), store, JOBS)
