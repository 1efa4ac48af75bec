"""What is asked of the cloud to know an execution's costs, and what is assumed where it does not tell."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from marla.costs.of_execution import Costs, of_execution
from marla.stack import Stack
from tests.unit.costed import NOON, Events, mappers, reducers, whole_job

ARN = "arn:aws:states:eu-central-1:000000000000:execution:machine:job-1"
RECORDS = [*mappers(4), *reducers(1)]


class FakeCloud:
    """Step Functions and CloudFormation with one execution; they answer only what is not silenced."""

    def __init__(self, *silent: str, child_type: str = "EXPRESS", **parameters: str) -> None:
        self.asked: list[str] = []
        self._silent = silent
        self._definition = json.dumps({"ProcessorConfig": {"ExecutionType": child_type}}, indent=1)
        self._parameters = parameters

    def get_execution_history(self, executionArn: str, nextToken: str = "", **how: Any) -> dict[str, Any]:  # noqa: N803
        assert executionArn == ARN
        assert how["reverseOrder"]
        events = whole_job().events[::-1]
        if nextToken:
            return {"events": events[20:]}
        self._ask("history")
        return {"events": events[:20], "nextToken": "more"}

    def describe_state_machine_for_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        self._ask("definition")
        return {"definition": self._definition}

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:  # noqa: N803
        self._ask("map run")
        total = {"run of Reduce": 1}.get(mapRunArn, 6)
        return {"itemCounts": {"total": total, "pending": 1 if total > 1 else 0}}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        self._ask("parameters")
        pairs = [{"ParameterKey": key, "ParameterValue": value} for key, value in self._parameters.items()]
        return {"Stacks": [{"Parameters": pairs}]}

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if what in self._silent:
            answer: Any = {"Error": {"Code": "AccessDenied", "Message": "not yours"}}
            raise ClientError(answer, what)


def costs_in(cloud: FakeCloud, *, events: list[dict[str, Any]] | None = None, now: datetime = NOON) -> Costs:
    stack = Stack("marla", "eu-central-1", "arn:machine", "jobs", lambda service: cloud)
    return of_execution(stack, ARN, RECORDS, events, lambda: now)


def test_costs_are_those_of_the_stacks_region_history_definition_and_parameters() -> None:
    cloud = FakeCloud(IntermediateDays="3", WorkerStorage="1024", MapperMemory="2048")
    found = costs_in(cloud)
    usage = found.usage
    assert found.bill.region == "eu-central-1"
    assert (usage.transitions, usage.child_type, usage.children) == (24, "EXPRESS", 6)
    assert (usage.intermediate_days, usage.storage_mib) == (Decimal(3), 1024)
    assert sorted(cloud.asked) == ["definition", "history", "map run", "map run", "parameters"]
    assert not any("did not tell" in note for note in found.bill.notes)


def test_losers_of_races_are_at_work_for_as_long_as_the_stack_lets_them() -> None:
    ended = NOON + timedelta(minutes=1)
    history = Events().map_run("Map with backups").add("ExecutionSucceeded", 59.0)
    found = costs_in(FakeCloud(WorkerTimeout="120"), events=history.events, now=ended)
    assert found.usage.settled_at == ended + timedelta(seconds=120)
    assert any("may be at work until" in note for note in found.bill.notes)


def test_a_history_that_is_known_is_not_asked_for_again() -> None:
    cloud = FakeCloud()
    assert costs_in(cloud, events=whole_job().events).usage == costs_in(FakeCloud()).usage
    assert "history" not in cloud.asked


def test_what_the_cloud_does_not_tell_is_assumed_and_said() -> None:
    found = costs_in(FakeCloud("history", "definition", "parameters"))
    usage = found.usage
    assert (usage.transitions, usage.child_type, usage.children) == (0, "STANDARD", 5)
    assert (usage.intermediate_days, usage.storage_mib) == (Decimal(1), 512)
    said = [note for note in found.bill.notes if note.startswith("The cloud did not tell")]
    assert len(said) == 3


def test_children_are_counted_from_records_where_map_runs_are_not_told() -> None:
    found = costs_in(FakeCloud("map run"))
    assert found.usage.children == 5
    assert any("how many tasks were started" in note for note in found.bill.notes)


def waves(count: int) -> Events:
    """The history of a job of some waves of two mappers that are done, and of one more that is at work."""
    history = Events().add("ExecutionStarted")
    for number in range(count + 1):
        history.enter("Pass", "Cut into batches").assign(wave=[{}, {}])
        history.enter("Map", "Map")
        history.add("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": f"run {number}"})
        if number < count:
            history.add("MapStateExited", stateExitedEventDetails={"name": "Map"})
    return history


def test_of_hundreds_of_waves_only_the_one_that_is_at_work_is_asked_for_its_count() -> None:
    cloud = FakeCloud()
    newest_first = waves(300).events[::-1]
    assert costs_in(cloud, events=newest_first).usage.children == 2 * 300 + 5
    assert cloud.asked.count("map run") == 1


def test_the_type_of_children_is_that_of_the_stack_where_the_definition_does_not_tell() -> None:
    assert costs_in(FakeCloud("definition", ChildExecutionType="EXPRESS")).usage.child_type == "EXPRESS"


def test_a_definition_may_be_yaml() -> None:
    cloud = FakeCloud(child_type="EXPRESS")
    cloud._definition = "ProcessorConfig:\n  Mode: DISTRIBUTED\n  ExecutionType: EXPRESS\nStartAt: Mapper\n"
    assert costs_in(cloud).usage.child_type == "EXPRESS"


def test_costs_as_json_have_bill_alternatives_and_advice() -> None:
    document = costs_in(FakeCloud()).to_json()
    assert list(document) == ["bill", "alternatives", "advice"]
    assert document["bill"]["total"] > 0
    assert {other["option"] for other in document["alternatives"]} >= {"ChildExecutionType=STANDARD"}
