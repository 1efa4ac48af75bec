"""Executions started, stopped, resumed and deleted, by the rules of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from .. import execution, inputs, naming, past, removal, resume
from ..errors import UsageError
from ..inputs import Input
from ..past import Past
from ..stack import Stack
from .answers import Refused
from .checking import Problem

STOPPED = "Stopped from the console"


def problem_of_name(name: Any) -> Problem | None:
    """Return why an execution cannot be called so, or None if it can, or if no name is given.

    Args:
        name: what was given: any JSON.
    """
    problem = naming.problem(name)
    return {"field": "name", "message": f"name: {problem}"} if problem else None


def start(stack: Stack, document: dict[str, Any], name: Any) -> str:
    """Start an execution of an input that is checked already; return its name.

    Args:
        name: what was given; nothing for one that says the job and the time.
    """
    if problem := problem_of_name(name):
        raise Refused(400, problem["message"], field="name", problems=[problem])
    chosen: str = name or execution.new_name(_title(document))
    if past.find(stack, chosen) is not None:
        text = f"name: there is an execution {chosen} already; give another, or leave it out"
        raise Refused(400, text, problems=[{"field": "name", "message": text}])
    _check_regions(stack, document)
    execution.start(stack, document, chosen)
    return chosen


def _check_regions(stack: Stack, document: dict[str, Any]) -> None:
    """Raise Refused for a bucket in another Region than the stack, as `marla run` does."""
    uris = [uri for uri in _uris(document) if uri.startswith("s3://")]
    try:
        inputs.resolve([Input("", [*uris])], stack, lambda sent, size: None)  # noqa: ARG005
    except UsageError as error:
        text = f"input: {error} (an option of `marla run`)"
        raise Refused(400, text, problems=[{"field": "input", "message": text}]) from error


def _uris(document: dict[str, Any]) -> Iterator[str]:
    """Yield the URIs of an input that is checked already; those that refer to another stage are none."""
    for fields in [document, *(document.get("stages") or [])]:
        given = fields.get("input")
        for one in given if isinstance(given, list) else [given]:
            uri = one.get("uri") if isinstance(one, dict) else one
            if isinstance(uri, str):
                yield uri


def _title(document: dict[str, Any]) -> str:
    """Return what to call an execution; a job of another stack may have any name."""
    title = resume.title(document).replace(":", "-")
    return title if naming.is_name(title) else "job"


def stop(stack: Stack, before: Past) -> None:
    """Stop an execution. Raises Refused if it is over."""
    if before.status != "RUNNING":
        raise Refused(409, f"{before.name} is over already: {before.status}")
    execution.stop(stack, before.arn, STOPPED)


def resumption(stack: Stack, before: Past, given: dict[str, Any]) -> dict[str, Any]:
    """Return the input of an execution that continues the job of one that failed or was stopped.

    Args:
        given: fields that are to be other than before, of those that may be.
    """
    resume.check_past(before, stack)
    _check_no_stranger(before)
    for name in given:
        if name not in resume.FIELDS.values():
            may = ", ".join(resume.FIELDS.values())
            raise Refused(
                400, f"{name}: must be as before when a job is resumed; {may} may differ", field=name
            )
    options = {option: given.get(field) for option, field in resume.FIELDS.items()}
    return resume.execution_input(before, argparse.Namespace(**options))


def go_on(stack: Stack, before: Past, document: dict[str, Any]) -> str:
    """Continue a job by an input that is checked already; return the new execution's name."""
    past.check_at_rest(stack, before.job, "resume the job if it fails")
    name = resume.new_name(before)
    execution.start(stack, document, name)
    return name


def delete(stack: Stack, before: Past, *, keep_result: bool) -> dict[str, int]:
    """Delete the objects of an execution's job; return counts of what is gone and what was kept."""
    _check_no_stranger(before)
    past.check_at_rest(stack, before.job, "remove it")
    return removal.remove(stack, before.job, keep_result=keep_result).to_json()


def _check_no_stranger(before: Past) -> None:
    if before.is_stranger:
        raise Refused(
            409,
            f"{before.name} was refused ({before.error}) and did nothing; the job that it was to resume "
            f"began with {before.resumes}",
        )
