"""States: where JSONata may stand, what it sees, and how large values may be."""

import json

import pytest

from marla.asl import DefinitionError
from marla.local.interpreter import Interpreter
from marla.local.jsonata import JSON
from tests.interpreter.machines import machine, mapping, passing, work
from tests.interpreter.stubs import Clients, WorkerError

AWKWARD = "quotes \" and ' and \\ backslashes, {% %}, $dollar, line\nbreak, ünïcödé 🦆"
LARGE = "x" * (256 * 1024 - 2)  # with its quotes the largest payload

PATHS: dict[str, JSON] = {
    "StartAt": "A",
    "States": {
        "A": {"Type": "Pass", "Assign": {"x": {"y": AWKWARD}}, "Next": "B"},
        "B": {"Type": "Pass", "Parameters": {"b.$": "$x.y"}, "End": True},
    },
}
YAML = """
QueryLanguage: JSONata
StartAt: Only
States:
  Only:
    Type: Pass
    Output: |-
      {% $states.input
         + 1 %}
    End: true
"""


class BadInputError(WorkerError):
    """An error with a name of its own."""


def test_variables_are_bound_and_not_spliced_in(interpreter: Interpreter) -> None:
    states = machine(
        First=passing(Assign={"text": "{% $states.input.text %}", "nothing": None}, Next="Last"),
        Last=passing(
            {"text": "{% $text %}", "nothing": "{% $nothing %}", "nested": ["{% $length($text) %}"]}
        ),
    )
    outcome = interpreter.run(states, {"text": AWKWARD})
    assert outcome.output == {"text": AWKWARD, "nothing": None, "nested": [len(AWKWARD)]}


def test_a_definition_may_hold_any_text(interpreter: Interpreter) -> None:
    texts = {AWKWARD: [AWKWARD], "expression": "{% \"quoted \" & 'twice' %}"}
    states = {"QueryLanguage": "JSONata", "StartAt": AWKWARD, "States": {AWKWARD: passing(texts)}}
    assert interpreter.run(states, {}).output == {AWKWARD: [AWKWARD], "expression": "quoted twice"}


def test_a_jsonpath_state_reads_variables_too(interpreter: Interpreter) -> None:
    assert interpreter.run(PATHS, {}).output == {"b": AWKWARD}


def test_assigned_variables_are_json_in_the_history(interpreter: Interpreter) -> None:
    outcome = interpreter.run(machine(Only=passing(Assign={"text": "{% $states.input %}"})), AWKWARD)
    exited = next(event for event in outcome.history if event["type"] == "PassStateExited")
    assert json.loads(exited["stateExitedEventDetails"]["assignedVariables"]["text"]) == AWKWARD


@pytest.mark.parametrize("text", ["json", "yaml"])
def test_a_definition_is_a_mapping_or_its_text(interpreter: Interpreter, text: str) -> None:
    states = machine(Only=passing("{% $states.input + 1 %}"))
    definition = json.dumps(states) if text == "json" else YAML
    assert interpreter.run(definition, 1).output == 2


def test_assign_and_output_see_the_values_from_before_the_state(interpreter: Interpreter) -> None:
    states = machine(
        First=passing(Assign={"a": 1, "b": 10}, Next="Second"),
        Second=passing({"a": "{% $a %}"}, Assign={"a": "{% $b %}", "b": "{% $a %}"}, Next="Last"),
        Last=passing({"before": "{% $states.input.a %}", "a": "{% $a %}", "b": "{% $b %}"}),
    )
    assert interpreter.run(states, {}).output == {"before": 1, "a": 10, "b": 1}


def test_a_tasks_output_sees_the_values_from_before_the_state(interpreter: Interpreter) -> None:
    task = work(5, Assign={"a": "{% $states.result.Payload %}"}, Next="Last")
    task["Output"] = "{% $a %}"
    states = machine(
        First=passing(Assign={"a": 1}, Next="Task"), Task=task, Last=passing("{% [$states.input, $a] %}")
    )
    assert interpreter.run(states, {}).output == [1, 5]


def test_a_choice_assigns_outputs_and_goes_on(interpreter: Interpreter) -> None:
    states = machine(
        Choose={
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input > 5 %}", "Next": "Last", "Assign": {"size": "large"}},
                {"Condition": "{% $states.input > 2 %}", "Next": "Last", "Assign": {"size": "middling"}},
            ],
            "Default": "Last",
            "Assign": {"size": "small"},
        },
        Last=passing("{% $size %}"),
    )
    assert [interpreter.run(states, number).output for number in (9, 3, 1)] == ["large", "middling", "small"]


def test_a_choice_without_a_match_or_default_fails(interpreter: Interpreter) -> None:
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% $states.input > 5 %}", "Next": "Last"}]}
    assert interpreter.run(machine(Choose=choice, Last=passing()), 1).error == "States.NoChoiceMatched"


def test_a_fail_states_error_and_cause_are_expressions(interpreter: Interpreter) -> None:
    fail = {"Type": "Fail", "Error": "{% $states.input.name %}", "Cause": "{% 'not ' & $states.input.what %}"}
    outcome = interpreter.run(machine(Fail=fail), {"name": "InvalidInput", "what": AWKWARD})
    assert (outcome.status, outcome.error, outcome.cause) == ("FAILED", "InvalidInput", f"not {AWKWARD}")


@pytest.mark.parametrize(
    "state",
    [
        passing("{% $states.input.missing %}"),
        passing(Assign={"a": "{% $missing %}"}),
        passing("{% 1 / 0 %}"),
        passing("{% $eval('1') %}"),
        passing("{% $$ %}"),
        work("{% $states.input.missing %}"),
        mapping("{% $states.input.missing %}"),
        mapping([1], ItemSelector={"a": "{% $missing %}"}),
        {"Type": "Fail", "Error": "{% $missing %}"},
    ],
)
def test_an_undefined_result_is_a_query_evaluation_error(
    interpreter: Interpreter, state: dict[str, JSON]
) -> None:
    outcome = interpreter.run(machine(Bad=state), {})
    assert (outcome.status, outcome.error) == ("FAILED", "States.QueryEvaluationError")
    assert "JSONata expression" in str(outcome.cause)
    assert "'Bad'" in str(outcome.cause)
    assert outcome.types().count("EvaluationFailed") == 1


def test_a_query_evaluation_error_of_a_task_can_be_caught(interpreter: Interpreter) -> None:
    catch = [
        {
            "ErrorEquals": ["States.QueryEvaluationError"],
            "Next": "Caught",
            "Output": "{% $states.errorOutput %}",
        }
    ]
    states = machine(Task=work("{% $missing %}", Catch=catch), Caught=passing("{% $states.input.Error %}"))
    assert interpreter.run(states, {}).output == "States.QueryEvaluationError"


def test_states_result_is_undefined_where_there_is_none(interpreter: Interpreter) -> None:
    states = machine(
        First=work(1, Next="Wait"),
        Wait={"Type": "Wait", "Seconds": 0, "Next": "Last"},
        Last=passing("{% $exists($states.errorOutput) %}"),
    )
    assert interpreter.run(states, {}).output is False


@pytest.mark.parametrize(
    "state",
    [
        passing(Assign={"big": "{% $states.input & $states.input %}"}),
        passing(Assign={"a": "{% $states.input %}", "b": "{% $states.input %}"}),
        passing("{% $states.input & 'x' %}"),
        {**work("{% $states.input & 'x' %}"), "Output": 1},
        mapping([1, 2], ItemSelector={"a": "{% $states.input %}"}),
    ],
    ids=["variable", "assign", "output", "arguments", "child input"],
)
def test_what_is_larger_than_256_kib_exceeds_the_limit(
    interpreter: Interpreter, clients: Clients, state: dict[str, JSON]
) -> None:
    clients.worker = lambda _: 1
    outcome = interpreter.run(machine(Large=state), LARGE)
    assert (outcome.status, outcome.error) == ("FAILED", "States.DataLimitExceeded")


def test_a_result_or_the_results_of_a_map_may_not_exceed_256_kib(
    interpreter: Interpreter, clients: Clients
) -> None:
    clients.worker = lambda _: "x" * 100_000
    assert interpreter.run(machine(Map=mapping([1, 2])), {}).status == "SUCCEEDED"
    assert interpreter.run(machine(Map=mapping([1, 2, 3])), {}).error == "States.DataLimitExceeded"
    clients.worker = lambda _: LARGE
    assert interpreter.run(machine(Task=work({})), {}).error == "States.DataLimitExceeded"


def test_a_payload_of_256_kib_passes_however_it_is_written(interpreter: Interpreter) -> None:
    letters = "ü" * (128 * 1024 - 1)
    assert (
        interpreter.run(machine(Only=passing(Assign={"a": "{% $states.input %}"})), letters).output == letters
    )


@pytest.mark.parametrize(
    ("caught", "error"),
    [
        (["States.DataLimitExceeded"], None),
        (["States.ALL"], "States.DataLimitExceeded"),
        (["States.TaskFailed"], "States.DataLimitExceeded"),
    ],
)
def test_an_exceeded_limit_is_caught_by_its_own_name_only(
    interpreter: Interpreter, clients: Clients, caught: list[str], error: str | None
) -> None:
    clients.worker = lambda _: LARGE
    states = machine(Task=work({}, Catch=[{"ErrorEquals": caught, "Next": "Caught"}]), Caught=passing(1))
    assert interpreter.run(states, {}).error == error


def test_states_task_failed_catches_a_failed_map(interpreter: Interpreter, clients: Clients) -> None:
    clients.worker = fails
    catch = [
        {"ErrorEquals": ["States.TaskFailed"], "Next": "Caught", "Output": "{% $states.errorOutput.Error %}"}
    ]
    states = machine(Map=mapping([1], Catch=catch), Caught=passing())
    assert interpreter.run(states, {}).output == "States.ExceedToleratedFailureThreshold"


def test_a_parallel_state_fails_with_the_error_of_its_branch(
    interpreter: Interpreter, clients: Clients
) -> None:
    clients.worker = fails
    states = machine(
        Both={
            "Type": "Parallel",
            "Branches": [machine(Map=mapping([1])), machine(Other=passing(1))],
            "End": True,
        }
    )
    for branch in states["States"]["Both"]["Branches"]:
        del branch["QueryLanguage"]
    assert interpreter.run(states, {}).error == "States.ExceedToleratedFailureThreshold"


def test_a_rejected_definition_does_not_spoil_the_next(interpreter: Interpreter) -> None:
    bad = machine(Only={**passing(1), "QueryLanguage": "JSONPath"})
    with pytest.raises(DefinitionError):
        interpreter.run(bad, {})
    # Not what another test has parsed: definitions are parsed once.
    assert interpreter.run({**PATHS, "Comment": "next"}, {}).output == {"b": AWKWARD}


@pytest.mark.parametrize("text", ["just text", "[1, 2]", "a: [", '{"StartAt": "A"}'])
def test_what_is_no_state_machine_is_an_invalid_definition(interpreter: Interpreter, text: str) -> None:
    with pytest.raises(DefinitionError):
        interpreter.run(text, {})


def fails(_: JSON) -> JSON:
    raise BadInputError("bad")


def test_a_catch_may_lead_back_to_its_own_state() -> None:
    tries: list[JSON] = []

    def fail_once(event: JSON) -> JSON:
        tries.append(event)
        if len(tries) == 1:
            raise WorkerError
        return "done"

    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Task"}]
    states = machine(Task=work({}, Catch=catch, Next="After"), After=passing("{% $states.input %}"))
    outcome = Interpreter(Clients(fail_once)).run(states, {})
    assert (outcome.status, outcome.output, len(tries)) == ("SUCCEEDED", "done", 2)
