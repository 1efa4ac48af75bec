"""What a job may ask of the record that it maps: where it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from mapreduce import BadRecord, Job, run
from tests.unit.pipeline import INPUT, run_on
from tests.unit.sample_jobs import SAMPLE_JOBS

pytestmark = pytest.mark.usefixtures("sample_jobs")


class Places(Job):
    """Tell where each record comes from; only of those that say so."""

    def map(self, record: str) -> Iterator[Any]:
        if "!" in record:
            place = self.place
            yield (place.key, place.offset), [place.input, place.number, place.url, record]

    def reduce(self, key: Any, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            yield key, value


@pytest.mark.parametrize("split_bytes", [1, 2, 7, 1000])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_job_may_ask_where_a_record_comes_from(
    monkeypatch: pytest.MonkeyPatch, split_bytes: int, newline: str
) -> None:
    monkeypatch.setitem(SAMPLE_JOBS, "places", Places)
    objects = {
        "a b.txt": newline.join(["x!", "", "é!", "no", "!", "end!"]).encode(),
        "ünï.txt": f"{newline}!".encode(),
    }
    outcome = run_on(objects, "places", split_bytes=split_bytes, output="jsonl")
    expected = []
    for key, data in sorted(objects.items()):
        offset = 0
        for line in data.split(b"\n"):
            text = line.removesuffix(b"\r").decode()
            if "!" in text:
                value = ["", 0, f"s3://{INPUT}/{key}", text]
                expected.append({"key": [key, offset], "value": value})
            offset += len(line) + 1
    assert [json.loads(line) for line in outcome.parts[0].splitlines()] == expected


def test_the_place_of_a_record_behind_one_that_is_set_aside_is_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Picky(Places):
        def map(self, record: str) -> Iterator[Any]:
            if record == "bad":
                raise BadRecord("bad")
            yield from super().map(record)

    monkeypatch.setitem(SAMPLE_JOBS, "places", Picky)
    objects = {"a": b"bad\n!\nbad\nbad\n!!\n"}
    outcome = run_on(objects, "places", output="jsonl", maxBadRecords=9)
    assert [json.loads(line)["key"][1] for line in outcome.parts[0].splitlines()] == [4, 14]


def test_an_input_may_have_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SAMPLE_JOBS, "places", Places)
    outcome = run_on({"left": {"a": b"!\n"}, "right": {"b": b"!"}}, "places", output="jsonl")
    values = [json.loads(line)["value"] for line in outcome.parts[0].splitlines()]
    assert [value[:2] for value in values] == [["left", 0], ["right", 1]]


class Chosen(Places):
    """Map only what has a mark, and stumble over two of them."""

    accepts = re.compile("!").search

    def map(self, record: str) -> Iterator[Any]:
        assert "!" in record
        if record.startswith("bad"):
            raise BadRecord("bad")
        yield from super().map(record)


@pytest.mark.parametrize("split_bytes", [3, 1000])
def test_a_job_may_say_which_records_it_accepts(monkeypatch: pytest.MonkeyPatch, split_bytes: int) -> None:
    monkeypatch.setitem(SAMPLE_JOBS, "places", Chosen)
    data = b"no\n\nx!\nbad\nbad!\nno\nbad!!\n!y\nend"
    outcome = run_on({"a": data}, "places", split_bytes=split_bytes, output="jsonl", maxBadRecords=2)
    rows = [json.loads(line) for line in outcome.parts[0].splitlines()]
    assert [(row["key"][1], row["value"][3]) for row in rows] == [(4, "x!"), (25, "!y")]
    assert sum(counters["rejects"] for counters in outcome.mapped) == 2
    assert sum(counters["recordsIn"] for counters in outcome.mapped) == 9


def test_what_is_not_accepted_is_not_mapped_in_memory_either() -> None:
    assert list(run(Chosen(), ["no", "x!", "bad"])) == [(("", 1), ["", 0, "s3:///", "x!"])]


def test_a_record_that_accepts_cannot_take_is_a_bad_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class OfAnything(Chosen):
        def map(self, record: Any) -> Any:
            return super().map(record)

    monkeypatch.setitem(SAMPLE_JOBS, "places", OfAnything)
    with pytest.raises(BadRecord, match="a at byte 0: TypeError"):
        run_on({"a": b"1,2\n"}, "places", format="csv")
