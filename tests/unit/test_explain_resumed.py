"""A job that was resumed by now, or removed: nobody is told to resume it again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console as Terminal

from mapreduce.layout import plan_key, published_key, stage_prefix
from marla import resume
from marla.explain import search, show
from marla.explain.explanation import Explanation
from tests.unit.console_cloud import Console
from tests.unit.failed_cloud import ARN, FakeCloud, cause_of, refusal
from tests.unit.memory_s3 import MemoryS3

CAUSE = cause_of("s3://in/x.csv at byte 5: LineError: no; correct it")
COMMAND = "marla run --resume job-1 --max-bad-records N --stack marla"
GONE = "Nothing of the job is left that could be resumed"


@pytest.fixture
def cloud() -> FakeCloud:
    """An execution that a bad record has ended."""
    cloud = FakeCloud(MemoryS3())
    cloud.fail("BadRecord", CAUSE)
    return cloud


def explained(cloud: FakeCloud) -> Explanation:
    found = search.explain(cloud.stack(), ARN, where=" --stack marla")
    assert found is not None
    return found


def last_line(found: Explanation) -> str:
    terminal = Terminal(width=80)
    with terminal.capture() as capture:
        show.explanation(terminal, found)
    return capture.get().splitlines()[-1]


def test_what_was_resumed_says_which_execution_has_the_result(cloud: FakeCloud) -> None:
    cloud.publish("job-1-r")
    found = explained(cloud)
    told = (
        "The job has its result by now: job-1-r published it. "
        "`marla result job-1-r --stack marla` shows or brings it"
    )
    assert (found.command, found.unresumable) == ("", told)
    assert last_line(found) == told
    document = found.to_json()
    assert document["unresumable"] == told
    assert "command" not in document


def test_what_was_removed_says_so(cloud: FakeCloud) -> None:
    cloud.remove()
    found = explained(cloud)
    assert found.command == ""
    assert last_line(found).startswith(f"{GONE}: it was removed (`marla rm`)")


def test_what_failed_as_its_result_was_there_does_not_refer_to_itself(cloud: FakeCloud) -> None:
    cloud.publish("job-1")
    assert "this execution published it" in explained(cloud).unresumable


def test_a_result_that_was_withdrawn_hinders_nothing(cloud: FakeCloud) -> None:
    cloud.publish("")
    found = explained(cloud)
    assert (found.command, found.unresumable) == (COMMAND, "")
    assert "unresumable" not in found.to_json()


def test_where_the_receipts_may_not_be_read_the_command_is_told_with_a_note(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: Any) -> None:
        raise refusal("AccessDenied")

    monkeypatch.setattr(cloud, "get_object", refused)
    found = explained(cloud)
    assert found.command == COMMAND
    assert any("whether the job can still be resumed" in note for note in found.notes)


# ---- in the console ---------------------------------------------------------------------------------------


def receipts(job: str = "job", stage: int = 0, *, by: str = "", sample: bool = False) -> dict[str, bytes]:
    """What a job has left: its plan, and who published its result."""
    published = json.dumps({"execution": by}).encode()
    return {
        plan_key(stage_prefix(job, 0, sample=sample)): b"{}",
        published_key(stage_prefix(job, stage)): published,
    }


def hindrance(objects: dict[str, bytes], *, stages: int = 1) -> str:
    console = Console()
    console.s3.objects |= objects
    return resume.hindrance(console.stack, "again", "job", stages, "")


def test_the_result_of_a_job_is_that_of_its_last_stage() -> None:
    assert hindrance(receipts(by="first"), stages=2) == ""
    assert hindrance(receipts(stage=1, by="first"), stages=2).startswith(
        "The job has its result by now: first"
    )


def test_a_job_that_has_only_sampled_its_keys_can_be_resumed() -> None:
    assert hindrance(receipts(sample=True)) == ""
    assert hindrance({}).startswith(GONE)


def test_the_page_does_not_offer_what_would_be_refused_however_long_it_knows_the_cause() -> None:
    console = Console()
    execution = console.states.add("job")
    execution.end("FAILED", 5, error="BadRecord")
    console.s3.objects |= receipts()
    console.wait(3600)
    before = console.json("executions/job/explanation")
    assert (before["canResume"], "unresumable" in before) == (True, False)
    console.s3.objects |= receipts(by="job-r")
    found = console.json("executions/job/explanation")
    assert (found["canResume"], "command" in found) == (False, False)
    assert "job-r published it" in found["unresumable"]
    console.s3.objects.clear()
    assert console.json("executions/job/explanation")["unresumable"].startswith(GONE)
