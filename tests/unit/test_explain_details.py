"""What a task says of the data, fetched from its object, and the job's own lines of a traceback."""

from __future__ import annotations

import json
import traceback

import pytest

from marla import details
from tests.unit.failed_cloud import FakeCloud
from tests.unit.memory_s3 import MemoryS3, Stored

KEY = "jobs/job-1/stage-0/errors/map/3.json"
SHORT = f"no data. What it says of the data is in s3://job-bucket/{KEY}, which `marla` shows"
OF_JOB = """Traceback (most recent call last):
  File "/var/task/mapreduce/shuffle.py", line 50, in combined
    return job.combine(key, values)
           ^^^^^^^^^^^^^^^^^^^^^^^^
  File "/var/task/jobs/mine.py", line 7, in combine
    return helped(values)
  File "/var/task/jobs/mine.py", line 3, in helped
    return json.loads(values)
  File "/usr/lib/python3.13/json/__init__.py", line 339, in loads
    raise TypeError("no")
TypeError: no
with more

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/var/task/mapreduce/shuffle.py", line 52, in combined
    raise JobFailed("why")
mapreduce.errors.JobFailed: why
"""


def of(content: bytes, message: str = SHORT) -> details.Detail:
    s3 = MemoryS3()
    s3.objects["job-bucket", KEY] = Stored(content, {}, "")
    return details.of(FakeCloud(s3).stack(), message)


def test_the_whole_of_a_message_is_fetched_with_the_jobs_own_frames() -> None:
    found = of(json.dumps({"message": "all of it", "traceback": OF_JOB}).encode())
    assert found.message == "all of it"
    assert found.traceback == (
        '  File "jobs/mine.py", line 7, in combine',
        "    return helped(values)",
        '  File "jobs/mine.py", line 3, in helped',
        "    return json.loads(values)",
        "TypeError: no",
        "with more",
    )


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'"x"', b"\xff"])
def test_what_cannot_be_read_leaves_the_message_as_it_is(content: bytes) -> None:
    assert of(content) == details.Detail(SHORT)


def test_an_object_that_is_gone_leaves_the_message_as_it_is() -> None:
    assert details.of(FakeCloud(MemoryS3()).stack(), SHORT) == details.Detail(SHORT)


@pytest.mark.parametrize(
    "message",
    [
        SHORT.replace("job-bucket", "anothers-bucket"),
        SHORT.replace("/errors/", "/result/"),
        f"{SHORT} and more",
    ],
)
def test_no_other_object_is_read(message: str) -> None:
    assert of(json.dumps({"message": "all of it"}).encode(), message).message == message


def test_a_traceback_without_a_jobs_file_shows_nothing() -> None:
    assert details.frames_of_job(OF_JOB.replace("/jobs/mine.py", "/other/mine.py")) == ()
    assert details.frames_of_job("") == ()
    assert details.frames_of_job("Traceback (most recent call last):\n") == ()


def test_a_traceback_that_python_formats_is_understood() -> None:
    code = compile("def map(record):\n    return float(record)\n", "/tmp/jobs/mine.py", "exec")
    names: dict[str, object] = {}
    exec(code, names)
    try:
        names["map"]("x")  # type: ignore[operator]
    except ValueError as error:
        formatted = "".join(traceback.format_exception(error))
    assert details.frames_of_job(formatted) == (
        '  File "jobs/mine.py", line 2, in map',
        "ValueError: could not convert string to float: 'x'",
    )
