"""What a line of the table of tasks says of the objects that an attempt read."""

from __future__ import annotations

import pytest

from mapreduce.record import ObjectRange, TaskRecord
from marla.web import rows


def record(ranges: int, objects: int) -> TaskRecord:
    read = tuple(ObjectRange("data", f"{number}.csv", 0, 5) for number in range(ranges))
    return TaskRecord(
        kind="map",
        stage=0,
        step=0,
        partition=0,
        task=0,
        started=1,
        ended=2,
        output="o",
        ranges=read,
        objects=objects,
    )


@pytest.mark.parametrize(("ranges", "objects", "more"), [(1, 1, 0), (3, 3, 2), (10, 1000, 999), (2, 0, 1)])
def test_a_row_says_how_many_objects_there_are_beside_the_first(ranges: int, objects: int, more: int) -> None:
    row = rows.of_record("key", record(ranges, objects), 1)
    assert (row["object"], row["more"]) == ("s3://data/0.csv", more)
    assert row["objects"] == [f"s3://data/{number}.csv" for number in range(ranges)]


def test_what_read_no_object_names_none() -> None:
    row = rows.of_record("key", record(0, 0), 1)
    assert (row["object"], row["objects"], row["more"]) == (None, None, None)
