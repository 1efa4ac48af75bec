"""A log comes in pages, of which any may be empty though others come behind it."""

from __future__ import annotations

from typing import Any

import pytest

from marla.explain import logs
from marla.explain.explanation import Attempt
from tests.unit.failed_cloud import FakeCloud, epoch

REQUEST = "11111111-2222-3333-4444-555555555555"
KILLED = "Runtime exited with error: signal: killed"
RECORDED = Attempt(1, started=epoch(3), seconds=2, request=REQUEST, log_stream="stream", recorded=True)
UNRECORDED = Attempt(1, started=epoch(3), seconds=2, message=KILLED)


def logged(empty_pages: int) -> FakeCloud:
    """A log of one worker, with so many empty pages before the one that has its lines."""
    cloud = FakeCloud()
    cloud.say("stream", 4, f"START RequestId: {REQUEST} Version: 1", "so far", KILLED)
    cloud.empty_pages = empty_pages
    return cloud


@pytest.mark.parametrize("attempt", [RECORDED, UNRECORDED], ids=["recorded", "unrecorded"])
@pytest.mark.parametrize("empty_pages", [0, 1, logs.PAGES, logs.REQUESTS - 1])
def test_empty_pages_are_not_the_end(attempt: Attempt, empty_pages: int) -> None:
    assert logs.of(logged(empty_pages).stack(), "map", attempt).lines == ("so far", KILLED)


@pytest.mark.parametrize(
    ("attempt", "note"),
    [(RECORDED, logs.NOT_THERE), (UNRECORDED, logs.NOT_TOLD)],
    ids=["recorded", "unrecorded"],
)
def test_of_what_was_not_looked_through_it_is_not_said_that_nothing_is_there(
    attempt: Attempt, note: str
) -> None:
    cloud = logged(logs.REQUESTS)
    found = logs.of(cloud.stack(), "map", attempt)
    assert (found.lines, found.note) == ((), note)
    assert max(cloud.requests.values()) == logs.REQUESTS


def test_a_stream_is_read_no_further_than_to_where_the_request_begins() -> None:
    cloud = logged(0)
    logs.of(cloud.stack(), "map", RECORDED)
    assert cloud.requests["get_log_events"] == 1


def test_an_earlier_page_of_a_stream_comes_before_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"0": (["second", "third"], "1"), "1": ([f"START RequestId: {REQUEST}", "first"], "2")}
    cloud = FakeCloud()

    def page(**query: Any) -> dict[str, Any]:
        messages, before = pages[query.get("nextToken", "0")]
        events = [{"message": message, "timestamp": 0} for message in messages]
        return {"events": events, "nextBackwardToken": before}

    monkeypatch.setattr(cloud, "get_log_events", page)
    assert logs.of(cloud.stack(), "map", RECORDED).lines == ("first", "second", "third")


@pytest.mark.parametrize("pages", [logs.PAGES, logs.PAGES + 1])
def test_of_a_group_with_much_in_it_some_pages_are_looked_through(
    pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    cloud = FakeCloud()

    def page(**query: Any) -> dict[str, Any]:
        number = int(query.get("nextToken", 1))
        asked.append(number)
        event = {"message": "of another", "timestamp": 0, "logStreamName": "another"}
        return {"events": [event]} | ({"nextToken": str(number + 1)} if number < pages else {})

    monkeypatch.setattr(cloud, "filter_log_events", page)
    found = logs.of(cloud.stack(), "map", UNRECORDED)
    assert found.note == (logs.NOTHING if pages == logs.PAGES else logs.NOT_TOLD)
    assert asked == [1, 2, 3, 4, 5]
