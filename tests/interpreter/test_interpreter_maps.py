"""Distributed Maps: their children, tolerance, counts and cost."""

import threading
import time
from collections.abc import Callable

import pytest
from moto.stepfunctions.parser.asl.component.state.exec import execute_state

from marla.local.interpreter import Interpreter, MapRunOutcome, Outcome
from marla.local.jsonata import JSON
from tests.interpreter.machines import machine, mapping, passing, work
from tests.interpreter.stubs import Clients, WorkerError, until


class BadItemError(WorkerError):
    """What a worker raises for an item it does not like."""


class Gate:
    """A worker that stays with each item until it is let go.

    It fails for the `bad` one, once as many items as `company` have arrived.
    """

    def __init__(self, bad: int | None = None, company: int = 1) -> None:
        self._bad = bad
        self._company = company
        self._open = threading.Event()
        self.arrived: list[JSON] = []

    def __call__(self, item: JSON) -> JSON:
        self.arrived.append(item)
        if item == self._bad:
            until(lambda: len(self.arrived) >= self._company)
            raise BadItemError(f"item {item}")
        self._open.wait(20)
        return item

    def open(self) -> None:
        """Let all go."""
        self._open.set()


def fail_from(first_bad: int) -> Callable[[JSON], JSON]:
    """A worker that fails for items from a number on."""

    def worker(item: JSON) -> JSON:
        if item >= first_bad:
            raise BadItemError(f"item {item}")
        return item

    return worker


def only_run(outcome: Outcome) -> MapRunOutcome:
    (run,) = outcome.map_runs
    return run


def test_a_map_gives_the_outputs_of_its_items_in_order(interpreter: Interpreter, clients: Clients) -> None:
    clients.worker = lambda item: item * 2
    outcome = interpreter.run(machine(Map=mapping("{% [1..50] %}", MaxConcurrency=7)), {})
    assert outcome.output == [2 * item for item in range(1, 51)]


def test_a_map_over_nothing_is_empty(interpreter: Interpreter) -> None:
    outcome = interpreter.run(machine(Map=mapping([])), {})
    assert (outcome.status, outcome.output) == ("SUCCEEDED", [])


def test_an_item_selector_reads_the_item_its_index_the_variables_and_the_input(
    interpreter: Interpreter,
) -> None:
    selector = {
        "index": "{% $states.context.Map.Item.Index %}",
        "value": "{% $states.context.Map.Item.Value.name %}",
        "variable": "{% $job %}",
        "input": "{% $states.input.items[1].name %}",
    }
    states = machine(
        Before=passing("{% $states.input %}", Assign={"job": "wordcount"}, Next="Map"),
        Map=mapping("{% $states.input.items %}", ItemSelector=selector),
    )
    outcome = interpreter.run(states, {"items": [{"name": "a"}, {"name": "b"}]})
    assert outcome.output == [
        {"index": 0, "value": "a", "variable": "wordcount", "input": "b"},
        {"index": 1, "value": "b", "variable": "wordcount", "input": "b"},
    ]


def test_max_concurrency_is_an_expression_and_is_kept(interpreter: Interpreter, clients: Clients) -> None:
    gate = clients.worker = Gate()
    states = machine(Map=mapping("{% [1..9] %}", MaxConcurrency="{% $states.input.width %}"))
    execution = interpreter.start(states, {"width": 3})
    until(lambda: len(gate.arrived) == 3)
    assert execution.map_runs[0].counts()["running"] == 3
    gate.open()
    assert execution.wait(10)
    assert execution.output == list(range(1, 10))


def test_a_child_sees_its_input_and_nothing_of_its_parents_variables(interpreter: Interpreter) -> None:
    child = passing(
        {"input": "{% $states.input %}", "sees": "{% $exists($job) or $exists($states.context.Map) %}"}
    )
    states = machine(Before=passing(Assign={"job": 1}, Next="Map"), Map=mapping([7], child))
    assert interpreter.run(states, {}).output == [{"input": 7, "sees": False}]


def test_a_child_is_an_execution_of_its_own(interpreter: Interpreter) -> None:
    child = passing("{% $states.context.Execution %}")
    outcome = interpreter.run(machine(Map=mapping([7], child)), {}, name="parent")
    (context,) = outcome.output
    (described,) = only_run(outcome).children
    assert context["Id"] == described.arn
    assert context["Input"] == 7
    assert described.arn == f"arn:aws:states:us-east-1:000000000000:execution:machine/Work:{context['Name']}"
    assert only_run(outcome).arn.startswith("arn:aws:states:us-east-1:000000000000:mapRun:machine/Work:")
    assert described.types() == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]


def test_a_failed_item_fails_the_map_at_once(interpreter: Interpreter, clients: Clients) -> None:
    gate = clients.worker = Gate(bad=2, company=2)
    outcome = interpreter.run(machine(Map=mapping("{% [1..100] %}", MaxConcurrency=2)), {}, timeout=10)
    assert (outcome.status, outcome.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert outcome.cause == "The specified tolerated failure threshold was exceeded"
    assert sorted(gate.arrived) == [1, 2]
    run = only_run(outcome)
    assert run.status == "FAILED"
    assert {key: run.counts[key] for key in ("total", "pending", "running", "failed", "aborted")} == {
        "total": 100,
        "pending": 98,
        "running": 0,
        "failed": 1,
        "aborted": 1,
    }
    assert [child.status for child in run.children] == ["ABORTED", "FAILED"]
    assert run.children[0].types()[-1] == "ExecutionAborted"
    assert (run.children[1].error, run.children[1].input) == ("BadItemError", 2)
    assert "item 2" in str(run.children[1].cause)
    assert outcome.types()[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    gate.open()


@pytest.mark.parametrize(
    ("tolerance", "failures", "status"),
    [
        ({}, 1, "FAILED"),
        ({"ToleratedFailureCount": 2}, 2, "SUCCEEDED"),
        ({"ToleratedFailureCount": 2}, 3, "FAILED"),
        ({"ToleratedFailureCount": "{% 1 + 1 %}"}, 2, "SUCCEEDED"),
        ({"ToleratedFailureCount": "{% 1 + 1 %}"}, 3, "FAILED"),
        ({"ToleratedFailurePercentage": 20}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 20}, 3, "FAILED"),
        ({"ToleratedFailurePercentage": 20.5}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": "{% 20 %}"}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": "{% 20 %}"}, 3, "FAILED"),
        ({"ToleratedFailureCount": 5, "ToleratedFailurePercentage": 20}, 3, "FAILED"),
        ({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 90}, 2, "FAILED"),
    ],
)
def test_failures_are_tolerated_up_to_the_threshold(
    interpreter: Interpreter, clients: Clients, tolerance: dict[str, JSON], failures: int, status: str
) -> None:
    clients.worker = fail_from(11 - failures)
    outcome = interpreter.run(machine(Map=mapping("{% [1..10] %}", **tolerance)), {})
    assert outcome.status == status
    if status == "SUCCEEDED":
        assert outcome.output == [*range(1, 11 - failures), *[None] * failures]
        assert only_run(outcome).counts["failed"] == failures


def test_a_childs_task_is_tried_again(interpreter: Interpreter, clients: Clients) -> None:
    calls: list[JSON] = []

    def flaky(item: JSON) -> JSON:
        calls.append(item)
        if calls.count(item) == 1:
            raise BadItemError("not at first")
        return item

    clients.worker = flaky
    retry = [
        {"ErrorEquals": ["Lambda.ServiceException", "States.Timeout"], "MaxAttempts": 9},
        {"ErrorEquals": ["BadItemError"], "IntervalSeconds": 1, "MaxAttempts": 1},
    ]
    outcome = interpreter.run(machine(Map=mapping([1, 2], work(Retry=retry))), {})
    assert outcome.output == [1, 2]
    assert only_run(outcome).children[0].types().count("TaskFailed") == 1


def test_counts_are_right_at_every_moment(interpreter: Interpreter, clients: Clients) -> None:
    gate = clients.worker = Gate()
    execution = interpreter.start(machine(Map=mapping("{% [1..9] %}", MaxConcurrency=2)), {})
    until(lambda: len(gate.arrived) == 2)
    (run,) = execution.map_runs
    described = run.describe()
    assert described["status"] == "RUNNING"
    assert {key: count for key, count in described["itemCounts"].items() if count} == {
        "total": 9,
        "pending": 7,
        "running": 2,
    }
    gate.open()
    assert execution.wait(10)
    described = run.describe()
    assert described["status"] == "SUCCEEDED"
    assert {key: count for key, count in described["executionCounts"].items() if count} == {
        "total": 9,
        "succeeded": 9,
    }


@pytest.mark.parametrize("inner", [False, True])
def test_a_stopped_execution_aborts_its_children(
    interpreter: Interpreter, clients: Clients, inner: bool
) -> None:
    gate = clients.worker = Gate()
    states = machine(Map=mapping("{% [1..9] %}", MaxConcurrency=2))
    if inner:
        del states["QueryLanguage"]
        states = machine(Both={"Type": "Parallel", "Branches": [states], "End": True})
    execution = interpreter.start(states, {})
    until(lambda: len(gate.arrived) == 2)
    execution.stop("Enough", "not needed any more")
    assert (execution.status, execution.error, execution.cause) == (
        "ABORTED",
        "Enough",
        "not needed any more",
    )
    (run,) = execution.map_runs
    assert (run.status, run.counts()["aborted"], run.counts()["running"]) == ("ABORTED", 2, 0)
    assert {child.status for child in run.children} == {"ABORTED"}
    gate.open()
    assert len(gate.arrived) == 2


def test_a_failed_branch_aborts_a_map_in_another(interpreter: Interpreter, clients: Clients) -> None:
    gate = clients.worker = Gate(bad=0)
    slow = {"StartAt": "Map", "States": {"Map": mapping([1, 2, 3], MaxConcurrency=1)}}
    failing = {
        "StartAt": "Wait",
        "States": {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Fail"}, "Fail": work(0)},
    }
    states = machine(Both={"Type": "Parallel", "Branches": [slow, failing], "End": True})
    outcome = interpreter.run(states, {}, timeout=10)
    assert outcome.error == "BadItemError"
    assert (only_run(outcome).status, only_run(outcome).counts["aborted"]) == ("ABORTED", 1)
    gate.open()


def test_maps_run_within_maps(interpreter: Interpreter) -> None:
    inner = mapping("{% [1..$states.input] %}")
    outcome = interpreter.run(machine(Map=mapping([1, 2], inner)), {})
    assert outcome.output == [[1], [1, 2]]
    assert [len(only_run(child).children) for child in only_run(outcome).children] == [1, 2]


def test_a_map_needs_the_permission_to_start_its_children(clients: Clients) -> None:
    asked: list[tuple[str, ...]] = []

    def refuse(role_arn: str, action: str, resource: str) -> bool:
        asked.append((role_arn, action, resource))
        return False

    outcome = Interpreter(clients, permits=refuse).run(machine(Map=mapping([1])), {})
    machine_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:machine"
    assert asked == [("arn:aws:iam::000000000000:role/machine", "states:StartExecution", machine_arn)]
    assert (outcome.status, outcome.error) == ("FAILED", "States.Permissions")
    assert f"states:StartExecution on {machine_arn}" in str(outcome.cause)


def test_three_thousand_items_one_after_the_other_take_time_in_proportion(interpreter: Interpreter) -> None:
    """moto recurses once for each item, which ends at a thousand."""
    states = machine(
        Before=passing(
            "{% $states.input %}", Assign={"batches": "{% [1..30].{'pieces': ['x']} %}"}, Next="Map"
        ),
        Map=mapping(
            "{% [1..$states.input] %}",
            MaxConcurrency=2,
            ItemSelector={
                "task": "{% $states.context.Map.Item.Index %}",
                "piece": "{% $batches[0].pieces %}",
            },
        ),
    )
    states["States"]["Map"]["Output"] = "{% $count($states.result) %}"
    seconds = {}
    for items in (300, 3000):
        began = time.process_time()  # in which other processes have no part
        assert interpreter.run(states, items).output == items
        seconds[items] = time.process_time() - began
    # Ten times as many; twice that leaves room for a busy machine, and quadratic growth would be a hundred.
    assert seconds[3000] < 25 * seconds[300]


def test_a_finished_child_keeps_little_and_no_thread(interpreter: Interpreter) -> None:
    execution = interpreter.start(machine(Map=mapping("{% [1..5] %}")), {})
    assert execution.wait(10)
    for child in execution.map_runs[0].children:
        assert len(child.history._packed) < 1500
        assert child._environment is None
    assert execute_state.TMP_THREADS == []
