"""An explanation as people read it: in a terminal of 80 columns, and piped into a file."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from marla import cli, clouds
from marla.explain import show
from marla.explain.explanation import Attempt, Excerpt, Explanation, Line, Log, Rejected
from marla.failure import Failure
from marla.local.cloud import LocalCloud
from tests.unit.failed_cloud import ARN, FakeCloud, cause_of, epoch
from tests.unit.memory_s3 import MemoryS3

Out = pytest.CaptureFixture[str]

FAILURE = Failure(
    "BadRecord",
    "s3://in/x.csv at byte 105: no; correct it, or set maxBadRecords",
    "Map",
    task=3,
    object="s3://in/x.csv",
    offset=105,
)
KILLED = "RequestId: 1 Error: killed"
EXPLANATION = Explanation(
    execution=ARN,
    status="FAILED",
    failure=FAILURE,
    seconds=12.34,
    reached="Map: 3 of 12 tasks were done",
    excerpt=Excerpt(
        "s3://in/x.csv", (Line(98, "be[fore]"), Line(105, "bad", bad=True), Line(109, ""), Line(110, "end"))
    ),
    attempts=(
        Attempt(
            1, started=epoch(0), seconds=1.5, error="Runtime.ExitError", message="RequestId: 1 Error: killed"
        ),
        Attempt(1, backup=True, started=epoch(1), message="", seconds=2),
        Attempt(2, started=epoch(3), seconds=0.25, error="BadRecord", message=FAILURE.cause, recorded=True),
    ),
    log=Log("/aws/group", "stream", ("one", "two", "three", "four", "five"), "a note"),
    others={"BadRecord": 2, "": 1200},
    command="marla run --resume job-1",
    url="https://console/",
    notes=("Not shown, for it could not be read: x",),
)
SHOWN = f"""\
BadRecord in Map, task 3
  s3://in/x.csv at byte 105: no; correct it, or set maxBadRecords (--max-bad-records)
Map: 3 of 12 tasks were done
1,202 other tasks failed: 2 BadRecord, 1,200 not looked at
Around it in s3://in/x.csv
   98  be[fore]
> 105  bad
  109  
  110  end
3 attempts (times are UTC)
   1  12:00:00    1.5 s  Runtime.ExitError: killed
  backup 1  12:00:01    2.0 s  succeeded
   2  12:00:03    0.2 s  BadRecord
The end of the worker's log (/aws/group)
  a note
  two
  three
  four
  five
Not shown, for it could not be read: x
In the AWS console: https://console/
Job failed after 12.3 s. {ARN}
`marla run --resume job-1` continues it: what is done is not done again
"""  # noqa: W291 - a line that is shown is empty


def shown(found: Explanation, **console: Any) -> str:
    file = io.StringIO()
    show.explanation(Console(file=file, width=80, **console), found)
    return file.getvalue()


def test_an_explanation_is_text_that_reads_from_the_error_to_what_to_do() -> None:
    assert shown(EXPLANATION) == SHOWN


def test_in_colours_it_says_the_same() -> None:
    coloured = shown(EXPLANATION, force_terminal=True, color_system="truecolor")
    assert "\x1b[1;31mBadRecord" in coloured
    console = Console(file=io.StringIO(), width=80)
    assert shown(EXPLANATION) == "".join(
        f"{line}\n" for line in console.render_str(SHOWN, markup=False).plain.splitlines()
    )


def test_a_failure_of_which_nothing_else_is_known_is_short() -> None:
    bare = Explanation(ARN, "ABORTED", Failure("ABORTED", "The execution was stopped", "Map"), 2.0)
    assert shown(bare) == (f"ABORTED in Map\n  The execution was stopped\nJob aborted after 2.0 s. {ARN}\n")


def test_of_many_attempts_the_last_are_shown() -> None:
    made = tuple(Attempt(number, started=epoch(number), seconds=1, error="E") for number in range(1, 108))
    lines = shown(replace(EXPLANATION, attempts=made)).splitlines()
    begin = lines.index("107 attempts (times are UTC)")
    assert lines[begin + 1] == "  … 102 before these"
    assert [line.split()[0] for line in lines[begin + 2 : begin + 7]] == ["103", "104", "105", "106", "107"]


def test_all_lines_are_shown_of_the_log_of_a_worker_that_said_nothing_else() -> None:
    killed = replace(EXPLANATION.attempts[0], number=3)
    lines = shown(replace(EXPLANATION, attempts=(killed,))).splitlines()
    begin = lines.index("  a note")
    assert lines[begin + 1 : begin + 6] == ["  one", "  two", "  three", "  four", "  five"]


def test_rejects_and_a_traceback_are_shown() -> None:
    rejects = (Rejected("s3://in/x", 7, "LineError: no"), Rejected("s3://in/y", 0, "ValueError:\tno"))
    traceback = ('  File "jobs/mine.py", line 3, in map', "    float(record)", "ValueError: no")
    text = shown(replace(EXPLANATION, rejects=rejects, traceback=traceback))
    assert "  s3://in/x at byte 7: LineError: no\n  s3://in/y at byte 0: ValueError: no\n" in text
    assert '\n  File "jobs/mine.py", line 3, in map\n    float(record)\nValueError: no\n' in text


def test_what_a_terminal_would_obey_is_escaped() -> None:
    hostile = "\x1b]0;title\x07 \x9b31m \u202e"
    found = replace(
        EXPLANATION,
        failure=replace(FAILURE, cause=f"s3://in/{hostile}: no\nLINE 2:\tx"),
        log=Log("group", "", (hostile,)),
        traceback=(hostile,),
        rejects=(Rejected(f"s3://{hostile}", 0, hostile),),
    )
    text = shown(found)
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert text.count(r"\x1b]0;title\x07 \x9b31m \u202e") == 5
    assert "\n  LINE 2: x\n" in text


# ---- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def failed(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    """A stack on AWS that commands reach, with an execution that failed."""
    cloud = FakeCloud(MemoryS3())
    cloud.fail("BadRecord", cause_of(FAILURE.cause), task=3)
    monkeypatch.setattr(clouds, "connect", lambda options, start=False: cloud.stack())
    return cloud


@pytest.mark.parametrize("execution", ["job-1", ARN])
def test_a_failure_is_explained_by_name_or_arn(failed: FakeCloud, capsys: Out, execution: str) -> None:
    assert cli.main(["explain", execution, "--stack", "marla"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith("BadRecord in Map, task 3\n  s3://in/x.csv at byte 105: no;")
    assert told.out.endswith(
        "`marla run --resume job-1 --max-bad-records N --stack marla` continues it: what is done is not done "
        "again\n"
    )


def test_programs_get_a_document(failed: FakeCloud, capsys: Out) -> None:
    assert cli.main(["explain", "job-1", "--stack", "marla", "--json"]) == 0
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (told.err, document["status"], document["error"]["offset"]) == ("", "FAILED", 105)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("RUNNING", "job-1 is running: `marla watch job-1 --stack marla` follows it\n"),
        ("SUCCEEDED", "job-1 succeeded in 10.0 s: there is no failure to explain\n"),
    ],
)
def test_what_did_not_fail_is_said_to_be_so(failed: FakeCloud, capsys: Out, status: str, said: str) -> None:
    failed.described[ARN] |= {"status": status, "output": "{}"}
    assert cli.main(["explain", "job-1", "--stack", "marla"]) == 0
    assert capsys.readouterr() == ("", said)
    assert cli.main(["explain", "job-1", "--stack", "marla", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"execution": ARN, "status": status}


def test_an_execution_that_is_not_known_cannot_be_explained(failed: FakeCloud, capsys: Out) -> None:
    assert cli.main(["explain", "another", "--stack", "marla"]) == 1
    told = capsys.readouterr()
    assert (told.out, "has no execution another" in told.err) == ("", True)


def test_no_execution_has_such_a_name(failed: FakeCloud, capsys: Out) -> None:
    assert cli.main(["explain", "a/b", "--stack", "marla"]) == 2


def test_what_was_in_a_local_cloud_that_died_is_lost(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    death = "engine (process 1) has died, and so the local cloud with all that was in it is gone"
    monkeypatch.setattr(LocalCloud, "died", lambda self: death)
    assert cli.main(["explain", "job-1"]) == 0
    assert capsys.readouterr().out == (
        f"LocalCloudDied\n  {death}. The execution and everything in it are lost\n"
        "  Run the job again, which starts the local cloud anew\nJob lost. job-1\n"
    )
    assert cli.main(["explain", "job-1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "LOST"
