"""What an execution is given is data to the state machine: no expression, no path, no template."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.statemachine.stub_cloud import Cloud, objects

TEMPLATES = [
    "{% $states.context.Execution.RoleArn %}",
    "{%1+1%}",
    "$.input",
    "$$.Execution.Name",
    "States.Format('{}', $.x)",
    "${JobBucket}",
    "${MapperFunctionArn}",
    "a' & $string($states) & 'b",
    'a" & $string($states) & "b',
    "\\u0027 & $x",
    "(function($x){$x})(1)",
]


@pytest.fixture(autouse=True)
def _something_to_read(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(2)}


@pytest.mark.parametrize("text", TEMPLATES)
def test_what_looks_like_an_expression_reaches_the_workers_as_it_is(cloud: Cloud, text: str) -> None:
    params = {"x": text, "x.$": text, text: [text, {text: text}]}
    source = {"uri": "s3://data/in/", "name": text, "format": {"type": "csv", "delimiter.$": text}}
    outcome = cloud.run(job=text, params=params, input=source)
    assert outcome.status == "SUCCEEDED", outcome.cause
    check, *_ = (event for event in cloud.events if event.get("check"))
    [mapped] = cloud.maps
    for event in (check, mapped):
        assert event["job"] == text
        assert event["params"] == params
    assert mapped["format"] == source["format"]
    assert mapped["input"]["name"] == text


@pytest.mark.parametrize("text", TEMPLATES)
def test_what_looks_like_an_expression_in_a_query_is_text(cloud: Cloud, text: str) -> None:
    outcome = cloud.execute({"sql": text, "input": "s3://data/in/"})
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert text in json.dumps(cloud.maps[0]["job"], ensure_ascii=False).replace("\\\\", "\\").replace(
        '\\"', '"'
    )


def test_a_field_that_is_evaluated_in_other_state_machines_is_unknown_here(cloud: Cloud) -> None:
    given = {"job": "wordcount", "input": "s3://data/in/", "input.$": "$.x", "{% 'job' %}": 1}
    outcome = cloud.execute(given)
    assert outcome.error == "InvalidInput"
    assert "input.$: unknown field" in str(outcome.cause)
    assert "{% 'job' %}: unknown field" in str(outcome.cause)


NO_URIS: list[Any] = [
    "s3://../x",
    "s3://data..\x00/x",
    "s3:///etc/passwd",
    "file:///etc/passwd",
    "https://data/in/",
    "S3://data/in/",
    "s3://DATA/in/",
    "s3://arn:aws:s3:us-east-1:1:accesspoint/x/in/",
    "s3://data\n/in/",
    "s3://data?x=1/in/",
    "s3://data@evil/in/",
    " s3://data/in/",
    "\ns3://data/in/",
    {"uri.$": "$.x"},
]


@pytest.mark.parametrize("uri", NO_URIS)
def test_a_place_of_another_kind_is_refused_before_anything_is_asked(cloud: Cloud, uri: Any) -> None:
    outcome = cloud.run(input=uri)
    assert (outcome.status, outcome.error) == ("FAILED", "InvalidInput")
    assert cloud.listed == []
    assert cloud.events == []


@pytest.mark.parametrize(
    "key", ["../in/", "in/../../jobs/", "%2e%2e/in/", "in/\x00", "in/\r\nHost: evil/", "/in/"]
)
def test_a_key_is_a_text_that_leads_nowhere_else(cloud: Cloud, key: str) -> None:
    cloud.buckets["jobs"] = {"jobs/another/stage-0/map/0": 10}
    outcome = cloud.run(input=f"s3://data/{key}")
    assert outcome.error == "NoInput"
    assert {(request["Bucket"], request["Prefix"]) for request in cloud.listed} == {("data", key)}


@pytest.mark.parametrize("name", ["", "x/y", "../x", "/", "x" * 81, 5, ["x"], {"from": "x"}, True])
def test_what_is_resumed_is_the_name_of_an_execution(cloud: Cloud, name: Any) -> None:
    outcome = cloud.run(resume=name)
    assert (outcome.status, outcome.error) == ("FAILED", "InvalidInput")
    assert "resume: got" in str(outcome.cause)
    assert cloud.events == []
    assert cloud.listed == []


@pytest.mark.parametrize("name", ["job-1", "it's (1)=+@!", "%2F..%2F", "{% 1 %}", "..x"])
def test_all_that_a_job_writes_is_asked_for_under_its_name(cloud: Cloud, name: str) -> None:
    outcome = cloud.run(name)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert {event["id"] for event in cloud.events if "id" in event} == {name}
    assert all(uri.startswith(f"s3://jobs/jobs/{name}/stage-0/result/") for uri in outcome.output["result"])
