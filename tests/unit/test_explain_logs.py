"""The last lines that a failed worker logged: found by its stream, its request or its error."""

from __future__ import annotations

import pytest

from marla.explain import logs
from marla.explain.explanation import Attempt, Log
from tests.unit.failed_cloud import GROUP, FakeCloud, epoch

OURS, OTHERS = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
KILLED = "Runtime exited with error: signal: killed"


def logged() -> FakeCloud:
    """A log of two workers, one of which did something before and after."""
    cloud = FakeCloud()
    cloud.say("ours", 1, f"START RequestId: {OTHERS} Version: 1", "before", f"END RequestId: {OTHERS}")
    cloud.say("ours", 3, f"START RequestId: {OURS} Version: 1", "INIT_START Runtime Version: python")
    cloud.say("theirs", 4, f"START RequestId: {OTHERS} Version: 1", "theirs", f"END RequestId: {OTHERS}")
    trace = 'Traceback:\n  File "/var/task/mapreduce/worker.py", line 1, in run\n    x()\n    ^^^'
    cloud.say("ours", 5, f"[ERROR] BadRecord: why\r{trace}", f"END RequestId: {OURS}")
    cloud.say("ours", 5, f"REPORT RequestId: {OURS} Duration: 2000 ms")
    cloud.say("ours", 6, f"START RequestId: {OTHERS} Version: 1", "after")
    return cloud


def attempt(message: str = "", request: str = "", stream: str = "") -> Attempt:
    return Attempt(1, started=epoch(3), seconds=2, message=message, request=request, log_stream=stream)


EXPECTED = (
    "[ERROR] BadRecord: why",
    "Traceback:",
    '  File "mapreduce/worker.py", line 1, in run',
    "    x()",
    f"REPORT RequestId: {OURS} Duration: 2000 ms",
)


def test_the_lines_are_those_of_the_attempts_request_in_its_stream() -> None:
    found = logs.of(logged().stack(), "map", attempt(request=OURS, stream="ours"))
    assert found == Log(GROUP, "ours", EXPECTED)


def test_a_stream_that_has_another_name_is_found_by_the_request() -> None:
    assert logs.of(logged().stack(), "map", attempt(request=OURS, stream="gone")).lines == EXPECTED


def test_a_worker_that_left_no_record_is_found_by_the_request_that_its_error_names() -> None:
    message = f"RequestId: {OURS} Error: {KILLED}"
    assert logs.of(logged().stack(), "map", attempt(message)).lines == EXPECTED


def test_a_worker_whose_request_is_not_logged_is_found_by_its_error() -> None:
    cloud = logged()
    cloud.say("killed", 5, f"START RequestId: {OTHERS} Version: 1", "so far", KILLED)
    found = logs.of(cloud.stack(), "reduce", attempt(f"RequestId: nowhere Error: {KILLED}"))
    assert found == Log("/aws/cloudformation/marla/ReducerLogs", "", ("so far", KILLED), logs.BY_ERROR)


@pytest.mark.parametrize("message", ["", "Service error."])
def test_lines_of_others_are_not_taken_for_those_of_an_attempt_that_logged_none(message: str) -> None:
    assert logs.of(logged().stack(), "map", attempt(message)) == Log(GROUP, "", (), logs.NOTHING)


def test_of_a_recorded_attempt_that_is_not_in_the_log_yet_no_other_is_shown() -> None:
    cloud = FakeCloud()
    cloud.say("earlier", 3, f"START RequestId: {OTHERS} Version: 1", "BadRecord: the same")
    found = logs.of(cloud.stack(), "map", attempt("BadRecord: the same", request=OURS, stream="ours"))
    assert found == Log(GROUP, "ours", (), logs.NOT_YET)


def test_the_log_is_searched_at_the_time_of_the_attempt_only() -> None:
    cloud = FakeCloud()
    cloud.say("old", -3600, f"START RequestId: {OTHERS} Version: 1", KILLED)
    assert logs.of(cloud.stack(), "map", attempt(KILLED)).lines == ()


def test_a_long_log_is_cut_to_its_last_lines_and_they_to_their_beginnings() -> None:
    shown = logs.tail([*(f"line {number}" for number in range(100)), "x" * 10_000])
    assert shown[:2] == ("line 89", "line 90")
    assert shown[-1] == "x" * logs.WIDTH + "…"
    assert len(shown) == logs.TAIL


def test_a_log_that_may_not_be_read_is_no_failure() -> None:
    cloud = logged()
    cloud.log_refusal = "AccessDeniedException"
    found = logs.of(cloud.stack(), "map", attempt(request=OURS, stream="ours"))
    assert found.lines == ()
    assert found.note.startswith("the log cannot be read: ")
    assert "AccessDeniedException" in found.note
