"""What advice on larger splits promises is what the state machine plans with them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import pytest

from mapreduce.record import ObjectRange, TaskRecord
from marla.costs.advice import Advice
from marla.costs.balance import MANY, balance_advice
from marla.costs.balance_splits import InputObject, mappers_for
from marla.costs.history import EventsSummary
from marla.costs.prices import prices_in
from marla.costs.usage import usage_of
from marla.values import size
from tests.statemachine.stub_cloud import Cloud, Event

KB, MB = 10**3, 10**6


def planned(buckets: dict[str, dict[str, int]], inputs: Sequence[str], split_bytes: int) -> list[Event]:
    """What the state machine plans: its mappers, in the order of their numbers."""
    cloud = Cloud(buckets)
    outcome = cloud.run(input=list(inputs), splitBytes=split_bytes)
    assert outcome.status == "SUCCEEDED", outcome.cause
    return sorted(cloud.maps, key=lambda event: int(event["task"]))


def recorded(event: Event) -> TaskRecord:
    """The record that a quick mapper leaves of what it is given."""
    pieces = [
        ObjectRange(event["bucket"], piece["key"], piece["start"], piece["end"]) for piece in event["pieces"]
    ]
    return TaskRecord(
        kind="map",
        stage=0,
        step=0,
        partition=0,
        task=event["task"],
        started=0.0,
        ended=0.1,
        output=f"map/{event['task']}",
        objects=len(pieces),
        ranges=tuple(pieces[:10]),
    )


def advice_on(events: Sequence[Event]) -> Advice | None:
    records = [recorded(event) for event in events]
    found = balance_advice(records, usage_of(records, EventsSummary()), prices_in("us-east-1"))
    return next((one for one in found if one.title == "Mappers have little to do each"), None)


@pytest.mark.parametrize(
    ("count", "each", "split_bytes"),
    [(40, 8, 10 * KB), (9, 150, 50), (30, 600 * KB, 300 * KB), (190, 8, 1), (2, 12 * MB, MB)],
)
def test_following_the_advice_spares_as_many_mappers_as_it_says(
    count: int, each: int, split_bytes: int
) -> None:
    buckets = {"data": {f"in/{number:03d}.csv": each for number in range(count)}}
    before = planned(buckets, ["s3://data/in/"], split_bytes)
    assert len(before) >= MANY
    advice = advice_on(before)
    assert advice
    after = planned(buckets, ["s3://data/in/"], size(advice.option.removeprefix("--split-bytes ")))
    told = re.search(r"up to ([\d,]+) fewer", advice.text)
    assert told
    assert len(before) - len(after) == int(told[1].replace(",", "")) > 0


def test_larger_splits_are_not_advised_where_each_page_of_the_listing_has_a_mapper_already() -> None:
    buckets = {f"data-{number}": {"in/a.csv": 8, "in/b.csv": 8} for number in range(MANY)}
    before = planned(buckets, [f"s3://{bucket}/in/" for bucket in buckets], 64 * MB)
    assert len(before) == MANY
    assert advice_on(before) is None


@pytest.mark.parametrize("seed", range(4))
def test_mappers_are_reckoned_as_the_state_machine_plans_them(seed: int) -> None:
    draw = random.Random(seed)
    longest = 400 if seed % 2 else 40  # of such long keys fewer are listed at once
    objects = [
        InputObject(
            bucket,
            f"in/{'k' * draw.choice([1, 9, longest])}{number:04d}{draw.choice(['', '.gz', 'é.csv'])}",
            draw.choice([1, 150, 200 * KB, 3 * MB, 12 * MB]),
        )
        for bucket in ("first", "second")
        for number in range(draw.choice([3, 40, 190]))
    ]
    objects.sort(key=lambda one: (one.bucket, one.key.encode()))
    buckets = {
        bucket: {one.key: one.size for one in objects if one.bucket == bucket}
        for bucket in ("first", "second")
    }
    for split_bytes in (20 * MB, 300 * MB):
        events = planned(buckets, ["s3://first/in/", "s3://second/in/"], split_bytes)
        assert mappers_for(objects, split_bytes) == len(events)


def test_splits_are_larger_than_asked_for_where_a_page_would_have_too_many_pieces() -> None:
    objects = [InputObject("data", f"in/{number}", MB) for number in range(3)]
    buckets = {"data": {one.key: one.size for one in objects}}
    events = planned(buckets, ["s3://data/in/"], KB)
    assert mappers_for(objects, KB) == len(events) < 3 * MB / KB
