import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.pace import (
    ENOUGH_READS,
    LEAST_PATIENCE,
    MOST_REPEATS,
    RECENT_READS,
    START_PATIENCE,
    Pace,
    patience,
)

MIB = 1 << 20


def test_until_enough_reads_are_known_patience_is_what_it_is_at_first() -> None:
    assert patience([]) == START_PATIENCE
    assert patience([60.0] * (ENOUGH_READS - 1)) == START_PATIENCE


def test_fast_reads_do_not_make_impatient() -> None:
    assert patience([0.02] * 100) == LEAST_PATIENCE


def test_a_read_is_slow_at_three_times_what_most_took() -> None:
    assert patience([1.0] * 96 + [500.0] * 4) == 3.0
    assert patience([1.0] * 90 + [2.0] * 10) == 6.0


@given(st.lists(st.floats(0, 100), min_size=ENOUGH_READS, max_size=RECENT_READS), st.floats(1, 10))
def test_slower_reads_make_more_patient(seconds: list[float], factor: float) -> None:
    assert LEAST_PATIENCE <= patience(seconds) <= patience([factor * one for one in seconds])


@pytest.mark.parametrize(("length", "expected"), [(8 * MIB, 12.0), (6 * MIB, 12.0), (1000, START_PATIENCE)])
def test_reads_are_compared_with_reads_of_their_size(length: int, expected: float) -> None:
    pace = Pace()
    for _ in range(ENOUGH_READS):
        pace.note(8 * MIB, 4.0)
    assert pace.patience(length) == expected


def test_what_was_long_ago_is_forgotten() -> None:
    pace = Pace()
    for seconds in [30.0] * 500 + [0.1] * RECENT_READS:
        pace.note(1000, seconds)
    assert pace.patience(1000) == LEAST_PATIENCE


def repeats(pace: Pace, asked: int) -> int:
    return sum(pace.take_repeat() for _ in range(asked))


def test_a_few_reads_may_be_repeated_at_first_and_then_one_of_ten() -> None:
    pace = Pace()
    assert repeats(pace, 100) == MOST_REPEATS
    for _ in range(25):
        pace.note(1000, 9.0)
    assert repeats(pace, 100) == 2


def test_many_fast_reads_do_not_save_up_repeats() -> None:
    pace = Pace()
    for _ in range(10_000):
        pace.note(1000, 0.01)
    assert repeats(pace, 100) == MOST_REPEATS


@given(st.lists(st.booleans(), max_size=300))
def test_never_more_than_a_tenth_of_the_reads_are_repeated_besides_the_first_few(slow: list[bool]) -> None:
    pace = Pace()
    repeated = 0
    for one in slow:
        repeated += one and pace.take_repeat()
        pace.note(1000, 1.0)
    assert repeated <= MOST_REPEATS + len(slow) / 10
