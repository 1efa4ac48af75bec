"""Chains of jobs, from the input and from the catalogue; references; ranges; several inputs; skew."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from marla import pipelines
from marla.local.jsonata import evaluate
from tests.statemachine.machine import expressions
from tests.statemachine.stub_cloud import Cloud, Event, objects

IN = "s3://data/in/"
STAGE_0 = "s3://jobs/jobs/job-1/stage-0/"
CHAIN = {
    "shares": [
        {"job": "shares:count", "params": {"strip": {"from": "params.strip"}}, "partitioning": "range"},
        {
            "job": "shares:share",
            "params": {"total": {"from": "stages.0.counters.inputRecords"}},
            "partitions": 1,
        },
    ],
    "sorted": [{"job": "sorted", "partitioning": "range"}],
}


@pytest.fixture
def chained(cloud: Cloud) -> Cloud:
    """A cloud with a catalogue of chains, an input, and the first stage's result as it will be."""
    cloud.pipelines = CHAIN
    cloud.buckets = {
        "data": objects(2, 1000),
        "jobs": {
            "jobs/job-1/stage-0/result/part-00000.csv": 70,
            "jobs/job-1/stage-0/result/part-00001.csv": 30,
        },
    }
    return cloud


def problems(cloud: Cloud, execution_input: dict[str, Any]) -> list[str]:
    outcome = cloud.execute(execution_input)
    assert outcome.error == "InvalidInput"
    assert cloud.maps == []
    return str(outcome.cause).split("; ")


def checks(cloud: Cloud) -> list[Event]:
    return [event for event in cloud.events if "check" in event]


# ---- the catalogue's chains ------------------------------------------------------------------------------


def test_the_definition_knows_the_chains_that_the_catalogue_has() -> None:
    definition = pipelines.DEFINITION.read_text()
    assert pipelines.with_table(definition) == definition, "run `make pipelines`"


def test_a_job_of_the_catalogue_may_be_a_chain(chained: Cloud) -> None:
    outcome = chained.execute({"job": "shares", "input": IN, "params": {"strip": True}})
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert [(event["stage"], event["job"], event["params"]) for event in chained.maps] == [
        (0, "shares:count", {"strip": True}),
        (1, "shares:share", {"total": 2000}),
    ]
    assert outcome.output["job"] == "shares"
    assert outcome.output["result"] == ["s3://jobs/jobs/job-1/stage-1/result/part-00000.csv"]
    assert outcome.output["counters"]["inputRecords"] == 2000


def test_a_parameter_that_is_not_given_is_left_to_the_stage(chained: Cloud) -> None:
    chained.execute({"job": "shares", "input": IN})
    assert chained.maps[0]["params"] == {}


def test_a_chains_parameters_are_checked_before_its_first_stage(chained: Cloud) -> None:
    chained.execute({"job": "shares", "input": IN, "params": {"stripp": 1}})
    assert checks(chained)[0]["pipeline"] == {"name": "shares", "params": {"stripp": 1}}
    chained.events.clear()
    chained.execute({"job": "wordcount", "input": IN})
    assert checks(chained)[0]["pipeline"] is None


def test_options_hold_for_all_stages_but_those_that_a_stage_fixes(chained: Cloud) -> None:
    chained.execute(
        {"job": "shares", "input": IN, "partitions": 2, "partitioning": "hash", "output": "jsonl"}
    )
    assert [event["partitions"] for event in chained.maps] == [2, 1]
    assert [event["output"] for event in checks(chained)] == [None, "jsonl"]


@pytest.mark.parametrize(
    ("given", "used"), [({}, "range"), ({"partitioning": "hash"}, "hash"), ({"partitioning": None}, "range")]
)
def test_what_the_catalogue_says_of_partitioning_is_a_default(
    chained: Cloud, given: dict[str, Any], used: str
) -> None:
    chained.execute({"job": "sorted", "input": IN, "partitions": 2, **given})
    assert checks(chained)[0]["partitioning"] == used
    chained.events.clear()
    chained.execute({"stages": [{"job": "sorted", **given}], "input": IN, "partitions": 2})
    assert checks(chained)[0]["partitioning"] == used


def test_a_chain_is_no_stage_of_a_chain(chained: Cloud) -> None:
    [problem, remedy] = problems(chained, {"stages": [{"job": "shares"}], "input": IN})
    assert problem == "stages[0].job: got shares, which is a chain of jobs itself"
    assert remedy == "give its stages, shares:count and shares:share"


# ---- references ------------------------------------------------------------------------------------------


def test_a_stage_may_refer_to_results_and_counters_of_earlier_ones(chained: Cloud) -> None:
    counters = ("inputRecords", "inputBytes", "rejects", "resultRecords", "resultBytes")
    params: dict[str, Any] = {name: {"from": f"stages.0.counters.{name}"} for name in counters}
    params |= {
        "folder": {"from": "stages.0.result"},
        "parts": {"from": "stages.0.objects"},
        "plain": {"a": 1},
    }
    outcome = chained.execute(
        {"stages": [{"job": "a", "partitions": 2}, {"job": "b", "params": params}], "input": IN}
    )
    assert outcome.status == "SUCCEEDED", outcome.cause
    folder = f"{STAGE_0}result/"
    assert chained.maps[-1]["params"] == {
        "inputRecords": 2000,
        "inputBytes": 2000,
        "rejects": 0,
        "resultRecords": 2000,
        "resultBytes": 1000,
        "folder": folder,
        "parts": [f"{folder}part-00000.csv", f"{folder}part-00001.csv"],
        "plain": {"a": 1},
    }


@pytest.mark.parametrize(
    "input",
    [
        {"from": "stages.0.result"},
        {"from": "stages.0.objects"},
        [{"from": "stages.0.objects"}],
        {"uri": {"from": "stages.0.result"}, "format": "csv"},
    ],
)
def test_an_input_may_be_the_result_of_any_earlier_stage(chained: Cloud, input: Any) -> None:
    chained.buckets["jobs"]["jobs/job-1/stage-1/result/part-00000.csv"] = 5
    stages = [{"job": "a", "partitions": 2}, {"job": "b"}, {"job": "c", "input": input}]
    outcome = chained.execute({"stages": stages, "input": IN})
    assert outcome.status == "SUCCEEDED", outcome.cause
    pieces = [piece["key"] for event in chained.maps if event["stage"] == 2 for piece in event["pieces"]]
    assert pieces == [f"jobs/job-1/stage-0/result/part-0000{part}.csv" for part in (0, 1)]


def test_an_option_may_be_a_counter(chained: Cloud) -> None:
    stages = [{"job": "a"}, {"job": "b", "splitBytes": {"from": "stages.0.counters.resultBytes"}}]
    outcome = chained.execute({"stages": stages, "input": IN})
    assert outcome.status == "SUCCEEDED", outcome.cause


def test_an_option_that_a_counter_makes_too_large_ends_the_job(chained: Cloud) -> None:
    stages = [{"job": "a"}, {"job": "b", "partitions": {"from": "stages.0.counters.inputRecords"}}]
    outcome = chained.execute({"stages": stages, "input": IN})
    assert outcome.error == "InvalidInput"
    assert outcome.cause == "stages[1].partitions: got 2000; give a whole number from 1 to 1000"
    assert {event["stage"] for event in chained.maps} == {0}


TAKES = {
    "params.n": "stages.N.result or stages.N.objects or stages.N.counters.NAME",
    "input": "stages.N.result or stages.N.objects",
    "fanIn": "stages.N.counters.NAME",
    "input[0].uri": "stages.N.result",
}


def refused_reference(cloud: Cloud, where: str, path: Any) -> str:
    """What is said of a reference in the second of two stages."""
    reference = {"from": path}
    ways: dict[str, dict[str, Any]] = {
        "params.n": {"params": {"n": reference}},
        "input": {"input": reference},
        "fanIn": {"fanIn": reference},
        "input[0].uri": {"input": [{"uri": reference}]},
    }
    outcome = cloud.execute({"stages": [{"job": "a"}, {"job": "b", **ways[where]}], "input": IN})
    assert outcome.error == "InvalidInput"
    said = str(outcome.cause)
    assert said.startswith(f"stages[1].{where}: refers to ")
    return said.partition("refers to ")[2]


@pytest.mark.parametrize(
    "path",
    ["stages.0.counters.nonsense", "stages.x.result", "stages.0", "params.k", 7, "", "stages.0.result.x"],
)
@pytest.mark.parametrize("where", TAKES)
def test_a_reference_to_what_there_is_not_is_refused(chained: Cloud, path: Any, where: str) -> None:
    said = refused_reference(chained, where, path)
    assert said == f"{path}; give {TAKES[where]}, where N is from 0"


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("input", "stages.0.counters.rejects"),
        ("input[0].uri", "stages.0.objects"),
        ("input[0].uri", "stages.0.counters.rejects"),
        ("fanIn", "stages.0.result"),
    ],
)
def test_a_reference_is_to_something_of_the_right_kind(chained: Cloud, where: str, path: str) -> None:
    assert refused_reference(chained, where, path) == f"{path}; give {TAKES[where]}, where N is from 0"


@pytest.mark.parametrize(
    ("where", "what"), [("params.n", "objects"), ("input", "result"), ("fanIn", "counters.rejects")]
)
@pytest.mark.parametrize("number", [1, 7])
def test_only_earlier_stages_can_be_referred_to(chained: Cloud, where: str, what: str, number: int) -> None:
    said = refused_reference(chained, where, f"stages.{number}.{what}")
    assert said.endswith(", but only stages before its own are done by then")


@pytest.mark.parametrize("name", ["constructor", "toString", "hasOwnProperty", "__proto__"])
def test_a_job_of_any_name_is_for_the_check_to_refuse(chained: Cloud, name: str) -> None:
    chained.execute({"job": name, "input": IN})
    assert checks(chained)[0]["job"] == name


def test_stages_that_come_later_are_checked_before_the_first(chained: Cloud) -> None:
    stages = [
        {"job": "a", "output": "csv"},
        {"job": "b", "output": "jsonl", "params": {"n": {"from": "stages.0.result"}}},
        {"sql": "FROM input", "partitions": 1},
    ]
    chained.execute({"stages": stages, "input": IN, "partitions": 2, "partitioning": "range"})
    common = {"partitions": 2, "partitioning": "range"}
    assert checks(chained)[0]["later"] == [
        {"job": "b", "output": "jsonl", **common},
        {"sql": "FROM input", **common, "partitions": 1},
    ]
    chained.events.clear()
    chained.execute({"job": "shares", "input": IN, "output": "jsonl"})
    assert [event["later"] for event in checks(chained)] == [
        [{"job": "shares:share", "partitions": 1, "output": "jsonl"}],
        [],
    ]


def test_a_job_of_one_stage_has_none_to_refer_to(chained: Cloud) -> None:
    execution_input = {"job": "a", "input": IN, "params": {"n": {"from": "stages.0.result"}}}
    assert problems(chained, execution_input)[0].startswith("params.n: refers to stages.0.result, but only")


# ---- ranges ----------------------------------------------------------------------------------------------


def test_a_stage_with_ranges_samples_its_keys_first(chained: Cloud) -> None:
    outcome = chained.execute({"job": "sorted", "input": IN, "partitions": 3, "splitBytes": 1000})
    assert outcome.status == "SUCCEEDED", outcome.cause
    tasks = [
        (event["sample"], event["partitions"], event["boundaries"])
        for event in chained.events
        if "pieces" in event
    ]
    boundaries = f"{STAGE_0}sample/result/part-00000.jsonl"
    samples = tasks.count((3, 1, None))
    assert samples > 0
    assert tasks == [(3, 1, None)] * samples + [(0, 3, boundaries)] * (len(tasks) - samples)
    assert len(tasks) > samples
    reducers = [(event["sample"], event["partition"]) for event in chained.reduces if event["final"]]
    assert sorted(reducers) == [(0, 0), (0, 1), (0, 2), (3, 0)]
    assert [(event["sample"], event["partitions"]) for event in chained.publishes] == [(3, 1), (0, 3)]
    assert [step.get("sample", False) for step in outcome.output["steps"]] == [True, True, False, False]
    assert [event["partitions"] for event in checks(chained)] == [3, 3]


def test_a_sample_is_taken_by_few_mappers(chained: Cloud) -> None:
    chained.buckets["data"] = {"in/a": 64_000_000}
    chained.execute({"job": "sorted", "input": IN, "partitions": 3, "splitBytes": 1_000_000})
    tasks = [event["sample"] for event in chained.events if "pieces" in event]
    assert tasks.count(3) <= 5
    assert tasks.count(0) > 60


def test_what_a_sample_read_is_not_counted_as_input(chained: Cloud) -> None:
    outcome = chained.execute({"job": "sorted", "input": IN, "partitions": 3})
    assert outcome.output["counters"]["inputRecords"] == 2000


def test_one_partition_needs_no_sample(chained: Cloud) -> None:
    chained.execute({"job": "sorted", "input": IN})
    assert [(event["sample"], event["boundaries"]) for event in chained.maps] == [(0, None)]


def test_each_stage_of_a_chain_samples_keys_of_its_own(chained: Cloud) -> None:
    stages = [{"job": "a"}, {"job": "sorted"}]
    outcome = chained.execute({"stages": stages, "input": IN, "partitions": 2, "partitioning": "range"})
    assert outcome.status == "SUCCEEDED", outcome.cause
    phases = [(event["stage"], event["sample"]) for event in chained.events if "publish" in event]
    assert phases == [(0, 2), (0, 0), (1, 2), (1, 0)]


@pytest.mark.parametrize("value", ["sorted", 1, ""])
def test_partitions_are_made_by_hash_or_by_range(chained: Cloud, value: Any) -> None:
    problem = problems(chained, {"job": "a", "input": IN, "partitioning": value})
    assert problem == [f"partitioning: got {value}", "give hash or range"]


# ---- several inputs --------------------------------------------------------------------------------------


def test_mappers_know_which_input_their_pieces_are_of(chained: Cloud) -> None:
    chained.buckets["other"] = {"x.csv": 5}
    columns = {"url": "VARCHAR", "rank": "INTEGER"}
    inputs = [{"uri": "s3://other/x.csv", "name": "pages", "columns": columns, "format": "csv"}, IN]
    outcome = chained.execute({"job": "a", "input": inputs})
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert [(event["input"], event["format"]) for event in chained.maps] == [
        ({"number": 0, "name": "pages", "columns": columns}, "csv"),
        ({"number": 1}, None),
    ]
    told = [
        {name: value for name, value in each.items() if name in {"name", "columns", "format"}}
        for each in checks(chained)[0]["inputs"]
    ]
    assert told == [{"name": "pages", "columns": columns, "format": "csv"}, {}]


@pytest.mark.parametrize("format", ["whole", {"type": "whole"}])
def test_objects_that_are_one_record_are_not_cut(chained: Cloud, format: Any) -> None:
    chained.execute({"job": "a", "input": {"uri": IN, "format": format}, "splitBytes": 10})
    assert {(piece["start"], piece["end"]) for event in chained.maps for piece in event["pieces"]} == {
        (0, 1000)
    }


def test_a_stage_that_has_nothing_to_read_says_why(chained: Cloud) -> None:
    chained.emits = 0
    del chained.buckets["jobs"]["jobs/job-1/stage-0/result/part-00000.csv"]
    del chained.buckets["jobs"]["jobs/job-1/stage-0/result/part-00001.csv"]
    outcome = chained.execute({"stages": [{"job": "a"}, {"job": "b"}], "input": IN})
    assert outcome.error == "NoInput"
    assert outcome.cause == (
        "stage 1: has nothing to read, for stage 0 gave no rows; 0 of its 2000 records could not be read"
    )


@pytest.mark.parametrize("name", ["", 1, ["a"]])
def test_the_name_of_an_input_is_a_text(chained: Cloud, name: Any) -> None:
    problem = problems(chained, {"job": "a", "input": {"uri": IN, "name": name}})
    assert problem[0].startswith("input.name: got")


# ---- skew ------------------------------------------------------------------------------------------------


def skewed(cloud: Cloud, records: list[int], largest: list[dict[str, Any] | None]) -> None:
    """Let final reducers report how much they read, and their largest keys."""
    cloud.buckets = {"data": {"in/a": sum(records)}}

    def reducer(event: Event) -> Any:
        if "final" not in event:
            return None
        partition = event["partition"]
        return cloud.reduce(event) | {"recordsIn": records[partition], "largestKey": largest[partition]}

    cloud.reducer = reducer


def key(name: str, values: int) -> dict[str, Any]:
    return {"key": json.dumps(name), "values": values}


def test_the_last_step_names_the_largest_key_and_partition(cloud: Cloud) -> None:
    skewed(cloud, [33, 34, 33], [key("b", 3), key("a", 4), None])
    outcome = cloud.run(partitions=3)
    last = outcome.output["steps"][-1]
    assert last["largestKey"] == {"key": '"a"', "values": 4}
    assert last["largestPartition"] == {"partition": 1, "records": 34}
    assert outcome.output["warnings"] == []


def test_keys_that_are_more_than_a_partitions_share_are_reported(cloud: Cloud) -> None:
    skewed(cloud, [35, 10, 55], [key("b", 34), key("a", 9), key("c", 50)])
    warnings = cloud.run(partitions=3).output["warnings"]
    share = "of 100 values, more than the share of one of 3 partitions"
    assert warnings == [f'stage 0: the key "c" has 50 {share}', f'stage 0: the key "b" has 34 {share}']


def test_a_frequent_key_that_was_divided_evenly_is_no_reason_to_warn(cloud: Cloud) -> None:
    skewed(cloud, [34, 33, 33], [key("b", 34), key("b", 33), None])
    assert cloud.run(partitions=3).output["warnings"] == []


def test_keys_of_one_value_are_not_frequent(cloud: Cloud) -> None:
    skewed(cloud, [1, 1, 0, 0], [key("a", 1), key("b", 1), None, None])
    assert cloud.run(partitions=4).output["warnings"] == []


def test_not_more_than_ten_keys_are_named(cloud: Cloud) -> None:
    skewed(
        cloud,
        [*range(10, 30), *[0] * 20],
        [*(key(f"k{number}", number) for number in range(10, 30)), *[None] * 20],
    )
    warnings = cloud.run(partitions=40).output["warnings"]
    assert len(warnings) == 11
    assert '"k29" has 29 ' in warnings[0]
    assert warnings[-1] == "stage 0: 10 more keys have so"


def test_one_partition_has_no_share_to_exceed(cloud: Cloud) -> None:
    skewed(cloud, [100], [key("b", 100)])
    assert cloud.run().output["warnings"] == []


def test_a_sample_without_a_record_is_reported(chained: Cloud) -> None:
    chained.emits = 0

    def mapper(event: Event) -> Any:
        if "pieces" not in event:
            return None
        return chained.map(event) | ({"recordsIn": 0} if event["sample"] else {})

    chained.mapper = mapper
    [warning] = chained.execute({"job": "sorted", "input": IN, "partitions": 3}).output["warnings"]
    assert warning.startswith("stage 0: no record of the sample could be read")


@pytest.mark.parametrize("frequent", [False, True])
def test_a_thousand_partitions_are_summed_up_in_time(frequent: bool) -> None:
    partitions = 1000
    results = [
        {
            "recordsIn": 2 if number < partitions // 2 else 0,
            "largestKey": key(f"k{number}", 2 if frequent else 1),
        }
        for number in range(partitions)
    ]
    bindings = {
        "results": results,
        "config": {"sample": 0, "partitions": partitions},
        "outputs": 1,
        "fan": 2,
        "stage": 0,
        "step": 1,
        "steps": [],
        "warnings": [],
        "mapped": {"recordsIn": 7},
    }
    for name in ("steps", "warnings"):
        began = time.process_time()
        evaluate(expressions()[f"Count reduce outputs.Assign.{name}"], bindings)
        # AWS allows a second. Python takes about ten times as long as what AWS has; squares of it far longer.
        assert time.process_time() - began < 5, name


def test_the_largest_keys_of_a_thousand_partitions_fit_a_payload(cloud: Cloud) -> None:
    huge = 10**12
    counters = dict.fromkeys(("recordsIn", "recordsOut", "bytesIn", "bytesOut"), huge)
    largest = {"key": '\\"' * 20, "values": huge}  # as long as reducers tell it, and of what JSON escapes

    def reducer(event: Event) -> Any:
        return counters | {"largestKey": largest} if "final" in event else None

    cloud.reducer = reducer
    cloud.buckets = {"data": {"in/a": 1000}}
    outcome = cloud.run(partitions=1000, concurrency=16)
    assert outcome.error == "RecordsLost", outcome.cause  # which is found behind the step
    children = [child.output for child in outcome.map_runs[-1].children]
    assert len(json.dumps(children)) < 256 * 1024
