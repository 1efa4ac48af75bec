"""Executions as the API shows them: started, described, listed, stopped, timed out."""

import json
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from marla.local.api import Api, ApiError
from marla.local.interpreter import Interpreter
from marla.local.jsonata import JSON
from tests.interpreter.machines import machine, mapping, passing, work
from tests.interpreter.stubs import Clients, WorkerError, until

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


class BadItemError(WorkerError):
    """What a worker raises for an item it does not like."""


class FakeCloud(Clients):
    """A cloud with the state machines it is given."""

    machines: dict[str, str]

    def permits(self, role_arn: str, action: str, resource: str) -> bool:
        return True

    def client(self, service: str, region: str, role_arn: str = "") -> "FakeCloud":
        return self

    def describe_state_machine(self, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803 (boto3's names)
        if stateMachineArn not in self.machines:
            error: Any = {
                "Error": {"Code": "StateMachineDoesNotExist", "Message": "no such machine"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise ClientError(error, "DescribeStateMachine")
        return {
            "stateMachineArn": stateMachineArn,
            "name": "m",
            "definition": self.machines[stateMachineArn],
            "roleArn": "arn:aws:iam::000000000000:role/r",
            "creationDate": 1.0,
        }


@pytest.fixture
def cloud(interpreter: Interpreter) -> FakeCloud:
    """A cloud with one machine, ARN, which maps items."""
    cloud = FakeCloud()
    cloud.machines = {ARN: json.dumps(machine(Map=mapping("{% $states.input.items %}", MaxConcurrency=2)))}
    return cloud


@pytest.fixture
def api(cloud: FakeCloud) -> Api:
    """The API over `cloud`."""
    return Api(cloud, "us-east-1")  # type: ignore[arg-type]


def start(api: Api, execution_input: JSON, name: str | None = None) -> str:
    request = {"stateMachineArn": ARN, "input": json.dumps(execution_input), "name": name}
    return str(api.answer("StartExecution", request)["executionArn"])


def ended(api: Api, arn: str) -> dict[str, JSON]:
    until(lambda: api.answer("DescribeExecution", {"executionArn": arn})["status"] != "RUNNING")
    return api.answer("DescribeExecution", {"executionArn": arn})


@pytest.mark.parametrize("output", ["text", 'with "quotes"', 7, 1.5, None, True, [], {"a": None}])
def test_an_output_is_json_text(api: Api, cloud: FakeCloud, output: JSON) -> None:
    cloud.machines[ARN] = json.dumps(machine(Only=passing("{% $states.input.value %}")))
    described = ended(api, start(api, {"value": output}))
    assert described["status"] == "SUCCEEDED"
    assert json.loads(described["output"]) == output
    assert json.loads(described["input"]) == {"value": output}
    assert described["stopDate"] >= described["startDate"]


def test_a_failed_execution_has_error_and_cause_and_no_output(api: Api, cloud: FakeCloud) -> None:
    fail = {"Type": "Fail", "Error": "InvalidInput", "Cause": "because"}
    cloud.machines[ARN] = json.dumps(machine(Only=fail))
    described = ended(api, start(api, {}))
    assert (described["status"], described["error"], described["cause"]) == (
        "FAILED",
        "InvalidInput",
        "because",
    )
    assert "output" not in described


def test_an_execution_without_a_name_gets_one(api: Api) -> None:
    names = {start(api, {"items": []}).rpartition(":")[2] for _ in range(2)}
    assert len(names) == 2
    assert {len(name) for name in names} == {36}


def test_a_name_is_taken_once(api: Api, cloud: FakeCloud) -> None:
    over = threading.Event()
    cloud.worker = lambda _: over.wait(20)
    first = start(api, {"items": [1]}, "job")
    assert start(api, {"items": [1]}, "job") == first
    with pytest.raises(ApiError) as refusal:
        start(api, {"items": [2]}, "job")
    assert refusal.value.code == "ExecutionAlreadyExists"
    over.set()
    ended(api, first)
    with pytest.raises(ApiError, match=first):
        start(api, {"items": [1]}, "job")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"name": "no spaces"}, "InvalidName"),
        ({"name": "n" * 81}, "InvalidName"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"input": '{"a": NaN}'}, "InvalidExecutionInput"),
        ({"input": json.dumps("x" * 256 * 1024)}, "ValidationException"),
        ({"stateMachineArn": ARN + "x"}, "StateMachineDoesNotExist"),
    ],
)
def test_a_wrong_start_is_refused(api: Api, request_: dict[str, str], code: str) -> None:
    with pytest.raises(ApiError) as refusal:
        api.answer("StartExecution", {"stateMachineArn": ARN, **request_})
    assert refusal.value.code == code


def test_a_deployed_definition_counts_at_the_next_start(api: Api, cloud: FakeCloud) -> None:
    outputs = []
    for number in (1, 2):
        cloud.machines[ARN] = (
            f"QueryLanguage: JSONata\nStartAt: A\nStates: {{A: {{Type: Succeed, Output: {number}}}}}"
        )
        outputs.append(json.loads(ended(api, start(api, {}))["output"]))
    assert outputs == [1, 2]
    del cloud.machines[ARN]
    with pytest.raises(ApiError, match="no such machine"):
        start(api, {})


def test_a_deployed_definition_that_is_invalid_is_refused(api: Api, cloud: FakeCloud) -> None:
    cloud.machines[ARN] = '{"StartAt": "A"}'
    with pytest.raises(ApiError) as refusal:
        start(api, {})
    assert refusal.value.code == "InvalidDefinition"


def test_a_definition_is_shown_as_json(api: Api, cloud: FakeCloud) -> None:
    cloud.machines[ARN] = "StartAt: A\nStates: {A: {Type: Succeed}}"
    arn = start(api, {})
    for answer in (
        api.answer("DescribeStateMachine", {"stateMachineArn": ARN}),
        api.answer("DescribeStateMachineForExecution", {"executionArn": arn}),
    ):
        assert json.loads(answer["definition"]) == {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}


def test_a_history_comes_in_pages_in_both_directions(api: Api) -> None:
    arn = start(api, {"items": [1]})
    ended(api, arn)
    whole = api.answer("GetExecutionHistory", {"executionArn": arn})["events"]
    assert [event["id"] for event in whole] == list(range(1, len(whole) + 1))
    for reverse in (False, True):
        pages: list[JSON] = []
        token = None
        while not pages or token:
            request = {"executionArn": arn, "maxResults": 3, "nextToken": token, "reverseOrder": reverse}
            answer = api.answer("GetExecutionHistory", request)
            assert len(answer["events"]) <= 3
            pages += answer["events"]
            token = answer["nextToken"]
        assert pages == (whole[::-1] if reverse else whole)


def test_a_history_without_data_has_neither_inputs_nor_outputs(api: Api) -> None:
    arn = start(api, {"items": ["sécret"]})
    ended(api, arn)
    request = {"executionArn": arn, "includeExecutionData": False}
    assert "sécret" not in json.dumps(api.answer("GetExecutionHistory", request), ensure_ascii=False)


def test_children_are_listed_by_map_run_and_status_in_pages_and_described(api: Api, cloud: FakeCloud) -> None:
    def worker(item: int) -> int:
        if item == 5:
            raise BadItemError("item 5")
        return item * 10

    cloud.worker = worker
    definition = machine(Map=mapping("{% $states.input.items %}", ToleratedFailureCount=1, MaxConcurrency=1))
    cloud.machines[ARN] = json.dumps(definition)
    arn = start(api, {"items": [1, 2, 3, 4, 5]})
    ended(api, arn)
    (run,) = api.answer("ListMapRuns", {"executionArn": arn})["mapRuns"]
    described = api.answer("DescribeMapRun", {"mapRunArn": run["mapRunArn"]})
    assert (described["executionArn"], described["status"]) == (arn, "SUCCEEDED")

    found: list[dict[str, JSON]] = []
    token = None
    while not found or token:
        request = {"mapRunArn": run["mapRunArn"], "maxResults": 2, "nextToken": token}
        answer = api.answer("ListExecutions", request)
        found += answer["executions"]
        token = answer["nextToken"]
    assert [json.loads(api.answer("DescribeExecution", child)["input"]) for child in found] == [5, 4, 3, 2, 1]
    request = {"mapRunArn": run["mapRunArn"], "statusFilter": "FAILED"}
    (failed,) = api.answer("ListExecutions", request)["executions"]
    assert failed["mapRunArn"] == run["mapRunArn"]
    child = api.answer("DescribeExecution", {"executionArn": failed["executionArn"]})
    assert (child["input"], child["error"]) == ("5", "BadItemError")
    assert "item 5" in child["cause"]
    events = api.answer("GetExecutionHistory", {"executionArn": failed["executionArn"]})["events"]
    assert "TaskFailed" in [event["type"] for event in events]


def test_executions_are_listed_newest_first(api: Api) -> None:
    arns = [start(api, {"items": []}, f"job-{number}") for number in range(3)]
    for arn in arns:
        ended(api, arn)
    listed = api.answer("ListExecutions", {"stateMachineArn": ARN, "statusFilter": "SUCCEEDED"})["executions"]
    assert [execution["executionArn"] for execution in listed] == arns[::-1]
    assert (
        api.answer("ListExecutions", {"stateMachineArn": ARN, "statusFilter": "FAILED"})["executions"] == []
    )


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        (
            "DescribeExecution",
            {"executionArn": ARN.replace("stateMachine", "execution") + ":x"},
            "ExecutionDoesNotExist",
        ),
        ("GetExecutionHistory", {"executionArn": "x"}, "ExecutionDoesNotExist"),
        ("DescribeMapRun", {"mapRunArn": "x"}, "ResourceNotFound"),
        ("ListExecutions", {"mapRunArn": "x"}, "ResourceNotFound"),
        ("StopExecution", {}, "ValidationException"),
        ("MakeTea", {}, "UnknownOperationException"),
    ],
)
def test_what_is_not_there_is_named(api: Api, operation: str, request_: dict[str, str], code: str) -> None:
    with pytest.raises(ApiError) as refusal:
        api.answer(operation, request_)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "state", [work(1), {"Type": "Wait", "Seconds": 20, "End": True}], ids=["task", "wait"]
)
def test_a_stop_takes_effect_at_once(api: Api, cloud: FakeCloud, state: dict[str, JSON]) -> None:
    over = threading.Event()
    cloud.worker = lambda _: over.wait(20)
    cloud.machines[ARN] = json.dumps(machine(Only=state))
    arn = start(api, {})
    until(lambda: len(api.answer("GetExecutionHistory", {"executionArn": arn})["events"]) > 1)
    started = time.monotonic()
    stopped = api.answer("StopExecution", {"executionArn": arn, "error": "E", "cause": "C"})
    assert time.monotonic() - started < 10
    described = api.answer("DescribeExecution", {"executionArn": arn})
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "E", "C")
    assert described["stopDate"] == stopped["stopDate"]
    over.set()
    request = {"executionArn": arn, "reverseOrder": True, "maxResults": 1}
    (last,) = api.answer("GetExecutionHistory", request)["events"]
    assert last["type"] == "ExecutionAborted"


def test_a_stop_of_a_finished_execution_changes_nothing(api: Api) -> None:
    arn = start(api, {"items": []})
    before = ended(api, arn)
    assert api.answer("StopExecution", {"executionArn": arn})["stopDate"] == before["stopDate"]
    assert ended(api, arn) == before


def test_an_execution_times_out(api: Api, cloud: FakeCloud) -> None:
    over = threading.Event()
    cloud.worker = lambda _: over.wait(20)
    cloud.machines[ARN] = json.dumps({**machine(Map=mapping([1, 2], MaxConcurrency=1)), "TimeoutSeconds": 1})
    arn = start(api, {})
    assert ended(api, arn)["status"] == "TIMED_OUT"
    (run,) = api.answer("ListMapRuns", {"executionArn": arn})["mapRuns"]
    until(lambda: api.answer("DescribeMapRun", run)["status"] == "ABORTED")
    assert (
        api.answer("GetExecutionHistory", {"executionArn": arn})["events"][-1]["type"] == "ExecutionTimedOut"
    )
    over.set()


def test_it_can_be_asked_about_from_the_moment_it_is_started(api: Api) -> None:
    for _ in range(20):
        arn = start(api, {"items": [1, 2]})
        api.answer("GetExecutionHistory", {"executionArn": arn})
        api.answer("ListMapRuns", {"executionArn": arn})
        assert api.answer("DescribeExecution", {"executionArn": arn})["status"] in ("RUNNING", "SUCCEEDED")
