"""Jobs that cannot succeed: each ends with a named error, told where and what to do, and no result."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from mapreduce import catalogue
from marla import cli
from marla.stack import Stack
from tests.local.conftest import READABLE, UNREADABLE, Job, Put, Run

GOOD = b"1.2.3.4,/,2000-01-01,0.5,A,DE,de,w,1\n"


@pytest.fixture
def fail(run: Run) -> Run:
    """Run an execution that must fail, and leave no result."""

    def fail(**execution_input: Any) -> Job:
        job = run(**execution_input)
        assert job.progress.status == "FAILED"
        assert [key for key in job.keys("") if "/result/" in key] == []
        return job

    return fail


# ---- what is asked for -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "field", "remedy"),
    [
        ({"partitions": 0}, "partitions: got 0", "give a whole number from 1 to 1000"),
        ({"splitBytes": "64MB"}, "splitBytes: got 64MB", "give a whole number"),
        ({"splitByte": 64}, "splitByte: unknown field", "the fields are"),
        ({"output": "xlsx"}, "output: got xlsx", "give csv, jsonl, parquet, text or raw"),
        ({"input": "bucket/prefix"}, "input: got bucket/prefix", "s3://bucket/prefix/"),
    ],
)
def test_a_wrong_option_is_named_with_what_it_takes(
    fail: Run, options: dict[str, Any], field: str, remedy: str
) -> None:
    failure = fail(**({"job": "wordcount", "input": f"s3://{READABLE}/"} | options)).failure
    assert failure.name == "InvalidInput"
    assert field in failure.cause
    assert remedy in failure.cause


def test_all_wrong_options_are_told_at_once(fail: Run) -> None:
    failure = fail(job="", input=[], fanIn=1).failure
    assert failure.name == "InvalidInput"
    assert [problem.partition(":")[0] for problem in failure.cause.split("; ") if ": " in problem] == [
        "job",
        "input",
        "fanIn",
    ]


def test_an_unknown_job_fails_with_the_jobs_that_there_are(fail: Run) -> None:
    job = fail(job="wordcuont", input=f"s3://{READABLE}/")
    assert job.failure.name == "UnknownJob"
    assert f"'wordcuont'; the jobs are {', '.join(catalogue.names())}" in job.failure.cause
    assert job.keys("") == []


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"prefix": "8"}, 'params.prefix: got "8"; give a whole number'),
        ({"prefix": 0}, "params.prefix: got 0; give at least 1"),
        ({"suffix": 8}, "params.suffix: this job has no such parameter; it takes prefix"),
    ],
)
def test_a_wrong_parameter_is_named_before_any_input_is_read(
    fail: Run, params: dict[str, Any], told: str
) -> None:
    job = fail(job="uservisits", input="s3://no-such-bucket-here/", params=params)
    assert job.failure.name == "InvalidParameter"
    assert told in job.failure.cause


def test_a_format_option_that_is_not_there_is_named(fail: Run, put: Put) -> None:
    source = {"uri": put({"x": GOOD}), "format": {"type": "csv", "separator": ";"}}
    failure = fail(job="uservisits", input=source).failure
    assert failure.name == "InvalidParameter"
    assert "format.separator: csv has no such option; it takes delimiter, quote" in failure.cause


# ---- input that cannot be read ---------------------------------------------------------------------------


def test_a_bucket_that_does_not_exist_is_named(fail: Run) -> None:
    failure = fail(job="wordcount", input="s3://no-such-bucket-here/data/").failure
    assert failure.name == "InputNotReadable"
    assert "no-such-bucket-here" in failure.cause
    assert "InputBuckets" in failure.cause


def test_a_bucket_that_the_stack_may_not_read_is_named_with_the_parameter_to_change(
    fail: Run, stack: Stack
) -> None:
    stack.s3.put_object(Bucket=UNREADABLE, Key="data/x", Body=b"secret")
    failure = fail(job="wordcount", input=f"s3://{UNREADABLE}/data/").failure
    assert failure.name == "InputNotReadable"
    assert f"the bucket {UNREADABLE} could not be listed" in failure.cause
    assert "InputBuckets" in failure.cause


def test_what_other_jobs_wrote_in_between_is_no_input(fail: Run, run: Run, put: Put) -> None:
    done = run(job="wordcount", input=put({"x": b"a b"}))
    failure = fail(
        job="wordcount", input=f"s3://{done.stack.job_bucket}/jobs/{done.name}/stage-0/map/"
    ).failure
    assert failure.name == "InputNotReadable"
    assert failure.task == 0
    assert f"s3://{done.stack.job_bucket}/jobs/{done.name}/stage-0/map/0: access denied" in failure.cause


@pytest.mark.parametrize("objects", [{}, {"empty": b"", "folder/": b""}])
def test_an_input_of_nothing_is_an_error_not_an_empty_result(
    fail: Run, put: Put, objects: dict[str, bytes]
) -> None:
    folder = put(objects)
    failure = fail(job="wordcount", input=folder).failure
    assert failure.name == "NoInput"
    assert folder in failure.cause


def test_a_prefix_that_is_neither_object_nor_folder_is_not_taken_for_one(fail: Run, put: Put) -> None:
    folder = put({"data-old": b"x", "data2/x": b"x"})
    failure = fail(job="wordcount", input=f"{folder}data").failure
    assert failure.name == "NoInput"
    assert f"{folder}data." in failure.cause
    assert "ends in *" in failure.cause


# ---- objects and records ---------------------------------------------------------------------------------

CASES: dict[str, tuple[str, bytes, dict[str, Any], str, int, str]] = {
    "a record of too few fields": (
        "visits.csv",
        GOOD * 100 + b"1.2.3.4,/,2000-01-01\n" + GOOD,
        {},
        "BadRecord",
        100 * len(GOOD),
        "3 fields where 9 are expected; correct it, or set maxBadRecords",
    ),
    "a record for which the job's map raises": (
        "visits.csv",
        GOOD * 3 + GOOD.replace(b"0.5", b"free") + GOOD,
        {},
        "BadRecord",
        3 * len(GOOD),
        "to float: 'free' (jobs/uservisits.py line 21); correct it, or set maxBadRecords",
    ),
    "one bad record more than allowed": (
        "visits.csv",
        b"bad\n" + GOOD + b"bad\n",
        {"maxBadRecords": 1},
        "BadRecord",
        4 + len(GOOD),
        "it is one more than maxBadRecords (1) allows",
    ),
    "a bad record behind a cut": (
        "visits.csv",
        GOOD * 5000 + b"bad\n",
        {"splitBytes": 50_000},
        "BadRecord",
        5000 * len(GOOD),
        "1 fields where 9 are expected",
    ),
    "a bad record in a compressed object": (
        "visits.csv.gz",
        gzip.compress(GOOD * 100 + b"bad\n"),
        {},
        "BadRecord",
        100 * len(GOOD),
        "of the decompressed data: LineError: 1 fields",
    ),
    "a record that is too long": (
        "visits.csv",
        GOOD * 2 + b"x" * 2000 + b"\n",
        {"maxRecordBytes": 1000},
        "RecordTooLong",
        2 * len(GOOD),
        "a record of more than 1000 bytes. Raise maxRecordBytes",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_with_a_record_is_told_with_object_and_byte_offset(
    fail: Run, put: Put, case: str
) -> None:
    name, body, options, error, offset, told = CASES[case]
    folder = put({"before.csv": GOOD, name: body})
    job = fail(job="uservisits", input=folder, **options)
    failure = job.failure
    assert failure.name == error
    assert (failure.object, failure.offset) == (f"{folder}{name}", offset)
    assert told in failure.cause
    assert failure.state == "Map"
    assert failure.task is not None
    data = gzip.decompress(body) if name.endswith(".gz") else body
    excerpt = job.explanation.excerpt
    assert excerpt is not None
    [shown] = [line for line in excerpt.lines if line.bad]
    assert (excerpt.object, shown.offset, excerpt.note) == (f"{folder}{name}", offset, "")
    assert shown.text.rstrip("…") == data[offset:].partition(b"\n")[0][:160].decode()
    [attempt] = job.explanation.attempts
    assert (attempt.number, attempt.error, attempt.recorded) == (1, error, True)
    assert job.explanation.log is not None
    assert any(error in line for line in job.explanation.log.lines)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("visits.csv.gz", lambda packed: packed[:-10]),
        ("visits.csv.gz", lambda packed: packed[:200] + b"garbage" + packed[207:]),
        ("visits.csv.gz", lambda packed: GOOD),
        ("visits.csv.bz2", lambda packed: packed),
        ("visits.csv.zst", lambda packed: packed),
    ],
    ids=["truncated", "overwritten", "not compressed", "gzip named bz2", "gzip named zst"],
)
def test_an_object_that_does_not_decompress_is_named_and_no_part_of_it_counts(
    fail: Run, put: Put, name: str, damage: Callable[[bytes], bytes]
) -> None:
    body = b"".join(GOOD.replace(b"/", b"/%d" % number) for number in range(5000))
    folder = put({name: damage(gzip.compress(body))})
    job = fail(job="uservisits", input=folder, maxBadRecords=1000)
    assert job.failure.name == "BadObject"
    assert f"{folder}{name}: damaged" in job.failure.cause
    assert "Upload it again, or leave it out of the input" in job.failure.cause
    assert job.failure.object == f"{folder}{name}"
    assert job.explanation.excerpt is None
    assert job.keys("stage-0/map/") == []


def test_a_second_stage_that_fails_leaves_the_first_ones_result_but_none_of_its_own(
    run: Run, put: Put
) -> None:
    job = run(input=put({"x": b"a b"}), stages=[{"job": "wordcount"}, {"job": "uservisits"}])
    assert job.failure.name == "BadRecord"
    assert job.failure.object == f"s3://{job.stack.job_bucket}/jobs/{job.name}/stage-0/result/part-00000.csv"
    assert job.failure.offset == 0
    assert job.explanation.excerpt is not None
    assert [line.text for line in job.explanation.excerpt.lines] == ["a,1", "b,1"]
    assert len(job.keys("stage-0/result/")) == 1
    assert job.keys("stage-1/result/") == []


# ---- on the command line ---------------------------------------------------------------------------------

Marla = Callable[..., tuple[int, str, str]]


@pytest.fixture
def marla(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Marla:
    """Run a command on the tests' stack as it is deployed: exit status, standard output, standard error."""
    monkeypatch.setattr(cli, "connect", lambda options, start=False: stack)

    def marla(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(list(arguments))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return marla


def test_the_command_line_shows_task_object_and_offset_of_a_bad_record(marla: Marla, put: Put) -> None:
    folder = put({"good": GOOD, "visits.csv": GOOD * 10 + b"bad\n"})
    split = str(2 * 262_144)  # of the tape, on which each object costs half of it: a mapper for each
    status, out, err = marla("run", "uservisits", folder, "--split-bytes", split)
    assert status == 1
    assert out == ""
    assert err.startswith("Started arn:aws:states:")
    assert "BadRecord in Map, task 1" in err
    assert f"{folder}visits.csv at byte {10 * len(GOOD)}: " in err
    assert "set maxBadRecords" in err
    assert "Job failed after" in err


def test_what_was_set_aside_is_shown_where_it_was_too_much_of_all_tasks_together(run: Run, put: Put) -> None:
    folder = put({"a": GOOD + b"bad\n", "b": b"worse,x\n" + GOOD})
    split = 2 * 262_144  # of the tape, on which each object costs half of it: a mapper for each
    job = run(job="uservisits", input=folder, maxBadRecords=1, splitBytes=split)
    assert job.failure.name == "TooManyBadRecords"
    assert [(each.object, each.offset) for each in job.explanation.rejects] == [
        (f"{folder}a", len(GOOD)),
        (f"{folder}b", 0),
    ]
    assert "1 fields where 9 are expected" in job.explanation.rejects[0].reason
    assert job.explanation.excerpt is not None
    assert [line.text for line in job.explanation.excerpt.lines if line.bad] == ["bad"]


def test_the_line_of_a_jobs_own_code_that_raised_is_shown(fail: Run, put: Put) -> None:
    job = fail(job="uservisits", input=put({"x": GOOD.replace(b"0.5", b"free")}))
    file, line, error = job.explanation.traceback
    assert file.startswith('  File "jobs/uservisits.py", line ')
    assert "float(" in line
    assert error == "ValueError: could not convert string to float: 'free'"


def test_a_failure_is_explained_on_standard_output(marla: Marla, put: Put) -> None:
    folder = put({"visits.csv": GOOD + b"bad\n" + GOOD})
    marla("run", "uservisits", folder, "--name", "fails-and-is-explained")
    status, out, err = marla("explain", "fails-and-is-explained")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "BadRecord in Map, task 0"
    assert lines[1].startswith(f"  {folder}visits.csv at byte {len(GOOD)}: LineError: 1 fields")
    assert f"> {len(GOOD)}  bad" in lines
    assert any(line.startswith("Job failed after ") for line in lines)
    status, out, _ = marla("explain", "fails-and-is-explained", "--json")
    document = json.loads(out)
    assert (status, document["status"], document["error"]["task"]) == (0, "FAILED", 0)
    assert document["attempts"][0]["error"] == "BadRecord"
    assert "/Map:" in document["child"]


def test_what_did_not_fail_is_not_explained(marla: Marla, put: Put) -> None:
    marla("run", "wordcount", put({"x": b"a b"}), "--name", "succeeds", "--json")
    status, out, err = marla("explain", "succeeds")
    assert (status, out) == (0, "")
    assert err.startswith("succeeds succeeded in ")
    status, out, err = marla("explain", "was-never-started")
    assert (status, out) == (1, "")
    assert "has no execution was-never-started" in err


def test_the_json_document_of_a_failed_job_has_the_error(marla: Marla, put: Put) -> None:
    folder = put({"visits.csv": GOOD + b"bad\n"})
    status, out, _ = marla("run", "uservisits", folder, "--json", "--name", "fails-in-json")
    assert status == 1
    document = json.loads(out)
    assert document["status"] == "FAILED"
    assert document["execution"].endswith(":fails-in-json")
    assert "result" not in document
    error = document["error"]
    assert error["cause"].startswith(f"{folder}visits.csv at byte {len(GOOD)}: ")
    assert {name: error[name] for name in ("name", "state", "task", "object", "offset")} == {
        "name": "BadRecord",
        "state": "Map",
        "task": 0,
        "object": f"{folder}visits.csv",
        "offset": len(GOOD),
    }


def test_a_failed_job_has_no_result_to_show_but_its_error_can_be_seen_again(marla: Marla, put: Put) -> None:
    marla("run", "wordcount", put({}), "--name", "fails-and-is-seen")
    status, out, err = marla("result", "fails-and-is-seen")
    assert (status, out) == (1, "")
    assert "`marla explain fails-and-is-seen`" in err
    status, out, err = marla("watch", "fails-and-is-seen")
    assert (status, out) == (1, "")
    assert "NoInput in No input" in err
