"""`marla graph`: the state machine, or an execution of it, as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from mapreduce.record import TaskRecord

from .. import past, records
from ..clouds import connect
from ..console import say
from ..errors import CloudError, UsageError
from ..execution import Progress, update
from ..files import write_whole
from ..overlay import counts_of, has_backups, overlay_of
from ..past import Past
from ..phase import utc_now
from ..pipelines import DEFINITION
from ..stack import Stack
from ..visits import Visits
from .definition import Graph, graph_of
from .mermaid import mermaid
from .status import StateStatus
from .svg import render

_SUFFIXES = {".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid", ".md": "mermaid"}
Overlay = dict[str, StateStatus]


def run(options: argparse.Namespace) -> int:
    """Write the picture that is asked for; return the exit status.

    Raises:
        UsageError: for a file whose suffix says no format or another one, or that cannot be written.
        CloudError: for a stack or an execution that is not there.
    """
    format = _format_of(options.format, options.out)
    title = "State machine"
    overlay: Overlay | None = None
    if options.execution:
        stack = connect(options)
        before = past.found(stack, past.name_of(stack, options.execution))
        graph = graph_of(_definition_of(stack, before.arn))
        progress, overlay = of_execution(stack, before, graph)
        title = f"Execution {before.name}: {progress.status.lower().replace('_', ' ')}"
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
    write_whole(options.out, text)
    say(f"Wrote {options.out}")
    return 0


def of_execution(stack: Stack, before: Past, graph: Graph) -> tuple[Progress, Overlay]:
    """Return how far an execution is, or how it ended: from all of its history, its map runs, its records."""
    progress, visits = Progress(), Visits()
    update(stack, before.arn, progress, visits.see)
    states = visits.states(utc_now(), progress.status)
    done = _records(stack, before) if has_backups(graph, states) else None
    return progress, overlay_of(graph, states, counts_of(visits.map_runs, progress.phases), done)


def _records(stack: Stack, before: Past) -> list[TaskRecord] | None:
    """Return the records of an execution's tasks, or None if they cannot be read: backups alone need them."""
    try:
        return records.of_execution(stack, before.job, before.name)
    except (BotoCoreError, ClientError, CloudError) as error:
        say(f"Backups are not counted, for the records of tasks cannot be read: {error}")
        return None


def _definition_of(stack: Stack, arn: str) -> str:
    """Return the definition that an execution was started with; the stack may have another by now."""
    try:
        return stack.sfn.describe_state_machine_for_execution(executionArn=arn)["definition"]
    except ClientError as error:
        raise CloudError(f"{arn}: {error.response['Error'].get('Message', error)}") from error


def _format_of(asked: str | None, out: Path | None) -> str:
    """Return the format that is asked for, or that the suffix of the file says."""
    if out is None:
        return asked or "mermaid"
    of_suffix = _SUFFIXES.get(out.suffix.lower())
    if asked and of_suffix and asked != of_suffix:
        raise UsageError(
            f"--out: got {out}, whose suffix says {of_suffix}, with --format {asked}; leave --format out, "
            "or give a file with another suffix"
        )
    format = asked or of_suffix
    if format is None:
        raise UsageError(
            f"--out: got {out}, whose suffix says no format; give a file that ends in .svg, .mmd or .md, "
            "or --format svg or mermaid"
        )
    return format
