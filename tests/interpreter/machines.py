"""Small state machines for tests."""

from typing import Any

from marla.local.jsonata import JSON

INVOKE = "arn:aws:states:::lambda:invoke"


def machine(**states: JSON) -> dict[str, JSON]:
    """A machine that starts at the first state."""
    return {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}


def passing(output: JSON = None, **fields: JSON) -> dict[str, JSON]:
    """A Pass state, the last one unless it has a Next."""
    given = {} if output is None else {"Output": output}
    return {"Type": "Pass", **given, **_ending(fields)}


def work(payload: JSON = "{% $states.input %}", **fields: JSON) -> dict[str, JSON]:
    """A Task that invokes the worker and outputs what it returned."""
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": "worker", "Payload": payload},
        "Output": "{% $states.result.Payload %}",
        **_ending(fields),
    }


def mapping(items: JSON, child: dict[str, JSON] | None = None, **fields: JSON) -> dict[str, JSON]:
    """A Distributed Map labelled Work, with one state for each item."""
    return {
        "Type": "Map",
        "Label": "Work",
        "Items": items,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Child",
            "States": {"Child": child or work()},
        },
        **_ending(fields),
    }


def _ending(fields: dict[str, Any]) -> dict[str, Any]:
    return fields if "Next" in fields else {**fields, "End": True}
