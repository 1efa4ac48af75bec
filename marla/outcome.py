"""How an execution ended, told to people on standard error and to programs in one JSON document."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import advice, results, view
from .console import err, out, say
from .execution import Progress
from .explain import search
from .explain.show import continues, explanation
from .failure import Failure
from .stack import Stack

SUCCESS, FAILED = 0, 1


def finish(
    stack: Stack,
    arn: str,
    progress: Progress,
    options: argparse.Namespace,
    uploaded: Mapping[str, Path] = MappingProxyType({}),
) -> int:
    """Fetch the result, and tell people and programs how it went; return the command's exit status.

    Args:
        uploaded: local files by the URIs that they were uploaded to.
    """
    found = search.explain(stack, arn, progress, where=where(stack, options))
    document: dict[str, Any] = {"execution": arn, "status": progress.status}
    if found is None and progress.output is not None:
        view.summary(err, progress)
        for warning in progress.output.get("warnings", []):
            say(f"Warning: {warning}", style="yellow")
        _tell_reused(progress.output["steps"])
        job = progress.output["job"]
        say(f"{job if isinstance(job, str) else 'Query'} succeeded in {progress.seconds:.1f} s")
        document |= _bring(stack, progress.output, options)
    elif found is not None:
        found = found.with_files(uploaded)
        document["error"] = found.failure.to_json()
        explanation(err, found)
    document["seconds"] = round(progress.seconds, 3)
    if options.json:
        print_document(document)
    return SUCCESS if found is None else FAILED


def print_document(document: Any) -> None:
    """Print what `--json` is for."""
    print(json.dumps(document, indent=2))


def tell_how_to_resume(
    stack: Stack, arn: str, progress: Progress, found: Failure, options: argparse.Namespace
) -> None:
    """Say which command continues a failed job, if one can."""
    name = arn.rpartition(":")[2]
    command = advice.command_to_resume(found.name, found.cause, name, progress, where(stack, options))
    if command:
        say(continues(command))


def where(stack: Stack, options: argparse.Namespace) -> str:
    """Return the options, behind a space, that say in which cloud a command works; none for the local one."""
    return "" if stack.local else advice.options_of(stack.name, options.region)


def _tell_reused(steps: list[dict[str, Any]]) -> None:
    reused = sum(step.get("reused", 0) for step in steps)
    if reused:
        tasks = sum(step["tasks"] for step in steps)
        say(f"{reused:,} of {tasks:,} tasks had been done before, and were not done again")


def _bring(stack: Stack, output: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Say where a result is, and bring it if that is asked for; return what programs are told."""
    uris, counters = output["result"], output["counters"]
    document = {"columns": output.get("columns", []), "result": uris}
    document |= {"counters": counters, "warnings": output.get("warnings", []), "steps": output["steps"]}
    if text := set_aside(output):
        say(text)
    if options.out:
        paths = results.fetch(stack, uris, options.out)
        document["files"] = [str(path) for path in paths]
        say(f"Result: {len(paths)} file{'s' if len(paths) > 1 else ''} in {options.out}")
    else:
        say(f"Result: {described(uris)}")
    return document


def set_aside(output: dict[str, Any]) -> str:
    """Return how many records of an execution's input could not be read, and where they are; "" for none.

    Args:
        output: the execution's.
    """
    rejects = output.get("counters", {}).get("rejects", 0)
    if not rejects:
        return ""
    they = (
        "1 record could not be read; it is"
        if rejects == 1
        else f"{rejects:,} records could not be read; they are"
    )
    return f"{they} set aside in {' and '.join(_folders_of_rejects(output))}"


def _folders_of_rejects(output: dict[str, Any]) -> list[str]:
    """Return where bad records are: with each stage whose mappers, beyond those of a sample, met some."""
    job = output["result"][0].rpartition("/stage-")[0]
    return [
        f"{job}/stage-{step['stage']}/rejects/"
        for step in output["steps"]
        if step["step"] == 0 and step["rejects"] and not step.get("sample")
    ]


def show(stack: Stack, output: dict[str, Any], count: int) -> None:
    """Print the first rows of a result."""
    found = results.head(stack, output["result"], count)
    if is_text(output["result"]):
        print(*(line for (line,) in found.rows), sep="\n", end="\n" if found.rows else "")
    else:
        view.table_of(out, output.get("columns") or found.columns, found.rows)
    rows = output["counters"]["resultRecords"]
    say(f"{len(found.rows):,} of {rows:,} row{'' if rows == 1 else 's'}")


def is_text(uris: list[str]) -> bool:
    """Say whether a result is lines of text."""
    return uris[0].endswith(".txt")


def is_raw(uris: list[str]) -> bool:
    """Say whether a result is bytes that have no rows."""
    return uris[0].endswith(".bin")


def described(uris: list[str]) -> str:
    """Return how many result objects there are, in words."""
    return uris[0] if len(uris) == 1 else f"{len(uris)} objects from {uris[0]} on"
