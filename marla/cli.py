"""The command line. Progress goes to standard error, results to standard output.

Exit status: 0 for success, 1 for a failed job or a cloud that does not answer, 2 for wrong usage, 130 when
interrupted, 143 when terminated.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable
from importlib import import_module

from . import (
    beside,
    check,
    execution,
    following,
    generate,
    inputs,
    outcome,
    past,
    removal,
    request,
    results,
    resume,
    view,
)
from .arguments import Grammar
from .clouds import connect
from .console import err, say
from .errors import CloudError, UsageError
from .interruption import exit_status, terminable
from .outcome import FAILED, SUCCESS

USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    options = Grammar().parse(arguments)
    try:
        with terminable():
            status = COMMANDS[options.command](options)
            sys.stdout.flush()
    except (UsageError, generate.GenerateError) as error:
        say(f"marla: {view.untabbed(str(error))}", style="red")
        return USAGE
    except CloudError as error:
        say(f"marla: {error}", style="red")
        return FAILED
    except following.UNANSWERED as error:
        say(f"marla: {following.unanswered(options, error)}", style="red")
        return FAILED
    except KeyboardInterrupt as error:
        err.print("marla: interrupted")
        return exit_status(error)
    except OSError as error:
        return _unwritten(error)
    return status


def _unwritten(error: OSError) -> int:
    """Return the exit status where output could not be written; any other error is raised."""
    if error.errno == errno.ENOSPC:
        say("marla: no space is left where the output goes: make room, or send it elsewhere", style="red")
    elif not isinstance(error, BrokenPipeError):  # then whoever reads has seen enough, as `head` has
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor is there an error at the exit
    return FAILED


# ---- run --------------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    if options.resume is not None:
        return _resume(options)
    asked = request.from_options(options)
    if options.out:
        results.check_folder(options.out, overwrite=options.overwrite)
    given = inputs.plan(asked.inputs)
    if asked.is_query:
        check.check_query(asked, [(one.name, upload.path) for one in given for upload in one.uploads])
    elif not options.stack:
        check.check_job(asked)
    stack = connect(options, start=True)
    with view.UploadView(err) as upload:
        located = inputs.resolve(given, stack, upload.advance, cross_region=options.cross_region)
    name = options.name or execution.new_name(asked.name)
    document = asked.execution_input(located)
    return following.execute(stack, document, name, asked.name, options, inputs.uploaded(given, stack))


def _resume(options: argparse.Namespace) -> int:
    resume.check_options(options)
    if options.out:
        results.check_folder(options.out, overwrite=options.overwrite)
    stack = connect(options)
    before = past.found(stack, past.name_of(stack, options.resume))
    resume.check_past(before, stack)
    past.check_at_rest(stack, before.job, "resume the job if it fails")
    if stack.local:
        stack = connect(options, start=True)  # what has changed is deployed, as for any run
    document = resume.execution_input(before, options)
    name = options.name or resume.new_name(before)
    return following.execute(stack, document, name, resume.title(document), options)


# ---- watch, result, stop, rm ------------------------------------------------------------------------------


def _watch(options: argparse.Namespace) -> int:
    stack = connect(options)
    name = past.name_of(stack, options.execution)
    return following.watch(stack, stack.execution_arn(name), options)


def _result(options: argparse.Namespace) -> int:
    if options.out:
        results.check_folder(options.out, overwrite=options.overwrite)
    stack = connect(options)
    arn = stack.execution_arn(past.name_of(stack, options.execution))
    progress = next(execution.follow(stack, arn))
    if progress.output is None:
        tells = "watch" if progress.status == "RUNNING" else "explain"
        raise CloudError(
            f"{options.execution}: {progress.status}, so there is no result; see `marla {tells} "
            f"{options.execution}{stack.options}`"
        )
    uris = progress.output["result"]
    if options.json:
        outcome.print_document(uris)
    if options.out:
        for path in results.fetch(stack, uris, options.out):
            print(path)
    elif not options.json:
        outcome.show(stack, progress.output, options.head)
        say(f"Result: {outcome.described(uris)}")
    return SUCCESS


def _stop(options: argparse.Namespace) -> int:
    stack = connect(options)
    before = past.found(stack, past.name_of(stack, options.execution))
    if before.status == "RUNNING":
        execution.stop(stack, before.arn)
        say(f"Stopped {before.arn}. Tasks that are at work end by themselves")
        say(f"`marla run --resume {before.name}{outcome.where(stack, options)}` continues it")
    else:
        say(f"{before.name} is over already: {before.status}")
    if options.json:
        status = "ABORTED" if before.status == "RUNNING" else before.status
        outcome.print_document({"execution": before.arn, "status": status})
    return SUCCESS


def _rm(options: argparse.Namespace) -> int:
    stack = connect(options)
    name = past.name_of(stack, options.execution)
    before = past.find(stack, name)
    if before is not None and before.is_stranger:
        raise CloudError(
            f"{name} was refused ({before.error}) and wrote nothing; the job that it was to resume began "
            f"with {before.resumes}"
        )
    job = past.name_of(stack, before.job if before else name)
    past.check_at_rest(stack, job, "remove it")
    removed = removal.remove(stack, job, keep_result=options.keep_result)
    folder = f"s3://{stack.job_bucket}/jobs/{job}/"
    if not (removed.objects or removed.uploads or removed.kept):
        raise CloudError(f"there is nothing under {folder}")
    uploads = f", and {removed.uploads:,} uploads that were never completed" if removed.uploads else ""
    say(f"Removed {removed.objects:,} objects, {view.size_text(removed.bytes)}{uploads}: {folder}")
    if removed.kept:
        say(f"Kept {removed.kept:,} objects of the result, and records that were set aside")
    if options.json:
        outcome.print_document({"job": job} | removed.to_json())
    return SUCCESS


def _in(module: str) -> Callable[[argparse.Namespace], int]:
    """Return the command that is the `run` of a module, which is imported when it is asked for."""

    def run(options: argparse.Namespace) -> int:
        status: int = import_module(f".{module}", __package__).run(options)
        return status

    return run


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "watch": _watch,
    "result": _result,
    "explain": _in("explain.command"),
    "report": _in("report.command"),
    "graph": _in("graph.command"),
    "console": _in("web.command"),
    "stop": _stop,
    "rm": _rm,
    "jobs": beside.jobs,
    "local start": beside.local_start,
    "local stop": beside.local_stop,
    "local status": beside.local_status,
    "local env": beside.local_env,
    "generate": beside.generate_table,
}

if __name__ == "__main__":
    sys.exit(main())
