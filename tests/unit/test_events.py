from collections.abc import Callable
from typing import Any

import pytest

from mapreduce.errors import InvalidTask
from mapreduce.events import InputSpec, JobSpec, MapTask, PublishTask, ReduceTask
from mapreduce.pieces import Piece
from tests.unit.pipeline import INPUT, map_event, piece, reduce_event

Event = dict[str, Any]

PUBLISH = {"id": "job-1", "stage": 1, "step": 2, "partitions": 3}
MAP = map_event("wordcount", [piece("a b", 0, 5), piece("c", 5, 9)], task=4, partitions=2)
REDUCE = reduce_event("wordcount", partition=1, task=2, first=4, count=2, final=False)

READERS: dict[str, tuple[Callable[[Any], object], Event]] = {
    "map": (MapTask.from_event, MAP),
    "reduce": (ReduceTask.from_event, REDUCE),
    "publish": (PublishTask.from_event, PUBLISH),
}


def test_a_mappers_event_is_read() -> None:
    assert MapTask.from_event(MAP) == MapTask(
        job=JobSpec("wordcount", {}, None, None),
        input=InputSpec(),
        prefix="jobs/job-1/stage-0/",
        task=4,
        partitions=2,
        max_bad_records=0,
        max_record_bytes=1 << 20,
        pieces=[Piece(INPUT, "a b", 0, 5), Piece(INPUT, "c", 5, 9)],
        sample=0,
        boundaries="",
    )


def test_a_mappers_event_says_which_input_it_is_of_and_where_the_boundaries_are() -> None:
    event = MAP | {"input": {"number": 2, "name": "visits", "columns": ["a"]}, "boundaries": "s3://jobs/b"}
    task = MapTask.from_event(event)
    assert task.input == InputSpec(2, "visits", ["a"])
    assert task.boundaries == "s3://jobs/b"


def test_the_phase_that_samples_keys_writes_beside_its_stage() -> None:
    assert MapTask.from_event(MAP | {"sample": 3}).prefix == "jobs/job-1/stage-0/sample/"
    assert ReduceTask.from_event(REDUCE | {"sample": 3}).sample == 3
    assert PublishTask.from_event(PUBLISH | {"sample": 3}).prefix == "jobs/job-1/stage-1/sample/"
    assert PublishTask.from_event(PUBLISH | {"sample": 3}).sample == 3


def test_a_reducers_event_is_read() -> None:
    assert ReduceTask.from_event(REDUCE) == ReduceTask(
        job=JobSpec("wordcount", {}, None, None),
        prefix="jobs/job-1/stage-0/",
        step=1,
        partition=1,
        task=2,
        first=4,
        count=2,
        final=False,
        sample=0,
    )


def test_a_publishing_event_is_read() -> None:
    assert PublishTask.from_event(PUBLISH) == PublishTask("jobs/job-1/stage-1/", 2, 3)


def test_a_jobs_options_are_read_and_may_be_null() -> None:
    options = {"job": "x", "params": {"prefix": 8}, "format": {"type": "csv"}, "output": "jsonl"}
    assert JobSpec.from_event(options) == JobSpec("x", {"prefix": 8}, {"type": "csv"}, "jsonl")
    nothing = {"job": "x", "params": None, "format": None, "output": None}
    assert JobSpec.from_event(nothing) == JobSpec("x", {}, None, None)


@pytest.mark.parametrize(
    ("kind", "field", "value", "remedy"),
    [
        ("map", "job", None, "give a text"),
        ("map", "job", "", "give a text"),
        ("map", "job", 5, "give a text"),
        ("map", "params", "prefix=8", "give an object"),
        ("map", "params", [8], "give an object"),
        ("map", "id", None, "give a text"),
        ("map", "id", "a/../b", "give an execution's name"),
        ("map", "id", "..", "give an execution's name"),
        ("map", "id", "line\nend", "give an execution's name"),
        ("map", "id", "x" * 81, "give an execution's name"),
        ("map", "stage", -1, "give a whole number of at least 0"),
        ("map", "bucket", None, "give a text"),
        ("map", "task", "0", "give a whole number of at least 0"),
        ("map", "task", True, "give a whole number of at least 0"),
        ("map", "task", 1.0, "give a whole number of at least 0"),
        ("map", "partitions", 0, "give a whole number of at least 1"),
        ("map", "maxBadRecords", -1, "give a whole number of at least 0"),
        ("map", "maxBadRecords", None, "give a whole number of at least 0"),
        ("map", "maxRecordBytes", 0, "give a whole number of at least 1"),
        ("map", "pieces", None, "give a list"),
        ("map", "pieces", {"key": "a"}, "give a list"),
        ("reduce", "step", 0, "give a whole number of at least 1"),
        ("reduce", "partition", -1, "give a whole number of at least 0"),
        ("reduce", "task", None, "give a whole number of at least 0"),
        ("reduce", "first", None, "give a whole number of at least 0"),
        ("reduce", "count", 0, "give a whole number of at least 1"),
        ("reduce", "final", None, "give true or false"),
        ("reduce", "final", 1, "give true or false"),
        ("publish", "step", 0, "give a whole number of at least 1"),
        ("publish", "partitions", 0, "give a whole number of at least 1"),
        ("publish", "id", "a/b", "give an execution's name"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_to_give(
    kind: str, field: str, value: Any, remedy: str
) -> None:
    read, event = READERS[kind]
    with pytest.raises(InvalidTask) as caught:
        read(event | {field: value})
    assert str(caught.value) == f"{field}: got {value!r}; {remedy}"


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, field) for kind, (_, event) in READERS.items() for field in event],
)
def test_no_field_may_be_missing(kind: str, field: str) -> None:
    read, event = READERS[kind]
    with pytest.raises(InvalidTask, match=f"^{field}: got None"):
        read({name: value for name, value in event.items() if name != field})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"key": ""}, "key: got ''; give a text"),
        ({"start": -1}, "start: got -1; give a whole number of at least 0"),
        ({"end": None}, "end: got None; give a whole number of at least 0"),
    ],
)
def test_a_wrong_piece_is_named_by_its_field(wrong: Event, message: str) -> None:
    with pytest.raises(InvalidTask, match=message):
        MapTask.from_event(MAP | {"pieces": [piece("a", 0, 5) | wrong]})


def test_a_job_is_a_name_or_the_statements_of_one() -> None:
    statements = {"map": "SELECT * FROM input"}
    assert MapTask.from_event(MAP | {"job": statements}).job == JobSpec(statements, {}, None, None)
    for wrong in ("", 5, ["map"], None):
        with pytest.raises(InvalidTask, match=r"^job: got .*; give a text"):
            JobSpec.from_event({"job": wrong})


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("event", [None, [], "event", 5])
def test_an_event_is_an_object(kind: str, event: Any) -> None:
    with pytest.raises(InvalidTask, match=r"event: got .*; give an object \(see events/ for examples\)"):
        READERS[kind][0](event)
    with pytest.raises(InvalidTask, match="event: got 'a'; give an object"):
        MapTask.from_event(MAP | {"pieces": ["a"]})


@pytest.mark.parametrize("name", ["job-1", "2f7d3c1e-0a", "이름", "a b+c%", "x" * 80])
def test_the_name_of_an_execution_becomes_the_prefix_of_its_objects(name: str) -> None:
    assert PublishTask.from_event(PUBLISH | {"id": name}).prefix == f"jobs/{name}/stage-1/"
