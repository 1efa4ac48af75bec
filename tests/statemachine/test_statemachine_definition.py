"""The definition as CloudFormation and Step Functions check it, and as operators rely on it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from mapreduce.errors import MarlaError
from marla.local.jsonata import evaluate
from tests.statemachine.machine import State, document, machines, states, strings
from tests.statemachine.stub_cloud import SUBSTITUTIONS

TASKS = [name for name, state in states().items() if state["Type"] == "Task"]
INVOKE = "arn:aws:states:::lambda:invoke"
INVOCATIONS = [name for name in TASKS if states()[name]["Resource"] == INVOKE]
WATCHES = ["How long do mappers take?", "How long do reducers take?"]
MAPS = [name for name, state in states().items() if state["Type"] == "Map"]
# https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
TRANSIENT = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
}


def lint_findings(definition: State) -> list[str]:
    """What cfn-lint has to say: it looks into a definition only where it is inlined."""
    template = {
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"RoleArn": "arn:aws:iam::000000000000:role/machine", "Definition": definition},
            }
        }
    }
    return [str(match) for match in lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"]))]


def with_numbers(value: Any) -> Any:
    """Put numbers where AWS takes JSONata as well, and cfn-lint (1.53) does not yet."""
    if isinstance(value, list):
        return [with_numbers(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: 4 if name in {"MaxConcurrency", "TimeoutSeconds", "Seconds"} else with_numbers(each)
        for name, each in value.items()
    }


def test_cfn_lint_finds_nothing() -> None:
    assert lint_findings(with_numbers(document())) == []


def test_cfn_lint_would_find_something() -> None:
    broken = with_numbers(document())
    broken["States"]["Report"]["Naxt"] = "Done"
    assert lint_findings(broken) != []


def transitions(state: State) -> Iterator[tuple[str, set[str]]]:
    """Where a state may lead, and the variables that it assigns on that way."""
    always = set(state.get("Assign", {}))
    for field in ("Next", "Default"):
        if field in state:
            yield state[field], always
    for way in [*state.get("Choices", []), *state.get("Catch", [])]:
        yield way["Next"], set(way.get("Assign", {}))


@pytest.mark.parametrize("name", machines())
def test_every_state_that_is_led_to_exists_and_every_state_is_led_to(name: str) -> None:
    machine = machines()[name]
    reached, waiting = set(), [machine["StartAt"]]
    while waiting:
        state = waiting.pop()
        if state not in reached:
            assert state in machine["States"], state
            reached.add(state)
            waiting += [target for target, _ in transitions(machine["States"][state])]
    assert reached == machine["States"].keys()


def test_no_two_states_have_the_same_name() -> None:
    names = [name for machine in machines().values() for name in machine["States"]]
    assert len(set(names)) == len(names)  # Step Functions refuses a definition with two, wherever they are


@pytest.mark.parametrize("name", states())
def test_a_state_leads_on_or_ends(name: str) -> None:
    state = states()[name]
    ends = state.get("End", False) or state["Type"] in {"Succeed", "Fail"}
    assert ends != any(transitions(state))
    assert len(name) <= 80
    if state["Type"] == "Choice":
        assert "Default" in state


@pytest.mark.parametrize("name", INVOCATIONS)
def test_an_invocation_outlasts_its_function_and_is_tried_again_if_lambda_fails(name: str) -> None:
    task = states()[name]
    # The function's own timeout is WorkerTimeout, so that only a lost answer is waited for longer.
    assert evaluate(task["TimeoutSeconds"][2:-2], {}) == int(SUBSTITUTIONS["WorkerTimeout"]) + 60
    *throttled, retrier, crashed, lost = task["Retry"]
    if name.startswith("Backup"):  # which there is no room for
        assert throttled == []
        assert task["Catch"][0]["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    else:
        [throttling] = throttled
        assert throttling["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
        assert throttling["MaxAttempts"] * throttling["MaxDelaySeconds"] / 2 > 20 * 60
    assert set(retrier["ErrorEquals"]) == TRANSIENT | {"StorageUnavailable", "CorruptSegment"}
    assert retrier["JitterStrategy"] == "FULL"
    assert retrier["BackoffRate"] == 2
    assert retrier["MaxAttempts"] >= 5
    # A worker that dies may do so again; not so often that a job with such data takes long to fail.
    assert crashed["ErrorEquals"] == ["Runtime.ExitError", "Lambda.Unknown"]
    assert crashed["MaxAttempts"] == 2
    assert lost["ErrorEquals"] == ["States.Timeout"]
    assert lost["MaxAttempts"] == 1


def errors_below(error: type[Exception]) -> Iterator[type[Exception]]:
    for below in error.__subclasses__():
        yield below
        yield from errors_below(below)


@pytest.mark.parametrize("name", INVOCATIONS)
def test_errors_of_a_jobs_code_and_data_are_never_tried_again(name: str) -> None:
    tried = {error for retrier in states()[name]["Retry"] for error in retrier["ErrorEquals"]}
    own = {error.__name__ for error in errors_below(MarlaError)} - {"CorruptSegment"}
    assert {"BadRecord", "JobFailed", "OutOfTime", "OutOfMemory"} <= own
    assert not tried & (own | {"States.ALL", "States.TaskFailed", "Sandbox.Timedout", "Runtime.OutOfMemory"})


def test_a_job_has_less_time_than_intermediate_objects_at_their_default() -> None:
    assert document()["TimeoutSeconds"] == int(SUBSTITUTIONS["JobTimeout"]) <= 24 * 60 * 60


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_timeout_and_jittered_retriers_for_named_errors(name: str) -> None:
    task = states()[name]
    assert "TimeoutSeconds" in task
    if name in WATCHES:  # which ask again anyway, and again
        assert task["Catch"][0]["ErrorEquals"] == ["States.ALL"]
        return
    for retrier in task["Retry"]:
        assert retrier["JitterStrategy"] == "FULL"
        assert not {"States.ALL", "States.TaskFailed"} & set(retrier["ErrorEquals"])


@pytest.mark.parametrize(("plain", "raced"), [("Map", "Mapper"), ("Reduce", "Reducer")])
def test_a_map_with_backups_is_the_map_with_a_race_in_the_place_of_the_task(plain: str, raced: str) -> None:
    without, with_backups = states()[plain], states()[f"{plain} with backups"]
    selector = dict(with_backups["ItemSelector"])
    assert "times" in selector.pop("race")
    assert selector == without["ItemSelector"]
    for field in ("Items", "MaxConcurrency", "Assign", "Output", "Next"):
        assert with_backups[field] == without[field]
    first, second = states()[f"First {raced.lower()}"], states()[f"Backup {raced.lower()}"]
    for field in ("Resource", "Arguments", "TimeoutSeconds", "Output"):
        assert first[field] == states()[raced][field]
        assert json.dumps(first[field]) == json.dumps(second[field]).replace(
            "'backup': true", "'backup': false"
        )
    assert "'backup': true" in second["Arguments"]["Payload"]
    assert first["Retry"] == states()[raced]["Retry"]
    assert first["Retry"][1:] == second["Retry"]
    assert "Catch" not in first


def test_the_two_races_are_run_by_the_same_rules() -> None:
    mapper, reducer = (json.dumps(machines()[f"{name} with backups"]) for name in ("Map", "Reduce"))
    for old, new in (
        ("Mapper", "Reducer"),
        ("mapper", "reducer"),
        ("'rejects': rejects", "'largestKey': largestKey"),
    ):
        mapper = mapper.replace(old, new)
    assert mapper == reducer


@pytest.mark.parametrize("name", MAPS)
def test_a_map_can_be_redriven_where_it_failed(name: str) -> None:
    state = states()[name]
    assert "Retry" not in state  # would map all items again
    assert "Catch" not in state  # would lead a redriven execution past the map
    assert not any(field.startswith("ToleratedFailure") for field in state)
    assert state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert len(state["Label"]) <= 40
    assert re.fullmatch(r"[\w-]+", state["Label"])
    assert state["MaxConcurrency"] == "{% $config.concurrency %}"


def test_maps_have_labels_of_their_own() -> None:
    labels = [states()[name]["Label"] for name in MAPS]
    assert len(set(labels)) == len(labels) == 4


def test_workers_come_from_the_stack_and_nowhere_else() -> None:
    arns = {text for _, text in strings(document()) if text.startswith("arn:aws:lambda:")}
    assert {arn.rpartition(":")[2] for arn in arns} == {"mapper", "reducer"}
    assert not any("${" in text for _, text in strings(document()))


# ---- Variables ----


def free_variables(value: Any) -> set[str]:
    """The variables that the expressions in a structure take from outside themselves."""
    free: set[str] = set()
    for _, text in strings(value):
        if text.startswith("{%"):
            code = re.sub(r"/\*.*?\*/|'[^']*'", " ", text, flags=re.DOTALL)
            own = set(re.findall(r"\$(\w+)\s*:=", code))
            for parameters in re.findall(r"function\(([^)]*)\)", code):
                own |= set(re.findall(r"\$(\w+)", parameters))
            # A name before a parenthesis is a function: its own, or one of JSONata's.
            free |= set(re.findall(r"\$(\w+)\b(?!\s*\()", code)) - own
    return free


def assigned_before(machine: State) -> dict[str, set[str]]:
    """For each state, the variables that have a value whichever way led to it."""
    everything = {
        name for state in machine["States"].values() for _, names in transitions(state) for name in names
    }
    before = {name: set(everything) for name in machine["States"]}
    before[machine["StartAt"]] = set()
    changed = True
    while changed:
        changed = False
        for name, state in machine["States"].items():
            for target, assigned in transitions(state):
                known = before[target] & (before[name] | assigned)
                changed = changed or known != before[target]
                before[target] = known
    return before


@pytest.mark.parametrize("name", document()["States"])
def test_every_variable_has_a_value_where_it_is_read(name: str) -> None:
    known = assigned_before(document())[name] | {"states"}
    own = {field: value for field, value in document()["States"][name].items() if field != "ItemProcessor"}
    assert free_variables(own) - known == set()


@pytest.mark.parametrize("name", MAPS)
def test_children_read_nothing_but_their_input(name: str) -> None:
    own = {
        variable
        for path, value in strings(states()[name]["ItemProcessor"])
        if ".Assign." in path
        for variable in [path.rpartition(".")[2]]
    }
    assert free_variables(states()[name]["ItemProcessor"]) - own == {"states"}


def test_what_is_known_of_a_state_is_where_it_may_be_read() -> None:
    for path, text in strings(document()):
        if text.startswith("{%"):
            if "$states.result" in text:
                assert ".Assign." in path or path.endswith(".Output"), path
                assert ".Catch" not in path, path
            if "$states.errorOutput" in text:
                assert ".Catch" in path, path
            if "context.Map.Item" in text:
                assert ".ItemSelector." in path, path
