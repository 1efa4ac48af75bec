"""`marla graph`: the state machine, or an execution of it, as a picture."""

from __future__ import annotations

import argparse
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import ClientError

from .. import past
from ..clouds import connect
from ..console import say
from ..errors import CloudError, UsageError
from ..overlay import MapCounts, counts_of, overlay_of
from ..pipelines import DEFINITION
from ..stack import Stack
from ..visits import Visits
from .definition import Graph, graph_of
from .mermaid import mermaid
from .status import StateStatus
from .svg import render

PAGE = 1000  # events of a history, as many as there can be
_SUFFIXES = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".md": "mermaid"}
Overlay = dict[str, StateStatus]


def run(options: argparse.Namespace) -> int:
    """Write the picture that is asked for; return the exit status.

    Raises:
        UsageError: for a file whose suffix says no format, or that cannot be written.
        CloudError: for a stack or an execution that is not there.
    """
    format = options.format or _format_of(options.out)
    title = "State machine"
    overlay: Overlay | None = None
    if options.execution:
        stack = connect(options)
        before = past.found(stack, past.name_of(stack, options.execution))
        graph = graph_of(_definition_of(stack, before.arn))
        overlay = of_execution(stack, before.arn, graph)
        title = f"Execution {before.name}: {before.status.lower().replace('_', ' ')}"
    elif options.stack:
        stack = connect(options)
        described = stack.sfn.describe_state_machine(stateMachineArn=stack.state_machine)
        graph = graph_of(described["definition"])
    else:
        graph = graph_of(DEFINITION.read_text())
    text = render(graph, overlay, title=title) if format == "svg" else mermaid(graph, overlay)
    if options.out is None:
        print(text, end="")
        return 0
    if options.out.suffix.lower() == ".md" and format == "mermaid":
        text = f"```mermaid\n{text}```\n"
    _write(options.out, text)
    say(f"Wrote {options.out}")
    return 0


def of_execution(stack: Stack, arn: str, graph: Graph) -> Overlay:
    """Return how far an execution is, or how it ended: read from all of its history, and its map runs."""
    status = stack.sfn.describe_execution(executionArn=arn)["status"]
    visits = Visits()
    for page in stack.sfn.get_paginator("get_execution_history").paginate(
        executionArn=arn, includeExecutionData=False, PaginationConfig={"PageSize": PAGE}
    ):
        for event in page["events"]:
            visits.see(event)
    runs = {run: _counts(stack, run) for runs in visits.map_runs.values() for run in runs}
    return overlay_of(graph, visits.states(datetime.now(UTC), status), counts_of(visits.map_runs, runs))


def _counts(stack: Stack, run: str) -> MapCounts:
    counts = stack.sfn.describe_map_run(mapRunArn=run)["itemCounts"]
    failed = counts["failed"] + counts["timedOut"]
    return MapCounts(counts["total"], counts["succeeded"], counts["running"], failed)


def _definition_of(stack: Stack, arn: str) -> str:
    """Return the definition that an execution was started with; the stack may have another by now."""
    try:
        return stack.sfn.describe_state_machine_for_execution(executionArn=arn)["definition"]
    except ClientError as error:
        raise CloudError(f"{arn}: {error.response['Error'].get('Message', error)}") from error


def _format_of(out: Path | None) -> str:
    if out is None:
        return "mermaid"
    format = _SUFFIXES.get(out.suffix.lower())
    if format is None:
        raise UsageError(
            f"--out: got {out}, whose suffix says no format; give a file that ends in .svg, .mmd or .md, "
            "or --format svg or mermaid"
        )
    return format


def _write(path: Path, text: str) -> None:
    """Write a file in place of one that is there, all of it or nothing."""
    try:
        handle, name = tempfile.mkstemp(prefix=".marla-", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            temporary.chmod(0o644)  # as an ordinary file, not as a temporary one
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"--out: {path} cannot be written: {error.strerror}; give another file") from error
