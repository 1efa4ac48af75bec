"""What the same work would have cost under other choices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marla.costs.alternatives import Alternative, alternatives, with_memory
from marla.costs.bill import bill
from marla.costs.deployment import EXPRESS, STANDARD, Deployment
from marla.costs.history import EventsSummary, summarise
from marla.costs.prices import prices_in
from marla.costs.usage import Usage, usage_of
from tests.unit.costed import attempt, mappers, reducers, whole_job

PRICES = prices_in("us-east-1")


def usage(seconds: float = 10.0, memory: int = 1769, peak: int = 210, child_type: str = STANDARD) -> Usage:
    known: dict[str, Any] = {"seconds": seconds, "memory_mib": memory, "peak_memory_mib": peak}
    records = [*mappers(4, **known), *reducers(1, **known)]
    return usage_of(records, summarise(whole_job().events), Deployment(child_type))


def found(of: Usage, option: str) -> Alternative:
    return next(one for one in alternatives(of, PRICES) if one.option == option)


def test_each_choice_but_what_was_chosen_is_an_alternative() -> None:
    assert [other.option for other in alternatives(usage(), PRICES)] == [
        "ChildExecutionType=EXPRESS",
        "Architecture=x86_64",
        "MapperMemory=512",
        "MapperMemory=1024",
        "MapperMemory=3008",
        "ReducerMemory=512",
        "ReducerMemory=1024",
        "ReducerMemory=3008",
    ]


def test_express_children_cost_their_request_and_their_time_instead_of_their_states() -> None:
    # 5 children of 10 s: 5 x (0.000001 + 10 x 64 / 1024 x 0.00001667) instead of 5 x 0.000025
    other = found(usage(), "ChildExecutionType=EXPRESS")
    expected = Decimal("0.000057093750") - Decimal("0.000125")
    assert other.difference[0] == pytest.approx(expected, abs=Decimal("1e-15"))
    assert other.low == other.high == bill(usage(), PRICES).total + other.difference[0]


def test_express_children_cost_more_when_they_take_half_a_minute() -> None:
    other = found(usage(seconds=30.0), "ChildExecutionType=EXPRESS")
    assert other.difference[0] > 0


def test_standard_children_are_the_alternative_to_express_ones() -> None:
    other = found(usage(child_type=EXPRESS), "ChildExecutionType=STANDARD")
    assert other.low == bill(usage(child_type=STANDARD), PRICES).total


def test_express_children_are_refused_when_a_task_takes_too_long_for_them() -> None:
    assert "EXPRESS children end after 5 minutes" in found(usage(250.0), "ChildExecutionType=EXPRESS").refusal
    assert not found(usage(200.0), "ChildExecutionType=EXPRESS").refusal


def test_another_processor_changes_only_the_price_of_time() -> None:
    other = found(usage(), "Architecture=x86_64")
    gb_seconds = (
        Decimal(1769) / 1024 * Decimal("51.25")
    )  # 5 tasks of 10 s, and 1.25 s of checks and publication
    expected = gb_seconds * (Decimal("0.0000166667") - Decimal("0.0000133334"))
    assert other.difference[0] == pytest.approx(expected, abs=Decimal("1e-12"))


def test_less_memory_saves_at_the_most_its_share_and_at_the_least_nothing() -> None:
    other = found(usage(), "MapperMemory=512")
    low, high = other.difference
    mapping = Decimal(1769) / 1024 * Decimal("41") * Decimal("0.0000133334")  # with the two checks of 0.5 s
    assert low == pytest.approx(mapping * (512 - 1769) / 1769, abs=Decimal("1e-20"))
    assert high == pytest.approx(Decimal(0), abs=Decimal("1e-20"))
    assert "up to 3.46 times as long" in other.assumption


def test_more_memory_than_a_processor_has_costs_more_and_saves_no_time() -> None:
    other = found(usage(), "MapperMemory=3008")
    assert other.low == other.high > bill(usage(), PRICES).total
    assert "whole processor" in other.assumption


def test_more_memory_of_a_part_of_a_processor_costs_the_same_if_tasks_compute() -> None:
    other = found(usage(memory=1024), "MapperMemory=1769")
    low, high = other.difference
    assert low == pytest.approx(Decimal(0), abs=Decimal("1e-20"))
    assert high > 0
    assert "down to 58%" in other.assumption


def test_memory_that_a_worker_did_not_fit_or_hardly_is_refused() -> None:
    assert found(usage(peak=450), "MapperMemory=512").refusal.startswith("A mapper held 450 MB")
    assert found(usage(peak=600), "MapperMemory=512").refusal.startswith("A mapper held 600 MB")
    assert not found(usage(peak=600), "MapperMemory=1024").refusal


def test_memory_with_which_a_task_could_outlast_lambda_is_refused() -> None:
    refusal = found(usage(seconds=400.0), "ReducerMemory=512").refusal
    assert refusal == "The slowest reducer took 400 s and could take 1382 s; Lambda gives a task 900 s."


def test_nothing_has_no_alternatives() -> None:
    assert alternatives(Usage(), PRICES) == ()
    assert with_memory(usage_of(mappers(1), EventsSummary()), PRICES, "reduce", 512) is None


def test_an_alternative_as_json_has_dollars() -> None:
    document = found(usage(), "ChildExecutionType=EXPRESS").to_json()
    assert document["differenceLow"] == document["differenceHigh"] == pytest.approx(-0.00006790625)
    assert document["title"] == "EXPRESS children"
    assert document["refusal"] == ""


@given(
    st.lists(st.integers(1, 900_000), min_size=1, max_size=4),
    st.integers(128, 10240),
    st.sampled_from([512, 1024, 1769, 3008, 10240]),
)
def test_the_range_of_another_memory_is_in_order(times: list[int], memory: int, other: int) -> None:
    records = [attempt(task=task, billed_ms=ms, memory_mib=memory) for task, ms in enumerate(times)]
    found = with_memory(usage_of(records, EventsSummary()), PRICES, "map", other)
    assert (found is None) == (memory == other)
    if found:
        assert 0 < found.low <= found.high
        assert found.difference[1] - found.difference[0] == pytest.approx(found.high - found.low)
