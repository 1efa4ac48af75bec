"""What is wrong with an execution's input, told before it is sent by the state machine's own rules.

The definition that is deployed says in JSONata what it refuses; those expressions are evaluated here. What a
worker would refuse next, of the job's name and its parameters, is asked of the worker's own code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from mapreduce.check import check
from mapreduce.errors import MarlaError, described

from ..asl import document_of
from ..errors import CloudError
from ..local.jsonata import evaluate
from ..stack import Stack

Problem = dict[str, str]

# A path of fields: input[1].uri, params.prefix, sql.map
_FIELD = re.compile(r"(?P<field>[A-Za-z_][\w-]*(\[\d+\])*(\.[\w-]+(\[\d+\])*)*): ")


def problems(stack: Stack, definition: str, document: Any) -> list[Problem]:
    """Return what is wrong with an input, each with its field ("" for the whole) and a message.

    Args:
        definition: of the deployed state machine, as JSON or YAML text.
        document: the execution's input, any JSON.
    """
    machine = _Machine(document_of(definition), document)
    found = machine.problems()
    found += [] if any(message.startswith("sql") for message in found) else _of_query(document)
    if found or "resume" in document:  # what is resumed is held against what it was
        return [_located(message) for message in found]
    return [
        _located(f"{where}{message}")
        for where, event in machine.check_events()
        for message in _of_job(stack, event)
    ]


def _of_query(document: Any) -> list[str]:
    """Return what is wrong with a query that is not there: the worker would say so, but later."""
    sql = document.get("sql") if isinstance(document, dict) else None
    where, text = ("sql.map", sql.get("map")) if isinstance(sql, dict) else ("sql", sql)
    is_empty = isinstance(text, str) and not text.strip()
    return [f"{where}: got nothing; give one SELECT, and nothing else"] if is_empty else []


def _of_job(stack: Stack, event: dict[str, Any]) -> list[str]:
    """Return what the worker would say to a job, if it is known here as it is there.

    The local cloud has this machine's catalogue. A stack may have other jobs, or the same with other
    parameters; but to it a query is what it is here.
    """
    if not stack.local and isinstance(event["job"], str):
        return []
    try:
        check(event)
    except MarlaError as error:
        return [str(error)]
    except Exception as error:  # the file of a job may hold anything
        return [f"job: {event['job']} cannot be loaded. {described(error)}"]
    return []


def _located(message: str) -> Problem:
    found = _FIELD.match(message)
    return {"field": found["field"] if found else "", "message": message}


class _Machine:
    """The state machine's first states, as far as they only compute, over one input."""

    def __init__(self, definition: dict[str, Any], document: Any) -> None:
        self._states = definition["States"]
        self._variables: dict[str, Any] = {
            "states": {"input": document, "context": {"Execution": {"Name": "check"}}}
        }

    def problems(self) -> list[str]:
        """Return what the machine itself says of the input."""
        self._pass("Configure job")
        self._pass("Check input")
        found: list[str] = self._variables["problems"]
        return found

    def check_events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what the machine would ask a worker about each stage, if it finds nothing wrong itself.

        Each comes with what its fields are called by in the input: `stages[1].`, or nothing. A stage that
        refers to what another gives is left out, for that is not known yet.
        """
        self._pass("Plan stages")
        given = self._variables["states"]["input"].get("stages")
        # Those of a chain of the catalogue are the catalogue's, and were tested with it.
        for number in range(len(given) if given else 1):
            if number and '"from"' in json.dumps(self._variables["stages"][number]):
                continue
            self._variables |= {"stage": number, "done": [{"result": "s3://result/", "parts": 1}] * number}
            self._pass("Configure stage")
            where = f"stages[{number}]." if given else ""
            yield where, self._evaluated(self._states["Check job"]["Arguments"]["Payload"])

    def _pass(self, state: str) -> None:
        """Set the variables that a state sets: all from those before it."""
        assign = self._states.get(state, {}).get("Assign")
        if assign is None:
            raise CloudError(
                f"the deployed state machine has no state {state!r} that sets variables, so it is of another "
                "version of MARLA: deploy this one, or use that one's console"
            )
        self._variables |= {name: self._evaluated(value) for name, value in assign.items()}

    def _evaluated(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._evaluated(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._evaluated(inner) for inner in value]
        if isinstance(value, str) and value.startswith("{%"):
            return evaluate(value[2:-2], self._variables)
        return value
