"""The command line. Progress goes to standard error, results to standard output.

Exit status: 0 for success, 1 for a failed job or a cloud that does not answer, 2 for wrong usage, 130 when
interrupted.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from mapreduce import catalogue
from mapreduce.errors import described

from . import execution, failure, generate, inputs, results, view
from . import stack as stacks
from .errors import CloudError, UsageError
from .execution import Progress
from .local.cloud import LocalCloud
from .stack import Stack

SUCCESS, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
DEFAULT_HEAD = 10

err = Console(stderr=True)
out = Console()


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    options = Grammar().parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except (UsageError, generate.GenerateError) as error:
        _say(f"marla: {error}", style="red")
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
    params = parse_parameters(options.param, options.job)
    if options.out:
        results.check_folder(options.out, overwrite=options.overwrite)
    stack = _connect(options, start=True)
    with view.UploadView(err) as upload:
        uris = inputs.resolve(options.input, stack, upload.advance, cross_region=options.cross_region)
    name = options.name or execution.new_name(options.job)
    arn = execution.start(stack, execution_input(options, params, uris), name)
    _say(f"Started {arn}")
    try:
        progress = _follow(stack, arn, f"{options.job} ({name})")
    except KeyboardInterrupt:
        execution.stop(stack, arn)
        _say(f"Interrupted: the execution is stopped. {arn}")
        raise
    return _finish(stack, arn, progress, options)


def parse_parameters(given: list[str], job: str) -> dict[str, Any]:
    """Return the job's parameters from `name=value` texts: as JSON, but texts where the job declares texts.

    Whether there is such a job, and what it takes, is for the stack to say: it may have others than we know.
    """
    try:
        declared = catalogue.job_class(job).parameters()
    except Exception:
        declared = {}
    params: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--param: got {text!r}; give name=value")
        if name in declared and isinstance(declared[name].default, str):
            params[name] = value
        else:
            try:
                params[name] = json.loads(value)
            except ValueError:
                params[name] = value
    return params


def execution_input(options: argparse.Namespace, params: dict[str, Any], uris: list[str]) -> dict[str, Any]:
    """Return the execution's input: job and input, and the fields whose options are given."""
    document: dict[str, Any] = {"job": options.job, "input": _input_field(options, uris)}
    if params:
        document["params"] = params
    fields = {
        "partitions": options.partitions,
        "fanIn": options.fan_in,
        "splitBytes": options.split_bytes,
        "concurrency": options.concurrency,
        "maxBadRecords": options.max_bad_records,
        "maxRecordBytes": options.max_record_bytes,
        "output": options.output,
    }
    return document | {name: value for name, value in fields.items() if value is not None}


def _input_field(options: argparse.Namespace, uris: list[str]) -> Any:
    format: dict[str, Any] = {"type": options.format}
    if options.delimiter:
        format["delimiter"] = options.delimiter
    if options.header:
        format["header"] = True
    if options.format is None:
        if options.delimiter or options.header:
            raise UsageError("--delimiter and --header go with --format csv")
        return uris if len(uris) > 1 else uris[0]
    return [{"uri": uri, "format": format} for uri in uris]


def _follow(stack: Stack, arn: str, title: str) -> Progress:
    """Show an execution's progress to its end."""
    progress = Progress()
    with view.LiveView(err, title) as live:
        for progress in execution.follow(stack, arn):
            live.show(progress)
    return progress


def _finish(stack: Stack, arn: str, progress: Progress, options: argparse.Namespace) -> int:
    """Fetch the result, and tell people and programs how it went."""
    found = failure.find(stack, arn, progress)
    document: dict[str, Any] = {"execution": arn, "status": progress.status}
    if found is None and progress.output is not None:
        output = progress.output
        document |= {"result": output["result"], "counters": output["counters"], "steps": output["steps"]}
        view.summary(err, progress)
        _say(f"{options.job if 'job' in options else 'Job'} succeeded in {progress.seconds:.1f} s")
        if output["counters"]["rejects"]:
            folder = output["result"][0].partition("result/")[0] + "rejects/"
            _say(
                f"{output['counters']['rejects']:,} records could not be read; they are set aside in {folder}"
            )
        if options.out:
            paths = results.fetch(stack, output["result"], options.out)
            document["files"] = [str(path) for path in paths]
            _say(f"Result: {len(paths)} file{'s' if len(paths) > 1 else ''} in {options.out}")
        elif len(output["result"]) > 1:
            _say(f"Result: {len(output['result'])} objects, {output['result'][0]} and on")
        else:
            _say(f"Result: {output['result'][0]}")
    elif found is not None:
        document["error"] = found.to_json()
        view.failure(err, found)
        _say(f"Job {progress.status.lower().replace('_', ' ')} after {progress.seconds:.1f} s. {arn}")
    document["seconds"] = round(progress.seconds, 3)
    if options.json:
        print(json.dumps(document, indent=2))
    return SUCCESS if found is None else FAILED


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
        view.table_of(out, progress.output["columns"], results.rows(stack, uris, options.head))
        _say(f"First rows of {_described(uris)}")
    return SUCCESS


def _described(uris: list[str]) -> str:
    """Return how many result objects there are, in words."""
    return uris[0] if len(uris) == 1 else f"{len(uris)} objects from {uris[0]} on"


# ---- jobs, local, generate --------------------------------------------------------------------------------


def _jobs(options: argparse.Namespace) -> int:
    found: dict[str, Any] = {}
    for name in catalogue.names():
        try:
            found[name] = catalogue.job_class(name)
        except Exception as error:  # one job's file may hold anything; the others are listed all the same
            _say(f"{name}: cannot be loaded. {described(error)}")
    if options.json:
        print(json.dumps({name: _job_document(job) for name, job in found.items()}, indent=2))
    else:
        for name, job in found.items():
            out.print(f"[bold]{name}[/bold]  {_first_line(job)}", highlight=False, soft_wrap=True)
            for parameter, spec in job.parameters().items():
                text = f"    --param {parameter}={json.dumps(spec.default)}  {spec.help}"
                out.print(text, highlight=False, soft_wrap=True)
    return SUCCESS if len(found) == len(catalogue.names()) else FAILED


def _first_line(job: Any) -> str:
    return (job.__doc__ or "").strip().partition("\n")[0]


def _job_document(job: Any) -> dict[str, Any]:
    parameters = {
        name: {"default": spec.default, "help": spec.help} for name, spec in job.parameters().items()
    }
    return {"description": _first_line(job), "parameters": parameters}


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
    if options.table == "uservisits":
        if size is None:
            raise UsageError("--size: uservisits needs the size of a file, such as 16MB")
        paths = generate.uservisits(
            options.dir, size, options.files, options.seed, options.urls, skip_existing=options.skip_existing
        )
    else:
        paths = generate.rankings(
            options.dir, size, options.files, options.seed, options.urls, skip_existing=options.skip_existing
        )
    for path in paths:
        print(path)
    total = sum(path.stat().st_size for path in paths)
    _say(f"{len(paths)} files of {options.table}, {view.size_text(total)}, in {options.dir}")
    return SUCCESS


# ---- the grammar ------------------------------------------------------------------------------------------


def _size(text: str) -> int:
    try:
        return generate.parse_size(text)
    except generate.GenerateError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"got {text!r}; give a whole number")
    return int(text)


class Grammar:
    """The commands and their options."""

    def __init__(self) -> None:
        self.parser = argparse.ArgumentParser(
            prog="marla", description="MapReduce on AWS Step Functions and Lambda"
        )
        self._commands = self.parser.add_subparsers(required=True, metavar="COMMAND")
        self._add_run()
        self._add_jobs()
        self._add_watch_and_result()
        self._add_local()
        self._add_generate()

    def _command(
        self, name: str, run: Any, help: str, *parents: argparse.ArgumentParser, under: Any = None
    ) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = (under or self._commands).add_parser(
            name, help=help, description=help, parents=parents
        )
        command.set_defaults(run=run)
        return command

    def _where(self) -> argparse.ArgumentParser:
        where = argparse.ArgumentParser(add_help=False)
        clouds = where.add_mutually_exclusive_group()
        clouds.add_argument("--stack", metavar="NAME", help="use this stack on AWS, with your credentials")
        clouds.add_argument("--local", action="store_true", help="use the local cloud (the default)")
        where.add_argument("--region", help="the stack's Region, if not your default")
        return where

    def _fetching(self) -> argparse.ArgumentParser:
        fetching = argparse.ArgumentParser(add_help=False)
        fetching.add_argument("--out", type=Path, metavar="DIR", help="bring the result to this folder")
        fetching.add_argument(
            "--overwrite", action="store_true", help="replace a result that the folder holds"
        )
        _add_json(fetching)
        return fetching

    def _add_run(self) -> None:
        run = self._command(
            "run", _run, "run a job over objects or files, and wait for it", self._where(), self._fetching()
        )
        add = run.add_argument
        add("job", metavar="JOB", help="a job of the catalogue; see `marla jobs`")
        add("input", metavar="INPUT", nargs="+", help="s3:// URIs; or files, folders and globs to upload")
        add("--param", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the job")
        add("--partitions", type=int, metavar="R", help="result objects (1)")
        add("--fan-in", type=int, metavar="N", help="outputs that a reducer merges (by their size)")
        add("--split-bytes", type=_size, metavar="SIZE", help="input of a mapper, such as 64MB")
        add("--concurrency", type=int, metavar="N", help="workers at work at once (the stack's default)")
        add("--max-bad-records", type=int, metavar="N", help="bad records to set aside, not fail for (0)")
        add("--max-record-bytes", type=_size, metavar="SIZE", help="longest record (64MB)")
        add("--format", choices=["text", "csv", "jsonl"], help="of the input, if not the job's own")
        add("--delimiter", metavar="CHARACTER", help="of csv input (,)")
        add("--header", action="store_true", help="csv input has a line of column names")
        add("--output", choices=["csv", "jsonl"], help="of the result, if not the job's own")
        add("--name", help="of the execution, and so of the job")
        add("--cross-region", action="store_true", help="read buckets in other Regions too")

    def _add_jobs(self) -> None:
        _add_json(self._command("jobs", _jobs, "list the jobs of the catalogue"))

    def _add_watch_and_result(self) -> None:
        watch = self._command(
            "watch", _watch, "follow an execution to its end", self._where(), self._fetching()
        )
        result = self._command(
            "result", _result, "show a result's first rows, or fetch it", self._where(), self._fetching()
        )
        for command in (watch, result):
            command.add_argument("execution", metavar="EXECUTION", help="an execution's name or ARN")
        result.add_argument(
            "--head", type=_count, default=DEFAULT_HEAD, metavar="N", help="rows to show (10)"
        )

    def _add_local(self) -> None:
        local = self._commands.add_parser("local", help="the cloud on this machine")
        commands = local.add_subparsers(required=True, metavar="COMMAND")
        start = self._command("start", _local_start, "start it, deploy, and leave it running", under=commands)
        start.add_argument(
            "--parameter",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a parameter of the template, kept until the local cloud is stopped",
        )
        self._command("stop", _local_stop, "stop it; everything in it is gone", under=commands)
        _add_json(self._command("status", _local_status, "say what runs", under=commands))
        self._command("env", _local_env, "print the variables for aws and sam to reach it", under=commands)

    def _add_generate(self) -> None:
        tables = self._command("generate", _generate, "write a table of the Pavlo benchmark from a seed")
        add = tables.add_argument
        add("table", choices=["uservisits", "rankings"])
        add("dir", type=Path, metavar="DIR")
        add("--size", metavar="SIZE", help="of each file, such as 16MB")
        add("--files", type=int, default=1, metavar="N", help="how many files (1)")
        add("--seed", type=int, default=0, metavar="N", help="the same seed gives the same bytes (0)")
        add("--urls", type=int, default=100_000, metavar="N", help="pages that are visited (100000)")
        add("--skip-existing", action="store_true", help="keep files that are there already")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document on standard output")


if __name__ == "__main__":
    sys.exit(main())
