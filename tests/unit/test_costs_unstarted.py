"""The costs of an execution that ended before any worker was started: only what the machine itself did."""

from __future__ import annotations

import platform
from datetime import timedelta
from typing import Any

import pytest

from marla.costs.deployment import Deployment
from marla.costs.history import summarise
from marla.costs.of_execution import Costs, costs, of_execution
from marla.costs.prices import prices_in
from marla.costs.usage import usage_of
from marla.stack import Stack
from tests.unit.costed import NOON, Events, mappers

ENDED = NOON + timedelta(seconds=5)


class FakeCloud:
    """A cloud with one execution, whose stack says that its functions are arm64."""

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        pairs = [{"ParameterKey": "Architecture", "ParameterValue": "arm64"}]
        return {"Stacks": [{"Parameters": pairs}]}

    def describe_state_machine_for_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"definition": "{}"}


def refused() -> list[dict[str, Any]]:
    """The history of an execution whose job was refused."""
    history = Events().add("ExecutionStarted").enter("Task", "Check job")
    return history.call("lambda", 2.0, error="InvalidParameter").add("ExecutionFailed").events


def of_refused(*, local: bool = False) -> Costs:
    stack = Stack("marla", "us-east-1", "arn:machine", "jobs", lambda service: FakeCloud(), local)
    return of_execution(stack, "arn:of:one", [], refused(), lambda: ENDED)


@pytest.mark.parametrize(
    ("machine", "architecture"), [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64")]
)
def test_on_a_local_cloud_its_calls_have_the_price_of_this_machines_architecture(
    monkeypatch: pytest.MonkeyPatch, machine: str, architecture: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    found = of_refused(local=True)
    assert [use.architecture for use in found.usage.lambdas] == [architecture]
    assert [use.architecture for use in of_refused().usage.lambdas] == ["arm64"]  # as the stack says


def test_no_other_choice_is_priced() -> None:
    assert of_refused().alternatives == ()


def test_no_worker_is_said_to_be_at_work() -> None:
    found = of_refused()
    assert found.usage.settled_at is not None
    assert found.usage.settled_at < ENDED
    assert not any("at work" in note for note in found.bill.notes)


def test_of_a_function_that_did_no_task_no_other_memory_is_priced() -> None:
    history = Events().enter("Task", "Check job").call("lambda", 1.0)
    history.enter("Task", "Publish result").call("lambda", 1.0)
    usage = usage_of(mappers(1), summarise(history.events), Deployment())
    options = {other.option for other in costs(mappers(1), usage, prices_in("us-east-1")).alternatives}
    assert "MapperMemory=512" in options
    assert not any(option.startswith("ReducerMemory") for option in options)
