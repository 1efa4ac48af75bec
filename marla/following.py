"""An execution followed to its end, and what is told if its end cannot be known or it is interrupted."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from . import advice, execution, outcome, past
from .arguments import DEFAULT_HEAD
from .console import err, say
from .errors import CloudError
from .execution import Progress
from .failure import Failure
from .live import LiveView
from .local.cloud import LocalCloud
from .stack import Stack

UNANSWERED = (ClientError, BotoCoreError, Boto3Error)


def execute(  # noqa: PLR0913 - what there is to an execution
    stack: Stack,
    document: dict[str, Any],
    name: str,
    title: str,
    options: argparse.Namespace,
    uploaded: Mapping[str, Path] = MappingProxyType({}),
) -> int:
    """Start an execution, tell how it ends, and show what it gives; return the command's exit status.

    Interrupted, it stops the execution.

    Args:
        document: the execution's input.
        name: the execution's; `title` is what people are told that is followed.
        uploaded: local files by the URIs that they were uploaded to.
    """
    arn, progress = stack.execution_arn(name), Progress()
    told_to_programs = partial(_told_to_programs, arn, progress, options)
    try:
        execution.start(stack, document, name)
        say(f"Started {arn}")
        with told_to_programs():
            _follow(stack, arn, f"{title} ({name})", progress)
    except KeyboardInterrupt:
        with told_to_programs():
            _interrupt(stack, arn, progress, options)
        raise
    with told_to_programs():
        status = outcome.finish(stack, arn, progress, options, uploaded)
    if progress.output and not (options.out or options.json or outcome.is_raw(progress.output["result"])):
        try:
            outcome.show(stack, progress.output, DEFAULT_HEAD)
        except CloudError as error:  # that it cannot be shown is no failure of the job
            say(str(error))
    return status


def watch(stack: Stack, arn: str, options: argparse.Namespace) -> int:
    """Follow an execution and tell how it ends; return the command's exit status."""
    progress = Progress()
    name = arn.rpartition(":")[2]
    with _told_to_programs(arn, progress, options):
        try:
            _follow(stack, arn, name, progress)
        except KeyboardInterrupt:
            where = outcome.where(stack, options)
            say(f"The execution goes on by itself: `marla stop {name}{where}` stops it")
            raise
        return outcome.finish(stack, arn, progress, options)


def unanswered(options: argparse.Namespace, error: Exception) -> str:
    """Return what to say of a request that failed, and of an execution that was started."""
    if stack := getattr(options, "stack", None):
        command = f"marla watch EXECUTION{advice.options_of(stack, getattr(options, 'region', None))}"
        text = f"AWS did not answer as it should: {error}."
        return f"{text} An execution that was started goes on by itself: follow it with `{command}`"
    if death := LocalCloud().died():
        return f"{death}. The execution and everything in it are lost: run it again"
    return f"the local cloud did not answer as it should: {error}. `marla local status` says how it is"


def _follow(stack: Stack, arn: str, title: str, progress: Progress) -> None:
    """Show an execution's progress to its end."""
    with LiveView(err, title) as live:
        for seen in execution.follow(stack, arn, progress):
            live.show(seen)


def _interrupt(stack: Stack, arn: str, progress: Progress, options: argparse.Namespace) -> None:
    """Stop an execution that may have been started, and say so."""
    if not execution.stop(stack, arn):
        say("Interrupted: no execution was started")
        return
    document: dict[str, Any] = {"execution": arn}
    ended = past.found(stack, arn.rpartition(":")[2])
    if ended.status in {"SUCCEEDED", "FAILED", "TIMED_OUT"}:  # before it could be stopped
        command = f"marla watch {ended.name}{outcome.where(stack, options)}"
        say(f"Interrupted, but the execution was over: {ended.status}. `{command}` tells more")
        document["status"] = ended.status
    else:
        say(f"Interrupted: the execution is stopped. {arn}")
        found = Failure("Interrupted", execution.STOPPED, execution.kind_of(progress.state))
        outcome.tell_how_to_resume(stack, arn, progress, found, options)
        document |= {"status": "ABORTED", "error": found.to_json()}
    if options.json:
        outcome.print_document(document)


@contextmanager
def _told_to_programs(arn: str, progress: Progress, options: argparse.Namespace) -> Iterator[None]:
    """With --json, print a document also where an execution's end cannot be known; raise what happened.

    Its status is LOST if the local cloud has died, and the execution with it, and UNKNOWN if the cloud does
    not answer.
    """
    try:
        yield
    except (*UNANSWERED, CloudError) as error:
        if options.json:
            lost = "" if options.stack else LocalCloud().died()
            status = "LOST" if lost else progress.status if progress.finished else "UNKNOWN"
            cause = str(error) if isinstance(error, CloudError) else unanswered(options, error)
            told = {"name": "LocalCloudDied" if lost else type(error).__name__, "cause": cause}
            outcome.print_document({"execution": arn, "status": status, "error": told})
        raise
