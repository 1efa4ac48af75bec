"""What a report is made of, read from the cloud: the execution, its history, and the records of its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from mapreduce.record import TaskRecord

from .. import failure, past, records
from ..costs import of_execution as costs
from ..errors import CloudError
from ..execution import Progress, update
from ..graph.definition import graph_of
from ..graph.svg import render
from ..overlay import MapCounts, counts_of, overlay_of
from ..past import Past
from ..stack import Stack
from ..visits import StateVisits, Visits
from .model import Execution, Report, report_of
from .page import html_of


def report_html(stack: Stack, execution: str) -> str:
    """Return the report of an execution, that is given by name or ARN, as a page of HTML.

    Raises UsageError for what cannot be one's name, CloudError if there is none or the cloud does not answer.
    """
    return html_of(gathered(stack, execution))


def gathered(stack: Stack, execution: str) -> Report:
    """Read all that there is to know of an execution; return its report. Raises what `report_html` does."""
    before = past.found(stack, past.name_of(stack, execution))
    progress, events = Progress(), list[dict[str, Any]]()
    update(stack, before.arn, progress, events.append)
    made = datetime.now(UTC)
    done = records.of_execution(stack, before.job, before.name)
    if not done and any(phase.succeeded for phase in progress.phases):
        raise CloudError(
            f"{before.name}: the records of its tasks are gone, so there is nothing to report: they were "
            "deleted, as `marla rm` does, or have expired, as they do after 90 days"
        )
    visits = Visits()
    for event in events:
        visits.see(event)
    states = visits.states(progress.stopped or made, progress.status)
    return report_of(
        _execution(stack, before, progress, made),
        done,
        {phase.stage for phase in progress.phases if phase.step == 1 and not phase.sample and phase.exited},
        costs.of_execution(stack, before.arn, done, events),
        _graph(stack, before.arn, states, counts_of(visits.map_runs, progress.phases), done),
        failure.find(stack, before.arn, progress),
        made,
    )


def _graph(
    stack: Stack,
    arn: str,
    states: Mapping[str, StateVisits],
    counts: Mapping[str, MapCounts],
    done: Sequence[TaskRecord],
) -> str:
    """Return the graph as executed, as an element of HTML; why it is missing, if the cloud refuses it."""
    try:
        told = stack.sfn.describe_state_machine_for_execution(executionArn=arn)
    except (BotoCoreError, ClientError) as error:
        return f"<p>The graph is missing, for its definition cannot be read: {escape(str(error))}</p>"
    graph = graph_of(told["definition"])
    return render(
        graph, overlay_of(graph, states, counts, done), prefix="report", title="The state machine as executed"
    )


def _execution(stack: Stack, before: Past, progress: Progress, made: datetime) -> Execution:
    return Execution(
        name=before.name,
        arn=before.arn,
        stack=stack.name,
        region=stack.region,
        local=stack.local,
        where=stack.options,
        status=progress.status,
        started=progress.started or made,
        stopped=progress.stopped if progress.finished else None,
        state=progress.state,
        asked=before.asked,
        output=progress.output,
        resumes=before.resumes,
    )
