import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from mypy_boto3_s3.client import S3Client

from mapreduce import Job, SqlJob
from mapreduce.errors import BadResult, InvalidParameter, RecordsLost, StorageUnavailable
from mapreduce.events import PublishTask, WithdrawTask
from mapreduce.results import (
    BUFFER_CHARACTERS,
    ResultWriter,
    output_format,
    publish,
    result_metadata,
    withdraw,
)
from mapreduce.rows import PYTHON_FORMATS
from mapreduce.storage import INTERMEDIATE, UPLOAD_PART_BYTES, ObjectStore
from tests.unit.pipeline import JOBS, read_all
from tests.unit.sample_jobs import Fussy, Shouted
from tests.unit.written import Row, written

NO_COLUMNS, TEXT_AND_COUNT = Fussy(), Shouted()
TASK = PublishTask("jobs/job-1/stage-0/", 2, 3)
STAGED = [f"jobs/job-1/stage-0/step-2/{partition}/0" for partition in range(3)]
RESULT = "jobs/job-1/stage-0/result/"


def stage(store: ObjectStore, partition: int, rows: list[Row], format: str | None = None) -> int:
    """Write what a reducer would; return how many bytes."""
    with ResultWriter(
        NO_COLUMNS,
        format,
        lambda metadata: store.write(JOBS, STAGED[partition], tag=INTERMEDIATE, metadata=metadata),
    ) as result:
        for key, value in rows:
            result.write(key, value)
    return result.size


def result_keys(s3: S3Client) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=JOBS, Prefix=RESULT).get("Contents", [])]


@pytest.fixture
def publishing_pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


# Formats


@pytest.mark.parametrize(
    ("row", "format", "text"),
    [
        (("a", 1), "csv", "a,1\n"),
        ((("a", 1), [2, 3]), "csv", "a,1,2,3\n"),
        (("a", {"n": 1}), "jsonl", '{"key": "a", "value": {"n": 1}}\n'),
        ((("a", 1), [[2]]), "jsonl", '{"key": ["a", 1], "value": [[2]]}\n'),
    ],
)
def test_the_first_row_decides_between_csv_and_json_lines(row: Row, format: str, text: str) -> None:
    assert written([row]) == (text, {"marla-format": format})


def test_rows_that_are_not_flat_may_be_followed_by_flat_ones() -> None:
    assert written([("a", {}), ("b", 1)])[0] == '{"key": "a", "value": {}}\n{"key": "b", "value": 1}\n'


def test_a_format_that_is_asked_for_is_kept() -> None:
    assert written([("a", 1)], "jsonl") == ('{"key": "a", "value": 1}\n', {"marla-format": "jsonl"})


def test_an_empty_result_has_the_format_that_was_asked_for_if_any() -> None:
    assert written([]) == ("", {"marla-format": "empty"})
    assert written([], "jsonl") == ("", {"marla-format": "jsonl"})


@pytest.mark.parametrize(
    ("job", "requested", "format"),
    [(NO_COLUMNS, None, None), (TEXT_AND_COUNT, None, "jsonl"), (TEXT_AND_COUNT, "csv", "csv")],
)
def test_the_executions_output_format_goes_before_the_jobs(
    job: Job, requested: object, format: str | None
) -> None:
    assert output_format(job, requested) == format


CHOICES = [
    (NO_COLUMNS, ["csv", "jsonl", "text", "raw"], "which is what a Python job writes"),
    (SqlJob(map="FROM input"), ["csv", "jsonl", "parquet"], "which is what a SQL job writes"),
]


@pytest.mark.parametrize(("job", "formats", "why"), CHOICES)
@pytest.mark.parametrize("requested", ["xml", "", 1, ["csv"], {}])
def test_a_wrong_output_format_names_value_and_choices(
    job: Job | SqlJob, formats: list[str], why: str, requested: object
) -> None:
    message = f"output: got {requested!r}; give one of {', '.join(formats)}, {why}"
    with pytest.raises(InvalidParameter, match=f"^{re.escape(message)}$"):
        output_format(job, requested)


@pytest.mark.parametrize(("job", "formats", "why"), CHOICES)
def test_each_kind_of_job_has_its_output_formats(job: Job | SqlJob, formats: list[str], why: str) -> None:
    for format in formats:
        assert output_format(job, format) == format
    for format in {"csv", "jsonl", "text", "raw", "parquet"} - set(formats):
        with pytest.raises(InvalidParameter, match=f"got '{format}'; .*{why}"):
            output_format(job, format)


def test_an_output_format_that_a_job_has_but_cannot_write_is_told() -> None:
    with pytest.raises(InvalidParameter, match=r"got 'text'; give one of csv, jsonl, parquet, .* SQL job"):
        output_format(SqlJob(map="FROM input", output="text"), None)


def test_a_sql_jobs_own_format_is_taken_where_the_execution_asks_for_none() -> None:
    assert output_format(SqlJob(map="FROM input", output="jsonl"), None) == "jsonl"
    assert output_format(SqlJob(map="FROM input"), None) is None


# Objects


@pytest.mark.parametrize("format", ["csv", "jsonl", "text"])
def test_a_large_result_is_whole(s3: S3Client, store: ObjectStore, format: str) -> None:
    count = 2 * UPLOAD_PART_BYTES // 1000
    with ResultWriter(
        NO_COLUMNS, format, lambda metadata: store.write(JOBS, "part", tag=INTERMEDIATE, metadata=metadata)
    ) as result:
        for number in range(count):
            result.write(f"{number:08}", "한" * 330)
    lines = read_all(s3, "part").decode().splitlines()
    assert len(lines) == result.rows == count
    assert lines == sorted(lines)
    assert store.describe(JOBS, "part").metadata == {"marla-format": format}


def test_a_large_result_of_raw_bytes_is_whole(s3: S3Client, store: ObjectStore) -> None:
    records = [number.to_bytes(10, "big") for number in range(2 * UPLOAD_PART_BYTES // 10)]
    with ResultWriter(
        NO_COLUMNS, "raw", lambda metadata: store.write(JOBS, "part", tag=INTERMEDIATE, metadata=metadata)
    ) as result:
        for record in records:
            result.write(record.decode("latin-1"), ())
    assert read_all(s3, "part") == b"".join(records)
    assert result.rows == len(records)


@pytest.mark.parametrize("rows_before", [0, 3, UPLOAD_PART_BYTES // BUFFER_CHARACTERS + 2])
def test_an_error_leaves_no_result_behind(s3: S3Client, store: ObjectStore, rows_before: int) -> None:
    def write_rows() -> None:
        with ResultWriter(NO_COLUMNS, "csv", lambda _: store.write(JOBS, "part", tag=INTERMEDIATE)) as result:
            for number in range(rows_before):
                result.write(number, "x" * BUFFER_CHARACTERS)
            result.write("bad", {})

    with pytest.raises(BadResult):
        write_rows()
    assert s3.list_objects_v2(Bucket=JOBS)["KeyCount"] == 0
    assert not s3.list_multipart_uploads(Bucket=JOBS).get("Uploads")


def test_a_result_whose_end_s3_does_not_take_leaves_nothing_behind(
    s3: S3Client, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FailsAtItsEnd(io.BytesIO):
        abandoned = False

        def write(self, data: Any) -> int:
            raise StorageUnavailable("SlowDown")

        def abandon(self) -> None:
            self.abandoned = True

    target: Any = FailsAtItsEnd()
    with pytest.raises(StorageUnavailable), ResultWriter(NO_COLUMNS, "csv", lambda _: target) as result:
        result.write("a", 1)
    assert target.abandoned


# Publication


def test_the_staged_partitions_become_the_result(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor
) -> None:
    for partition in range(3):
        stage(store, partition, [(f"key {partition}", partition)])
    assert publish(TASK, store, JOBS, publishing_pool) == {"format": "csv", "parts": 3}
    assert result_keys(s3) == [f"{RESULT}part-{partition:05}.csv" for partition in range(3)]
    assert [read_all(s3, key) for key in result_keys(s3)] == [b"key 0,0\n", b"key 1,1\n", b"key 2,2\n"]


@pytest.mark.parametrize(("sample", "tags"), [(0, []), (4, [{"Key": "marla", "Value": "intermediate"}])])
def test_what_is_published_of_a_sample_expires(
    s3: S3Client,
    store: ObjectStore,
    publishing_pool: ThreadPoolExecutor,
    sample: int,
    tags: list[dict[str, str]],
) -> None:
    stage(store, 0, [("key", 1)])
    publish(PublishTask(TASK.prefix, TASK.step, 1, sample), store, JOBS, publishing_pool)
    (key,) = result_keys(s3)
    assert s3.get_object_tagging(Bucket=JOBS, Key=key)["TagSet"] == tags


@pytest.mark.parametrize(
    ("format", "content_type"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("jsonl", "application/x-ndjson"),
        ("text", "text/plain; charset=utf-8"),
        ("raw", "application/octet-stream"),
    ],
)
def test_results_do_not_expire_and_say_what_they_are(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor, format: str, content_type: str
) -> None:
    for partition in range(3):
        stage(store, partition, [("key", "value")], format)
    publish(TASK, store, JOBS, publishing_pool)
    for staged in STAGED:
        tag_set = s3.get_object_tagging(Bucket=JOBS, Key=staged)["TagSet"]
        assert tag_set == [{"Key": "marla", "Value": "intermediate"}]
    for key in result_keys(s3):
        assert s3.get_object_tagging(Bucket=JOBS, Key=key)["TagSet"] == []
        assert s3.head_object(Bucket=JOBS, Key=key)["ContentType"] == content_type


def test_empty_partitions_take_the_format_of_the_others(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor
) -> None:
    stage(store, 0, [])
    stage(store, 1, [("key", {})])
    stage(store, 2, [])
    assert publish(TASK, store, JOBS, publishing_pool) == {"format": "jsonl", "parts": 3}
    assert [len(read_all(s3, key)) for key in result_keys(s3)] == [0, 28, 0]


@pytest.mark.parametrize(("format", "extension", "data"), [("text", "txt", b"a\tb\n"), ("raw", "bin", b"ab")])
def test_results_of_text_and_raw_bytes_have_the_names_that_are_usual_for_them(
    s3: S3Client,
    store: ObjectStore,
    publishing_pool: ThreadPoolExecutor,
    format: str,
    extension: str,
    data: bytes,
) -> None:
    stage(store, 0, [("a", "b")], format)
    stage(store, 1, [], format)
    stage(store, 2, [("a", "b")], format)
    assert publish(TASK, store, JOBS, publishing_pool) == {"format": extension, "parts": 3}
    assert result_keys(s3) == [f"{RESULT}part-{partition:05}.{extension}" for partition in range(3)]
    assert [read_all(s3, key) for key in result_keys(s3)] == [data, b"", data]


def test_a_result_without_any_row_is_an_empty_csv(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor
) -> None:
    for partition in range(3):
        stage(store, partition, [])
    assert publish(TASK, store, JOBS, publishing_pool) == {"format": "csv", "parts": 3}


def test_partitions_of_several_formats_publish_nothing_and_say_what_to_set(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor
) -> None:
    stage(store, 0, [("a", 1)])
    stage(store, 1, [("b", {})])
    stage(store, 2, [])
    with pytest.raises(BadResult, match="some partitions' rows are flat and others' are not: set output"):
        publish(TASK, store, JOBS, publishing_pool)
    assert result_keys(s3) == []


def test_a_copy_that_fails_leaves_others_that_are_withdrawn(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for partition in range(3):
        stage(store, partition, [("key", 1)])
    copy, copied = store.copy, []

    def fail_at_last(bucket: str, source: str, target: str, **options: Any) -> None:
        if source == STAGED[2]:
            raise StorageUnavailable("SlowDown")
        copy(bucket, source, target, **options)
        copied.append(target)

    monkeypatch.setattr(store, "copy", fail_at_last)
    with pytest.raises(StorageUnavailable, match="SlowDown"):
        publish(TASK, store, JOBS, publishing_pool)
    publishing_pool.shutdown()  # waits for the other copies
    assert len(copied) == len(result_keys(s3)) == 2
    with ThreadPoolExecutor(2) as pool:
        withdraw(WithdrawTask(TASK.prefix, 3), store, JOBS, pool)
    assert result_keys(s3) == []


@pytest.mark.parametrize("format", PYTHON_FORMATS)
def test_parts_are_withdrawn_whatever_their_format(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor, format: str
) -> None:
    other = f"{RESULT}notes.txt"
    s3.put_object(Bucket=JOBS, Key=other, Body=b"not of this job")
    for partition in range(3):
        stage(store, partition, [("key", "a")], format)
    publish(TASK, store, JOBS, publishing_pool)
    assert len(result_keys(s3)) == 4
    withdraw(WithdrawTask(TASK.prefix, 3), store, JOBS, publishing_pool)
    assert result_keys(s3) == [other]


def test_parts_of_another_size_than_was_written_are_not_published(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor
) -> None:
    sizes = [stage(store, partition, [("key", 1)]) for partition in range(3)]
    with pytest.raises(RecordsLost, match="bytes where reducers wrote"):
        publish(replace(TASK, bytes=sum(sizes) + 1), store, JOBS, publishing_pool)
    assert result_keys(s3) == []
    assert publish(replace(TASK, bytes=sum(sizes)), store, JOBS, publishing_pool)["parts"] == 3


def test_publishing_again_gives_the_same_result(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor
) -> None:
    for partition in range(3):
        stage(store, partition, [("key", partition)])
    first = publish(TASK, store, JOBS, publishing_pool), result_keys(s3)
    assert (publish(TASK, store, JOBS, publishing_pool), result_keys(s3)) == first


def stage_rows(store: ObjectStore, partition: int, format: str, columns: list[str]) -> None:
    metadata = result_metadata(format, columns)
    with store.write(JOBS, STAGED[partition], tag=INTERMEDIATE, metadata=metadata) as part:
        part.write(b"rows")


@pytest.mark.parametrize("columns", [["ip", "revenue"], ['"a b"', "한글", ""], []])
def test_a_published_result_tells_the_columns_that_its_parts_know(
    store: ObjectStore, publishing_pool: ThreadPoolExecutor, columns: list[str]
) -> None:
    for partition in range(3):
        stage_rows(store, partition, "parquet", columns)
    assert publish(TASK, store, JOBS, publishing_pool) == {
        "format": "parquet",
        "parts": 3,
        "columns": columns,
    }


def test_names_of_columns_that_are_too_long_for_metadata_are_left_out(
    store: ObjectStore, publishing_pool: ThreadPoolExecutor
) -> None:
    for partition in range(3):
        stage_rows(store, partition, "csv", ["a long name of a column"] * 100)
    assert publish(TASK, store, JOBS, publishing_pool) == {"format": "csv", "parts": 3}


def test_a_parquet_result_has_its_name_and_type(
    s3: S3Client, store: ObjectStore, publishing_pool: ThreadPoolExecutor
) -> None:
    for partition in range(3):
        stage_rows(store, partition, "parquet", ["k"])
    publish(TASK, store, JOBS, publishing_pool)
    assert result_keys(s3) == [f"{RESULT}part-{number:05}.parquet" for number in range(3)]
    part = s3.get_object(Bucket=JOBS, Key=f"{RESULT}part-00000.parquet")
    assert (part["ContentType"], part["Body"].read()) == ("application/vnd.apache.parquet", b"rows")
