"""How fast tasks get done: steady, never negative, and not known before one is."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marla.rate import MEMORY_SECONDS, Rate


def noted(*seen: tuple[int, float]) -> Rate:
    rate = Rate()
    for done, seconds in seen:
        rate.note(done, seconds)
    return rate


def test_while_nothing_is_done_nothing_is_known() -> None:
    rate = noted((0, 1.0), (0, 100.0))
    assert rate.per_second is None
    assert rate.seconds_left(5) is None


def test_what_is_done_at_once_is_no_rate() -> None:
    assert noted((5, 0.0)).per_second is None


@pytest.mark.parametrize("every", [0.1, 1.0, 7.0])
def test_a_steady_pace_is_told_however_often_one_looks(every: float) -> None:
    looks = [number * every for number in range(int(100 / every))]
    rate = noted(*((int(4 * seconds), seconds) for seconds in looks))
    assert rate.per_second == pytest.approx(4, rel=0.1)
    assert rate.seconds_left(100) == pytest.approx(25, rel=0.1)


def test_a_pace_that_slackens_is_seen_soon_and_not_at_once() -> None:
    fast = [(10 * second, float(second)) for second in range(1, 61)]
    slow = [(600 + second, 60.0 + second) for second in range(1, 91)]
    assert noted(*fast, *slow[:3]).per_second == pytest.approx(9, rel=0.1)
    assert noted(*fast, *slow).per_second == pytest.approx(1.5, rel=0.1)
    assert len(slow) == 3 * MEMORY_SECONDS


def test_a_task_that_takes_far_longer_than_others_did_leaves_no_time_to_tell() -> None:
    rate = noted(*((done, done * 0.4) for done in range(1, 18)))
    assert rate.seconds_left(1) == pytest.approx(0.4)
    for seconds in (7.5, 15.0, 60.0):
        rate.note(17, seconds)
        assert rate.seconds_left(1) is None
    rate.note(18, 61.0)
    assert rate.seconds_left(0) == 0
    assert rate.seconds_left(2) is not None


def test_where_tasks_come_seldom_a_pause_between_them_is_as_usual() -> None:
    rate = noted(*((done, done * 20.0) for done in range(1, 6)), (5, 115.0))
    assert rate.seconds_left(3) is not None


def test_a_count_of_before_and_a_clock_that_is_set_back_change_nothing() -> None:
    rate = noted((4, 2.0), (3, 2.0), (3, 1.0))
    assert rate.per_second == 2
    rate.note(8, 4.0)
    assert rate.per_second == pytest.approx(2, rel=0.01)


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(-10, 1e6)), max_size=30), st.integers(0, 10**6))
def test_no_rate_and_no_time_left_is_ever_negative(seen: list[tuple[int, float]], left: int) -> None:
    rate = Rate()
    for done, seconds in seen:
        rate.note(done, seconds)
        assert rate.per_second is None or rate.per_second > 0
        remaining = rate.seconds_left(left)
        assert remaining is None or remaining >= 0


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0.01, 60)), min_size=1, max_size=30))
def test_a_rate_is_between_the_slowest_and_the_fastest_that_was_seen(steps: list[tuple[int, float]]) -> None:
    done = accumulate(tasks for tasks, _ in steps)
    seconds = accumulate(passed for _, passed in steps)
    rate = noted(*zip(done, seconds, strict=True)).per_second
    paces = [tasks / passed for tasks, passed in steps]
    # What comes between two looks counts as if it came at the second one's time.
    assert rate is None or rate <= max(paces) * (1 + max(passed for _, passed in steps) / MEMORY_SECONDS)
    assert rate is None or rate >= min(paces) * 0.999
