"""The definition taken apart: its states and its expressions."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from tests.statemachine.stub_cloud import definition

State = dict[str, Any]


@cache
def _read() -> str:
    return json.dumps(yaml.safe_load(definition()))


def document() -> State:
    """Return the definition as a mapping, with its substitutions filled in; a new one each time."""
    return dict(json.loads(_read()))


def machines() -> dict[str, State]:
    """Return every set of states with its StartAt, by name: the machine itself and those inside states."""
    return dict(_machines("", document()))


def _machines(name: str, machine: State) -> Iterator[tuple[str, State]]:
    yield name, machine
    for state_name, state in machine["States"].items():
        if "ItemProcessor" in state:
            yield from _machines(state_name, state["ItemProcessor"])
        for number, branch in enumerate(state.get("Branches", [])):
            yield from _machines(f"{state_name}[{number}]", branch)


def states() -> dict[str, State]:
    """Return all states by name, those inside Maps and branches too."""
    return {name: state for machine in machines().values() for name, state in machine["States"].items()}


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Walk a structure and yield each string in it with its path, such as `Map.ItemSelector.task`."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings(inner, f"{path}[{index}]")


@cache
def expressions() -> dict[str, str]:
    """Return the JSONata expressions, without {% %}, by their paths, which begin with the state's name."""
    outside = {
        name: {
            field: value
            for field, value in state.items()
            if field not in {"ItemProcessor", "Branches", "Comment"}
        }
        for name, state in states().items()
    }
    return {path: text[2:-2] for path, text in strings(outside) if text.startswith("{%")}
