"""`marla explain`: why an execution failed."""

from __future__ import annotations

import argparse

from marla import clouds, execution, outcome, past
from marla.console import out, say
from marla.execution import Progress
from marla.explain import search, show
from marla.explain.explanation import Explanation
from marla.local.cloud import LocalCloud
from marla.outcome import SUCCESS
from marla.stack import Stack


def run(options: argparse.Namespace) -> int:
    """Explain a failure; return the exit status: success, too, if there is none to explain.

    Raises UsageError for what is no execution's name, CloudError for an execution that is not known.
    """
    if not options.stack and (death := LocalCloud().died()):
        return _tell(search.lost(options.execution, death), options)
    stack = clouds.connect(options)
    arn = past.found(stack, past.name_of(stack, options.execution)).arn
    progress = next(execution.follow(stack, arn))
    found = search.explain(stack, arn, progress, where=outcome.where(stack, options))
    if found is None:
        return _tell_no_failure(stack, arn, progress, options)
    return _tell(found, options)


def _tell(found: Explanation, options: argparse.Namespace) -> int:
    if options.json:
        outcome.print_document(found.to_json())
        return SUCCESS
    show.explanation(out, found)
    return SUCCESS


def _tell_no_failure(stack: Stack, arn: str, progress: Progress, options: argparse.Namespace) -> int:
    name = arn.rpartition(":")[2]
    if options.json:
        outcome.print_document({"execution": arn, "status": progress.status})
    elif progress.finished:
        say(f"{name} succeeded in {progress.seconds:.1f} s: there is no failure to explain")
    else:
        where = outcome.where(stack, options)
        say(f"{name} is running: `marla watch {name}{where}` follows it")
    return SUCCESS
