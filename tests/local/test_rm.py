"""`marla stop` and `marla rm` on the local cloud."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from marla import cli, execution
from marla.stack import Stack
from tests.local.conftest import Put

pytestmark = pytest.mark.usefixtures("cloud")

Marla = Callable[..., tuple[int, str, str]]


@pytest.fixture
def marla(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Marla:
    """Run a command on the tests' stack as it is deployed: exit status, standard output, standard error."""
    monkeypatch.setattr(cli, "connect", lambda options, start=False: stack)

    def marla(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli.main(list(arguments))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return marla


def keys(stack: Stack, prefix: str = "") -> set[str]:
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.job_bucket, Prefix=prefix)
    return {each["Key"] for page in pages for each in page.get("Contents", [])}


def test_a_job_is_removed_with_all_that_it_wrote_and_nothing_else(
    stack: Stack, put: Put, marla: Marla
) -> None:
    folder = put({"x": b"a b a"})
    for name in ("to-remove", "to-remove-not"):
        assert marla("run", "wordcount", folder, "--name", name)[0] == 0
    stack.s3.put_object(Bucket=stack.job_bucket, Key="input/to-remove/x", Body=b"a")
    before = keys(stack)
    upload: Any = {"Bucket": stack.job_bucket, "Key": "jobs/to-remove/stage-0/map/7"}
    stack.s3.create_multipart_upload(**upload)

    status, _, err = marla("rm", "to-remove", "--keep-result")
    assert status == 0
    assert keys(stack, "jobs/to-remove/") == {"jobs/to-remove/stage-0/result/part-00000.csv"}
    assert "and 1 uploads that were never completed" in err
    assert not stack.s3.list_multipart_uploads(Bucket=stack.job_bucket).get("Uploads")
    assert marla("result", "to-remove")[1].split() == ["word", "count", "a", "2", "b", "1"]

    status, out, _ = marla("rm", "to-remove", "--json")
    assert status == 0
    counts = {"objects": 1, "bytes": 8, "uploads": 0, "kept": 0}
    assert json.loads(out) == {"job": "to-remove"} | counts
    assert keys(stack) == {key for key in before if not key.startswith("jobs/to-remove/")}

    status, _, err = marla("rm", "to-remove")
    assert status == 1
    assert err == f"marla: there is nothing under s3://{stack.job_bucket}/jobs/to-remove/\n"


def test_a_job_that_runs_is_stopped_before_it_is_removed(stack: Stack, put: Put, marla: Marla) -> None:
    folder = put({f"{number}.txt": b"a b" for number in range(60)})
    asked = {"job": "wordcount", "input": folder, "splitBytes": 1, "concurrency": 1}
    execution.start(stack, asked, "to-stop")
    deadline = time.monotonic() + 60
    while not keys(stack, "jobs/to-stop/stage-0/map/"):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    status, _, err = marla("rm", "to-stop")
    assert status == 1
    assert "to-stop is running" in err
    assert keys(stack, "jobs/to-stop/stage-0/map/")

    status, _, err = marla("stop", "to-stop")
    assert status == 0
    assert "`marla run --resume to-stop` continues it" in err
    status, out, err = marla("watch", "to-stop", "--json")
    assert status == 1
    assert json.loads(out)["status"] == "ABORTED"
    assert "Stopped from the command line" in err
    assert err.splitlines()[-1].startswith("`marla run --resume to-stop` continues it")
    assert marla("stop", "to-stop")[2] == "to-stop is over already: ABORTED\n"

    assert marla("rm", "to-stop")[0] == 0
