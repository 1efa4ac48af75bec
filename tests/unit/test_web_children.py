"""How many items of a map run the console describes, of which AWS allows few a second for an account."""

from __future__ import annotations

import pytest

from marla.items import listed
from marla.web.children import DESCRIBED_AT_ONCE, DESCRIBED_PER_SECOND, Children
from tests.unit.console_cloud import Console, FakeRun

ITEMS = 500
LEAST_REFILL = 10  # DescribeExecution, a second, where AWS allows fewest


def looking(console: Console, seconds: int) -> list[int]:
    """Look at all items once a second; return how many requests have been made after each look."""
    run = console.states.runs["run"] = FakeRun()
    for task in range(ITEMS):
        run.add(task, "FAILED" if task % 2 else "RUNNING")
    children = Children(console.stack, lambda: console.now)
    running, failed = (listed(console.stack, "run", status) for status in ("RUNNING", "FAILED"))
    made = []
    for _ in range(seconds):
        children.tasks(running)
        children.described(failed)
        made.append(console.states.calls["DescribeExecution"])
        console.wait(1)
    return made


def test_on_aws_a_page_takes_a_small_part_of_the_requests_that_there_may_be() -> None:
    made = looking(Console(local=False), 60)
    assert made[0] == DESCRIBED_AT_ONCE
    assert made[-1] == DESCRIBED_AT_ONCE + 59 * DESCRIBED_PER_SECOND
    assert DESCRIBED_PER_SECOND < LEAST_REFILL / 2


def test_items_that_there_was_no_time_for_are_described_in_the_end() -> None:
    assert looking(Console(local=False), ITEMS)[-1] == ITEMS


@pytest.mark.parametrize("seconds", [1, 2])
def test_the_local_cloud_is_asked_for_as_many_as_a_page_takes(seconds: int) -> None:
    assert looking(Console(local=True), seconds)[-1] == 2 * DESCRIBED_AT_ONCE * seconds
