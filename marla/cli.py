"""The command line. Progress goes to standard error, results to standard output.

Exit status: 0 for success, 1 for a failed job or a cloud that does not answer, 2 for wrong usage, 130 when
interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from mapreduce import catalogue
from mapreduce.errors import described

from . import check, description, execution, failure, generate, inputs, manual, request, results, view
from . import stack as stacks
from .arguments import DEFAULT_HEAD, Grammar
from .errors import CloudError, UsageError
from .execution import Progress
from .local.cloud import LocalCloud
from .stack import Stack

SUCCESS, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

err = Console(stderr=True, emoji=False)
# Where no one looks, nothing is gained by folding rows to a width.
out = Console(emoji=False, width=None if sys.stdout.isatty() else 10_000)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    options = Grammar().parse(arguments)
    try:
        status = COMMANDS[options.command](options)
        sys.stdout.flush()
    except (UsageError, generate.GenerateError) as error:
        _say(f"marla: {view.untabbed(str(error))}", style="red")
        return USAGE
    except CloudError as error:
        _say(f"marla: {error}", style="red")
        return FAILED
    except (ClientError, BotoCoreError, Boto3Error) as error:
        text = f"{error}. An execution that was started goes on by itself: follow it with `marla watch`"
        _say(f"marla: AWS did not answer as it should: {text}", style="red")
        return FAILED
    except KeyboardInterrupt:
        err.print("marla: interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


# ---- which cloud ------------------------------------------------------------------------------------------


def _say(text: str, style: str = "") -> None:
    err.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def _connect(options: argparse.Namespace, *, start: bool = False) -> Stack:
    """Return the stack on AWS that is named, or the local one, started if it has to be and `start` is set."""
    if options.stack:
        return stacks.on_aws(options.stack, options.region)
    return LocalCloud(say=_say).start() if start else LocalCloud(say=_say).stack()


# ---- run, watch, result -----------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    asked = request.from_options(options)
    if options.out:
        results.check_folder(options.out, overwrite=options.overwrite)
    given = inputs.plan(asked.inputs)
    if asked.is_query:
        check.check_query(asked, [(one.name, upload.path) for one in given for upload in one.uploads])
    elif not options.stack:
        check.check_job(asked)
    stack = _connect(options, start=True)
    with view.UploadView(err) as upload:
        located = inputs.resolve(given, stack, upload.advance, cross_region=options.cross_region)
    name = options.name or execution.new_name(asked.name)
    arn = execution.start(stack, asked.execution_input(located), name)
    _say(f"Started {arn}")
    try:
        progress = _follow(stack, arn, f"{asked.name} ({name})")
    except KeyboardInterrupt:
        execution.stop(stack, arn)
        _say(f"Interrupted: the execution is stopped. {arn}")
        raise
    status = _finish(stack, arn, progress, options, inputs.uploaded(given, stack))
    if progress.output and not (options.out or options.json) and not _is_raw(progress.output["result"]):
        try:
            _show(stack, progress.output, DEFAULT_HEAD)
        except CloudError as error:  # that it cannot be shown is no failure of the job
            _say(str(error))
    return status


def _follow(stack: Stack, arn: str, title: str) -> Progress:
    """Show an execution's progress to its end."""
    progress = Progress()
    with view.LiveView(err, title) as live:
        for progress in execution.follow(stack, arn):
            live.show(progress)
    return progress


def _finish(
    stack: Stack,
    arn: str,
    progress: Progress,
    options: argparse.Namespace,
    uploaded: Mapping[str, Path] = MappingProxyType({}),
) -> int:
    """Fetch the result, and tell people and programs how it went.

    Args:
        uploaded: local files by the URIs that they were uploaded to.
    """
    found = failure.find(stack, arn, progress)
    document: dict[str, Any] = {"execution": arn, "status": progress.status}
    if found is None and progress.output is not None:
        view.summary(err, progress)
        for warning in progress.output.get("warnings", []):
            _say(f"Warning: {warning}", style="yellow")
        job = progress.output["job"]
        _say(f"{job if isinstance(job, str) else 'Query'} succeeded in {progress.seconds:.1f} s")
        document |= _bring(stack, progress.output, options)
    elif found is not None:
        found = found.with_files(uploaded)
        document["error"] = found.to_json()
        view.failure(err, found)
        _say(f"Job {progress.status.lower().replace('_', ' ')} after {progress.seconds:.1f} s. {arn}")
    document["seconds"] = round(progress.seconds, 3)
    if options.json:
        print(json.dumps(document, indent=2))
    return SUCCESS if found is None else FAILED


def _bring(stack: Stack, output: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Say where a result is, and bring it if that is asked for; return what programs are told."""
    uris, counters = output["result"], output["counters"]
    document = {"columns": output.get("columns", []), "result": uris}
    document |= {"counters": counters, "warnings": output.get("warnings", []), "steps": output["steps"]}
    if rejects := counters["rejects"]:
        they = (
            "1 record could not be read; it is"
            if rejects == 1
            else f"{rejects:,} records could not be read; they are"
        )
        _say(f"{they} set aside in {' and '.join(_folders_of_rejects(output))}")
    if options.out:
        paths = results.fetch(stack, uris, options.out)
        document["files"] = [str(path) for path in paths]
        _say(f"Result: {len(paths)} file{'s' if len(paths) > 1 else ''} in {options.out}")
    else:
        _say(f"Result: {_described(uris)}")
    return document


def _folders_of_rejects(output: dict[str, Any]) -> list[str]:
    """Return where bad records are: with each stage whose mappers, beyond those of a sample, met some."""
    job = output["result"][0].rpartition("/stage-")[0]
    return [
        f"{job}/stage-{step['stage']}/rejects/"
        for step in output["steps"]
        if step["step"] == 0 and step["rejects"] and not step.get("sample")
    ]


def _show(stack: Stack, output: dict[str, Any], count: int) -> None:
    """Print the first rows of a result."""
    found = results.head(stack, output["result"], count)
    if _is_text(output["result"]):
        print(*(line for (line,) in found.rows), sep="\n", end="\n" if found.rows else "")
    else:
        view.table_of(out, output.get("columns") or found.columns, found.rows)
    rows = output["counters"]["resultRecords"]
    _say(f"{len(found.rows):,} of {rows:,} row{'' if rows == 1 else 's'}")


def _watch(options: argparse.Namespace) -> int:
    stack = _connect(options)
    arn = stack.execution_arn(options.execution)
    progress = _follow(stack, arn, options.execution.rpartition(":")[2])
    return _finish(stack, arn, progress, options)


def _result(options: argparse.Namespace) -> int:
    if options.out:
        results.check_folder(options.out, overwrite=options.overwrite)
    stack = _connect(options)
    arn = stack.execution_arn(options.execution)
    progress = next(execution.follow(stack, arn))
    if progress.output is None:
        raise CloudError(
            f"{arn}: {progress.status}, so there is no result; see `marla watch {options.execution}`"
        )
    uris = progress.output["result"]
    if options.json:
        print(json.dumps(uris, indent=2))
    if options.out:
        for path in results.fetch(stack, uris, options.out):
            print(path)
    elif not options.json:
        _show(stack, progress.output, options.head)
        _say(f"Result: {_described(uris)}")
    return SUCCESS


def _is_text(uris: list[str]) -> bool:
    return uris[0].endswith(".txt")


def _is_raw(uris: list[str]) -> bool:
    return uris[0].endswith(".bin")


def _described(uris: list[str]) -> str:
    """Return how many result objects there are, in words."""
    return uris[0] if len(uris) == 1 else f"{len(uris)} objects from {uris[0]} on"


# ---- jobs, local, generate --------------------------------------------------------------------------------


def _jobs(options: argparse.Namespace) -> int:
    if options.job is None:
        return _all_jobs(as_json=options.json)
    job = description.of(options.job)
    print(json.dumps(job, indent=2) if options.json else manual.page(options.job, job))
    return SUCCESS


def _all_jobs(*, as_json: bool) -> int:
    found: dict[str, Any] = {}
    for name in catalogue.names():
        try:
            found[name] = description.of(name) if as_json else catalogue.summary(name)
        except Exception as error:  # one job's file may hold anything; the others are listed all the same
            _say(f"{name}: cannot be loaded. {described(error)}")
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        width = max(map(len, found), default=0)
        for name, summary in found.items():
            out.print(Text.assemble((f"{name:<{width}}", "bold"), f"  {summary}"), soft_wrap=True)
    return SUCCESS if len(found) == len(catalogue.names()) else FAILED


def _local_start(options: argparse.Namespace) -> int:
    cloud = LocalCloud(say=_say)
    stack = cloud.start(_template_parameters(options.parameter))
    for server in cloud.status()["servers"]:
        _say(f"{server['name']} listens on {server['url']}")
    _say(f"The stack {stack.name} is deployed. `marla local env` prints how aws and sam reach it.")
    return SUCCESS


def _template_parameters(given: list[str]) -> dict[str, str] | None:
    if not given:
        return None
    pairs = [text.partition("=") for text in given]
    for text, (_, equals, _) in zip(given, pairs, strict=True):
        if not equals:
            raise UsageError(f"--parameter: got {text!r}; give NAME=VALUE, such as InputBuckets=my-data")
    return {name: value for name, _, value in pairs}


def _local_stop(_: argparse.Namespace) -> int:
    _say("The local cloud is stopped" if LocalCloud(say=_say).stop() else "The local cloud does not run")
    return SUCCESS


def _local_status(options: argparse.Namespace) -> int:
    status = LocalCloud(say=_say).status()
    if options.json:
        print(json.dumps(status, indent=2))
    else:
        out.print("The local cloud runs" if status["running"] else "The local cloud does not run")
        for server in status["servers"]:
            health = "answers" if server["answers"] else "does not answer" if server["alive"] else "has died"
            out.print(
                f"  {server['name']}: {server['url']}, process {server['pid']}, {health}", highlight=False
            )
        if status["servers"] and not status["running"]:
            out.print("`marla local start` mends it")
    return SUCCESS if status["running"] else FAILED


def _local_env(_: argparse.Namespace) -> int:
    for name, value in LocalCloud(say=_say).environment().items():
        print(f"export {name}={shlex.quote(value)}" if value else f"unset {name}")
    print("unset AWS_PROFILE")
    return SUCCESS


def _generate(options: argparse.Namespace) -> int:
    size = generate.parse_size(options.size) if options.size else None
    given = _table_options(options)
    if size is None and options.table != "rankings":
        raise UsageError(f"--size: {options.table} needs the size of a file, such as 16MB")
    if size is not None and options.table == "rankings" and "urls" in given:
        raise UsageError(
            "--urls: rankings with --size has as many pages as fill the files; leave one of them out"
        )
    paths = generate.TABLES[options.table](
        options.dir, size, options.files, options.seed, skip_existing=options.skip_existing, **given
    )
    for path in paths:
        print(path)
    total = sum(path.stat().st_size for path in paths)
    count = f"{len(paths)} file{'s' if len(paths) > 1 else ''}"
    _say(f"{count} of {options.table}, {view.size_text(total)}, in {options.dir}")
    return SUCCESS


def _table_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that are given and that only some tables take; refuse those of other tables."""
    takes = generate.OPTIONS[options.table]
    given = {}
    for name in sorted({name for names in generate.OPTIONS.values() for name in names}):
        value = getattr(options, name)
        if value is not None and name not in takes:
            own = " and ".join(f"--{name}" for name in takes)
            raise UsageError(f"--{name}: {options.table} has no such option, only {own}; leave it out")
        if value is not None:
            given[name] = value
    return given


COMMANDS = {
    "run": _run,
    "watch": _watch,
    "result": _result,
    "jobs": _jobs,
    "local start": _local_start,
    "local stop": _local_stop,
    "local status": _local_status,
    "local env": _local_env,
    "generate": _generate,
}

if __name__ == "__main__":
    sys.exit(main())
