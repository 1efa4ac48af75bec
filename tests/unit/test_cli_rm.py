"""`marla rm` and `marla stop`: what goes, what stays, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from marla import cli, removal
from tests.unit.fake_executions import EXECUTION, FakeExecutions, stack_of

Out = pytest.CaptureFixture[str]
PAGE = 3


class FakeBucket:
    """A bucket as S3 has it, with pages of few keys, and uploads that are under way."""

    def __init__(self, *keys: str, uploads: tuple[str, ...] = (), undeletable: str = "") -> None:
        self.keys = set(keys)
        self.uploads = list(uploads)
        self.undeletable = undeletable
        self.largest_request = 0

    def list_objects_v2(self, Bucket: str, Prefix: str, StartAfter: str = "") -> dict[str, Any]:  # noqa: N803
        assert Bucket == "bucket"
        keys = sorted(key for key in self.keys if key.startswith(Prefix) and key > StartAfter)
        page: dict[str, Any] = {"IsTruncated": len(keys) > PAGE}
        return page | ({"Contents": [{"Key": key, "Size": 10} for key in keys[:PAGE]]} if keys else {})

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "bucket"
        assert Delete["Quiet"]
        keys = {each["Key"] for each in Delete["Objects"]}
        self.largest_request = max(self.largest_request, len(keys))
        refused = {self.undeletable} & keys
        self.keys -= keys - refused
        errors = [{"Key": key, "Code": "AccessDenied", "Message": "no"} for key in refused]
        return {"Errors": errors} if errors else {}

    def get_paginator(self, operation: str) -> FakeBucket:
        assert operation == "list_multipart_uploads"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        assert Bucket == "bucket"
        found = [{"Key": key, "UploadId": f"of {key}"} for key in self.uploads if key.startswith(Prefix)]
        return [{}, {"Uploads": found}]

    def abort_multipart_upload(self, Bucket: str, Key: str, UploadId: str) -> None:  # noqa: N803
        assert (Bucket, UploadId) == ("bucket", f"of {Key}")
        self.uploads.remove(Key)


def do(
    monkeypatch: pytest.MonkeyPatch, sfn: FakeExecutions, bucket: FakeBucket | None, *arguments: str
) -> int:
    monkeypatch.setattr(cli, "connect", lambda options: stack_of(sfn, bucket))
    return cli.main(list(arguments))


def job(name: str) -> list[str]:
    places = [
        "map/0",
        "map/1",
        "step-1/0/0",
        "receipts/plan.json",
        "rejects/0.jsonl",
        "result/part-00000.csv",
    ]
    return [f"jobs/{name}/stage-0/{place}" for place in [*places, "sample/result/part-00000.jsonl"]]


NEIGHBOURS = ["input/0a/x", *job("one-2"), *job("on"), "jobs/one", "jobs/one.csv"]


@pytest.mark.parametrize("name", ["one", "o*e", "ünï", "a b"])
def test_all_of_a_job_goes_and_nothing_else(monkeypatch: pytest.MonkeyPatch, capsys: Out, name: str) -> None:
    bucket = FakeBucket(*NEIGHBOURS, *job(name))
    assert do(monkeypatch, FakeExecutions(**{name: {}}), bucket, "rm", name) == 0
    assert bucket.keys == set(NEIGHBOURS)
    assert f"Removed 7 objects, 70 B: s3://bucket/jobs/{name}/\n" in capsys.readouterr().err


def test_the_result_is_kept_if_that_is_asked_for_but_not_that_of_a_sample(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    bucket = FakeBucket(*job("one"))
    assert do(monkeypatch, FakeExecutions(one={}), bucket, "rm", "one", "--keep-result", "--json") == 0
    assert bucket.keys == {"jobs/one/stage-0/rejects/0.jsonl", "jobs/one/stage-0/result/part-00000.csv"}
    told = capsys.readouterr()
    assert "Kept 2 objects" in told.err
    assert json.loads(told.out) == {"job": "one", "objects": 5, "bytes": 50, "uploads": 0, "kept": 2}


def test_uploads_that_were_never_completed_go_too(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    bucket = FakeBucket(uploads=("jobs/one/stage-0/map/0", "jobs/one-2/stage-0/map/0"))
    assert do(monkeypatch, FakeExecutions(one={}), bucket, "rm", "one") == 0
    assert bucket.uploads == ["jobs/one-2/stage-0/map/0"]
    assert "Removed 0 objects, 0 B, and 1 uploads that were never completed" in capsys.readouterr().err


def test_no_request_names_more_objects_than_s3_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "DELETED_AT_ONCE", 4)
    bucket = FakeBucket(*(f"jobs/one/stage-0/map/{number}" for number in range(10)))
    assert do(monkeypatch, FakeExecutions(one={}), bucket, "rm", "one") == 0
    assert (bucket.keys, bucket.largest_request) == (set(), 4)


def test_objects_that_cannot_be_deleted_are_told_when_all_others_are(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    bucket = FakeBucket(*job("one"), undeletable="jobs/one/stage-0/map/0")
    assert do(monkeypatch, FakeExecutions(one={}), bucket, "rm", "one") == 1
    assert bucket.keys == {"jobs/one/stage-0/map/0"}
    told = "6 objects are deleted, and 1 could not be: jobs/one/stage-0/map/0: AccessDenied: no"
    assert told in capsys.readouterr().err


def test_the_job_of_a_resumed_execution_is_that_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = FakeBucket(*job("one"), *job("other"))
    sfn = FakeExecutions(two={"status": "SUCCEEDED", "input": {"job": "x", "resume": "one"}})
    assert do(monkeypatch, sfn, bucket, "rm", f"{EXECUTION}two") == 0
    assert bucket.keys == set(job("other"))


def test_an_execution_that_was_refused_takes_no_others_job_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    bucket = FakeBucket(*job("one"))
    for resumed, error in (("one", "ResumeRefused"), ("one/stage-0", "InvalidInput")):
        sfn = FakeExecutions(two={"error": error, "input": {"job": "x", "resume": resumed}})
        assert do(monkeypatch, sfn, bucket, "rm", "two") == 1
        assert f"two was refused ({error}) and wrote nothing" in capsys.readouterr().err
    assert bucket.keys == set(job("one"))


@pytest.mark.parametrize("running", ["one", "two"])
def test_a_job_that_runs_is_not_removed(monkeypatch: pytest.MonkeyPatch, capsys: Out, running: str) -> None:
    bucket = FakeBucket(*job("one"))
    executions: dict[str, Any] = {"one": {}, "two": {"input": {"job": "x", "resume": "one"}}}
    executions[running]["status"] = "RUNNING"
    for given in ("one", "two"):
        assert do(monkeypatch, FakeExecutions(**executions), bucket, "rm", given) == 1
        said = capsys.readouterr().err
        assert f"{running} is running" in said
        assert f"`marla stop {running} --stack marla --region us-east-1` stops it; then remove it" in said
    assert bucket.keys == set(job("one"))


def test_what_step_functions_has_forgotten_can_be_removed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = FakeBucket(*job("one"))
    assert do(monkeypatch, FakeExecutions(), bucket, "rm", "one") == 0
    assert not bucket.keys


def test_nothing_to_remove_is_said(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    assert do(monkeypatch, FakeExecutions(), FakeBucket(*job("one-2")), "rm", "one") == 1
    assert "there is nothing under s3://bucket/jobs/one/\n" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", ".", "..", "one/stage-0", "../input", "arn:aws:states:::execution:x:y"])
def test_what_is_no_name_of_an_execution_removes_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    bucket = FakeBucket(*job("one"), "jobs//x", "input/x")
    before = set(bucket.keys)
    assert do(monkeypatch, FakeExecutions(), bucket, "rm", name) == 2
    assert bucket.keys == before


def test_an_execution_is_stopped_by_its_name(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    sfn = FakeExecutions(one={"status": "RUNNING"})
    assert do(monkeypatch, sfn, None, "stop", "one", "--json") == 0
    assert sfn.stopped == [f"{EXECUTION}one"]
    told = capsys.readouterr()
    assert "`marla run --resume one --stack marla` continues it" in told.err
    assert json.loads(told.out) == {"execution": f"{EXECUTION}one", "status": "ABORTED"}


def test_what_is_over_is_not_stopped(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    sfn = FakeExecutions(one={"status": "SUCCEEDED"})
    assert do(monkeypatch, sfn, None, "stop", "one") == 0
    assert sfn.stopped == []
    assert "one is over already: SUCCEEDED" in capsys.readouterr().err
    assert do(monkeypatch, sfn, None, "stop", "other") == 1
    assert "has no execution other" in capsys.readouterr().err
