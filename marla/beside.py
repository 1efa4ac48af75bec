"""Commands beside those of jobs: the catalogue, generated data, and the cloud on this machine."""

from __future__ import annotations

import argparse
import json
import shlex
from typing import Any

from rich.text import Text

from mapreduce import catalogue
from mapreduce.errors import described

from . import description, generate, manual, view
from .console import out, say
from .errors import UsageError
from .local.cloud import LocalCloud
from .outcome import FAILED, SUCCESS


def jobs(options: argparse.Namespace) -> int:
    """List the jobs of the catalogue, or show one."""
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
            say(f"{name}: cannot be loaded. {described(error)}")
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        width = max(map(len, found), default=0)
        for name, summary in found.items():
            out.print(Text.assemble((f"{name:<{width}}", "bold"), f"  {summary}"), soft_wrap=True)
    return SUCCESS if len(found) == len(catalogue.names()) else FAILED


def local_start(options: argparse.Namespace) -> int:
    """Start the local cloud, and deploy."""
    cloud = LocalCloud(say=say)
    stack = cloud.start(_template_parameters(options.parameter))
    for server in cloud.status()["servers"]:
        say(f"{server['name']} listens on {server['url']}")
    say(f"The stack {stack.name} is deployed. `marla local env` prints how aws and sam reach it.")
    return SUCCESS


def _template_parameters(given: list[str]) -> dict[str, str] | None:
    if not given:
        return None
    pairs = [text.partition("=") for text in given]
    for text, (_, equals, _) in zip(given, pairs, strict=True):
        if not equals:
            raise UsageError(f"--parameter: got {text!r}; give NAME=VALUE, such as InputBuckets=my-data")
    return {name: value for name, _, value in pairs}


def local_stop(_: argparse.Namespace) -> int:
    """Stop the local cloud."""
    say("The local cloud is stopped" if LocalCloud(say=say).stop() else "The local cloud does not run")
    return SUCCESS


def local_status(options: argparse.Namespace) -> int:
    """Say what runs of the local cloud."""
    status = LocalCloud(say=say).status()
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


def local_env(_: argparse.Namespace) -> int:
    """Print the variables with which other tools reach the local cloud."""
    for name, value in LocalCloud(say=say).environment().items():
        print(f"export {name}={shlex.quote(value)}" if value else f"unset {name}")
    print("unset AWS_PROFILE")
    return SUCCESS


def generate_table(options: argparse.Namespace) -> int:
    """Write files of a table."""
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
    say(f"{count} of {options.table}, {view.size_text(total)}, in {options.dir}")
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
