"""The bill: what was used at a table of prices, held against sums made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.record import TaskRecord
from marla.costs.bill import GB, PARTS, Bill, bill, dollars
from marla.costs.deployment import EXPRESS, STANDARD, Deployment
from marla.costs.history import summarise
from marla.costs.prices import prices_in, regions, sources
from marla.costs.usage import MAPPERS, LambdaUse, Usage, usage_of
from tests.unit.costed import attempt, mappers, reducers, whole_job

PRICES = prices_in("us-east-1")


def small_run(child_type: str = STANDARD) -> Usage:
    """Four mappers of 10 s with 1,024 MB, and a reducer of 4 s with 2,048 MB; each writes 1 GiB."""
    records = [
        *mappers(4, reads=3, writes=5, bytes_out=GB),
        *reducers(1, seconds=4.0, memory_mib=2048, reads=6, writes=3, bytes_out=GB),
    ]
    return usage_of(records, summarise(whole_job().events), Deployment(child_type))


def costs_of(of: Bill) -> dict[str, str]:
    return {f"{line.part}: {line.what}": f"{line.dollars:.10f}" for line in of.lines}


def test_the_bill_of_a_small_run_agrees_with_a_hand_computation() -> None:
    # us-east-1, arm64: $0.0000133334 a GB-second.
    #   mappers                4 x 10 s x 1 GB               = 40 GB-s     x 0.0000133334 = 0.000533336
    #   reducer                1 x  4 s x 2 GB               =  8 GB-s     x 0.0000133334 = 0.0001066672
    #   checks, as a mapper    0.5 s + 0.5 s, x 1 GB         =  1 GB-s     x 0.0000133334 = 0.0000133334
    #   publication, a reducer 0.25 s x 2 GB                 =  0.5 GB-s   x 0.0000133334 = 0.0000066667
    #   requests               4 + 1 + 3                     =  8          x 0.0000002    = 0.0000016
    # Step Functions: $0.000025 a transition.
    #   states of the execution                                24          x 0.000025     = 0.0006
    #   children started       4 + 1                         =  5          x 0.000025     = 0.000125
    #   and the state of each                                   5          x 0.000025     = 0.000125
    # S3: $0.0000004 a GET, $0.000005 a PUT or LIST, $0.023 a GB-month.
    #   reads    4 x 3 + 6, and 2 to copy the result                             = 20 x 0.0000004 = 0.000008
    #   writes   4 x 5 + 3, 3 plans and receipts, 1 LIST; a copy of 128 parts + 2 = 157 x 0.000005 = 0.000785
    #   storage  5 GB x 1 day = 5 x 24 / 730 GB-months       =  0.16438356 x 0.023        = 0.0037808219
    made = bill(small_run(), PRICES)
    assert costs_of(made) == {
        "Lambda: mappers, 1,024 MB, arm64": "0.0005333360",
        "Lambda: reducers, 2,048 MB, arm64": "0.0001066672",
        "Lambda: checks, 1,024 MB, arm64": "0.0000133334",
        "Lambda: publication, 2,048 MB, arm64": "0.0000066667",
        "Lambda: requests": "0.0000016000",
        "State transitions: of the execution, with retries": "0.0006000000",
        "Map children: started": "0.0001250000",
        "Map children: STANDARD, their states, with retries": "0.0001250000",
        "S3 requests: GET and HEAD": "0.0000080000",
        "S3 requests: PUT, COPY, POST and LIST": "0.0007850000",
        "S3 storage: intermediate objects, 1 day": "0.0037808219",
    }
    assert f"{made.total:.9f}" == "0.006085425"
    assert dollars(made.total) == "$0.00609"


def test_express_children_are_billed_by_request_and_time() -> None:
    # 5 requests x 0.000001 = 0.000005
    # (4 x 10 s + 4 s) x 64 / 1024 GB = 2.75 GB-s x 0.00001667 = 0.0000458425
    made = costs_of(bill(small_run(EXPRESS), PRICES))
    assert made["Map children: started"] == "0.0001250000"
    assert made["Map children: EXPRESS, requests"] == "0.0000050000"
    assert made["Map children: EXPRESS, time with 64 MB"] == "0.0000458425"
    assert not any("STANDARD" in line for line in made)


def test_storing_the_result_is_no_part_of_the_total() -> None:
    made = bill(small_run(), PRICES)
    assert made.results_a_month.dollars == Decimal("0.023")
    assert made.total == sum(line.dollars for line in made.lines)
    assert "results" not in " ".join(line.what for line in made.lines)


def test_temporary_storage_above_512_mb_is_billed() -> None:
    # 1,024 MB more than the free 512, as long as all invocations took: 40 + 4 + 0.5 + 0.5 + 0.25 s
    made = bill(replace(small_run(), storage_mib=1536), PRICES)
    line = next(line for line in made.lines if "temporary" in line.what)
    assert (line.quantity, line.dollars) == (Decimal("45.25"), Decimal("45.25") * Decimal("0.0000000309"))


def test_intermediates_that_the_execution_deleted_cost_no_storage() -> None:
    history = whole_job()
    history.enter("Task", "Delete intermediates").call("deleteObjects", 0.1)
    usage = usage_of(mappers(4, bytes_out=GB), summarise(history.events))
    assert "S3 storage" not in bill(usage, PRICES).parts


def test_nothing_used_costs_nothing() -> None:
    made = bill(Usage(), PRICES)
    assert made.total == 0
    assert not made.lines
    assert not made.parts


def test_parts_are_in_order_and_sum_up_to_the_total() -> None:
    made = bill(small_run(), PRICES)
    assert tuple(made.parts) == PARTS
    assert sum(made.parts.values()) == made.total


def test_the_bill_as_json_says_prices_region_and_day() -> None:
    document = json.loads(json.dumps(bill(small_run(), PRICES).to_json()))
    assert (document["region"], document["asOf"]) == ("us-east-1", "2026-11-21")
    assert document["total"] == pytest.approx(0.006085425)
    assert document["total"] == pytest.approx(sum(line["dollars"] for line in document["lines"]))
    assert document["lines"][0] == {
        "part": "Lambda",
        "what": "mappers, 1,024 MB, arm64",
        "quantity": 40.0,
        "unit": "GB-s",
        "price": 0.0000133334,
        "dollars": pytest.approx(0.000533336),
    }
    assert [part["part"] for part in document["parts"]] == list(PARTS)


def test_a_region_that_the_table_does_not_have_is_said() -> None:
    made = bill(small_run(), prices_in("mx-central-1"))
    assert made.total == bill(small_run(), PRICES).total
    assert made.region == "us-east-1"
    assert "The price table does not have mx-central-1: these are the prices in us-east-1." in made.notes


def test_a_region_of_the_table_has_its_own_prices() -> None:
    frankfurt = prices_in("eu-central-1")
    assert (frankfurt.region, frankfurt.s3_write) == ("eu-central-1", Decimal("0.0000054"))
    assert not any("does not have" in note for note in frankfurt.notes)
    assert any("2026-11-21" in note and "free tier" in note for note in frankfurt.notes)


def test_the_table_says_where_its_prices_are_from() -> None:
    assert {source.partition(":")[0] for source in sources()} == {
        "Lambda",
        "Step Functions",
        "S3 storage",
        "S3 requests",
    }


@pytest.mark.parametrize("region", regions())
def test_prices_of_each_region_are_plausible(region: str) -> None:
    prices = prices_in(region)
    assert prices.lambda_gb_second["arm64"] < prices.lambda_gb_second["x86_64"]
    assert 0 < prices.s3_read < prices.s3_write < prices.transition < Decimal("0.0001")
    assert Decimal("0.01") < prices.s3_gb_month < Decimal("0.05")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0"),
        ("0.0000004", "$0.0000004"),
        ("0.00608331", "$0.00608"),
        ("0.0123", "$0.0123"),
        ("0.5", "$0.5"),
        ("0.9999", "$1"),
        ("12.349", "$12.35"),
        ("1234.5", "$1,234.50"),
        ("-0.25", "-$0.25"),
        ("0.000000001", "$0"),
        ("-0.000000001", "$0"),
    ],
)
def test_amounts_are_written_for_people(amount: str, text: str) -> None:
    assert dollars(Decimal(amount)) == text


COUNTS = st.integers(0, 10**6)
USES = st.builds(
    LambdaUse,
    st.just(MAPPERS),
    st.just("map"),
    st.integers(128, 10240),
    st.sampled_from(["arm64", "x86_64"]),
    COUNTS,
    st.integers(0, 10**9),
)
USAGES = st.builds(
    Usage,
    lambdas=st.lists(USES, max_size=3).map(tuple),
    transitions=COUNTS,
    child_type=st.sampled_from([STANDARD, EXPRESS]),
    children=COUNTS,
    child_states=COUNTS,
    child_ms=st.integers(0, 10**9),
    reads=COUNTS,
    writes=COUNTS,
    intermediate_bytes=st.integers(0, 10**15),
    intermediate_days=st.integers(0, 365).map(Decimal),
)


@given(USAGES)
def test_no_line_of_a_bill_is_negative_or_nothing(usage: Usage) -> None:
    assert all(line.dollars > 0 for line in bill(usage, PRICES).lines)


@given(st.lists(st.integers(1, 900_000), max_size=6), st.lists(st.integers(1, 900_000), max_size=6))
def test_the_cost_of_two_lots_of_tasks_is_the_sum_of_their_costs(first: list[int], second: list[int]) -> None:
    def lot(times: list[int], begin: int) -> list[TaskRecord]:
        return [
            attempt("map", begin + number, billed_ms=ms, reads=ms % 7, writes=1, bytes_out=ms)
            for number, ms in enumerate(times)
        ]

    def cost(records: list[TaskRecord]) -> Decimal:
        return bill(usage_of(records, summarise([])), PRICES).total

    one, other = lot(first, 0), lot(second, len(first))
    assert cost(one + other) == pytest.approx(cost(one) + cost(other), abs=Decimal("1e-20"))
