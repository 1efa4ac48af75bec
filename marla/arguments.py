"""The grammar of the command line: its commands and their options, and what is said about wrong ones."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from mapreduce.formats import FORMATS

from . import generate, values

DEFAULT_HEAD = 10
OUTPUTS = ["csv", "jsonl", "text", "raw", "parquet"]


class Grammar:
    """The commands and their options. What is parsed has the command's name, `command`, as "local start"."""

    def __init__(self) -> None:
        self.parser = argparse.ArgumentParser(
            prog="marla", description="MapReduce on AWS Step Functions and Lambda"
        )
        self.parser.add_argument(
            "--version",
            action="version",
            version=f"marla {version('marla')}",
            help="print the version, and exit",
        )
        self._commands = self.parser.add_subparsers(required=True, metavar="COMMAND")
        self._add_run()
        self._add_jobs()
        self._add_watch_and_result()
        self._add_explain_and_report()
        self._add_graph()
        self._add_console()
        self._add_stop_and_rm()
        self._add_local()
        self._add_generate()

    def parse(self, arguments: list[str] | None) -> argparse.Namespace:
        """Return the options of a command. Exits with status 2, and says why, if they are wrong."""
        options, rest = self.parser.parse_known_args(arguments)
        place = rest.index("--") if "--" in rest else len(rest)
        for text in rest[:place]:
            if text.startswith("-"):
                _refuse_option(options.parser, text)
        # argparse takes the operands up to an option; those behind it are left.
        operands = rest[:place] + rest[place + 1 :]
        if "operands" in options:
            options.operands += operands
        elif operands:
            options.parser.error(f"unrecognized arguments: {' '.join(operands)}")
        return options

    def _command(
        self, name: str, help: str, under: Any = None, usage: str = "", note: str = ""
    ) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = (under or self._commands).add_parser(
            name, help=help, description=help, usage=usage or None, epilog=note or None
        )
        command.set_defaults(command=command.prog.removeprefix("marla "), parser=command)
        return command

    def _add_run(self) -> None:
        run = self._command(
            "run",
            "run a job, or a query, over objects or files, and wait for it",
            usage="marla run JOB INPUT... [options]\n"
            "       marla run JOB NAME=INPUT... [options]\n"
            "       marla run --sql QUERY INPUT... [options]\n"
            "       marla run --resume EXECUTION [options]",
        )
        run.add_argument(
            "operands",
            nargs="*",
            metavar="JOB INPUT...",
            help="a job of the catalogue, see `marla jobs` (none with --sql or --sql-file); then "
            "s3:// URIs, or files, folders and globs to upload; for a job of several inputs each with its "
            "name, as rankings=data/",
        )
        add = run.add_argument_group("what to do").add_argument
        add("--sql", metavar="QUERY", help="a SELECT from `input`, instead of JOB")
        add(
            "--sql-file",
            type=Path,
            metavar="FILE",
            help="a file that holds one; or, with the suffix .json or .yaml, an object with map, reduce, "
            "finish, key, columns and format, or with several inputs",
        )
        add(
            "--param",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a parameter of the job, or the value of $NAME in the query: a number, true, false or a text"
            """ (in a query, one that looks like a number in quotes, as 'code="007"')""",
        )
        add(
            "--resume",
            metavar="EXECUTION",
            help="continue the job of a failed or stopped execution: what is done is not done again",
        )
        add = run.add_argument_group("what the input holds").add_argument
        add(
            "--format",
            choices=list(FORMATS),
            help="if not the job's own; a query goes by the suffix, and else takes csv",
        )
        add("--columns", metavar='"NAME TYPE, ..."', help="of a query's input, as in CREATE TABLE")
        add("--record-bytes", type=values.count, metavar="N", help="of each record of fixed input (100)")
        add("--header", action="store_true", help="csv input has a line of column names")
        add("--delimiter", metavar="CHARACTER", help=r"of csv input (,); \t is a tab")
        add("--quote", metavar="CHARACTER", help='of csv input ("); "" if it has no quoting')
        add = run.add_argument_group("how").add_argument
        add("--partitions", type=values.within("partitions"), metavar="R", help="result objects (1)")
        add(
            "--partitioning",
            choices=["hash", "range"],
            help="what makes a partition: a hash of keys; or a range of keys, so that result objects are in "
            "order one after the other (the job's own, mostly hash)",
        )
        add(
            "--fan-in",
            type=values.within("fanIn"),
            metavar="N",
            help="outputs that a reducer merges (by their size)",
        )
        add(
            "--split-bytes",
            type=values.within("splitBytes", values.size),
            metavar="SIZE",
            help="input of a mapper, such as 64MB",
        )
        add(
            "--concurrency",
            type=values.within("concurrency"),
            metavar="N",
            help="workers at work at once (the stack's default)",
        )
        add(
            "--max-bad-records",
            type=values.within("maxBadRecords"),
            metavar="N",
            help="bad records to set aside, not fail for (0)",
        )
        add(
            "--max-record-bytes",
            type=values.within("maxRecordBytes", values.size),
            metavar="SIZE",
            help="longest record (16MB)",
        )
        add(
            "--speculate",
            nargs="?",
            const=True,
            type=values.seconds,
            metavar="SECONDS",
            help="start a backup of a task that takes much longer than others, or longer than SECONDS; the "
            "first one to finish counts",
        )
        add(
            "--delete-intermediates",
            dest="keep_intermediates",
            action="store_const",
            const=False,
            help="delete intermediate objects when the job has succeeded; else they expire, as those of a "
            "failed job do, for it can be resumed",
        )
        add("--output", choices=OUTPUTS, help="format of the result, if not the job's own")
        add("--name", type=values.name, help="of the execution, and so of the job")
        add("--cross-region", action="store_true", help="read buckets in other Regions too")
        _add_fetching(run)
        _add_where(run)

    def _add_jobs(self) -> None:
        jobs = self._command("jobs", "list the jobs of the catalogue, or show one of them")
        jobs.add_argument(
            "job", nargs="?", metavar="JOB", help="show what it takes, reads and writes, and how to run it"
        )
        _add_json(jobs)

    def _add_watch_and_result(self) -> None:
        watch = self._command("watch", "follow an execution to its end")
        result = self._command("result", "show a result's first rows, or fetch it")
        for command in (watch, result):
            command.add_argument("execution", metavar="EXECUTION", help="an execution's name or ARN")
            _add_fetching(command)
            _add_where(command)
        result.add_argument(
            "--head",
            type=values.count,
            default=DEFAULT_HEAD,
            metavar="N",
            help=f"rows to show ({DEFAULT_HEAD})",
        )

    def _add_explain_and_report(self) -> None:
        explain = self._command("explain", "find the probable cause of a failure, and what to do about it")
        report = self._command(
            "report", "write where an execution's time and money went: one file of HTML, to keep or to send"
        )
        for command in (explain, report):
            command.add_argument("execution", metavar="EXECUTION", help="an execution's name or ARN")
            _add_json(command)
            _add_where(command)
        report.add_argument(
            "--out",
            type=Path,
            metavar="FILE",
            help="the file, replaced if it is there; - for standard output (EXECUTION.html)",
        )

    def _add_graph(self) -> None:
        graph = self._command("graph", "draw the state machine, or an execution of it")
        graph.add_argument(
            "execution", nargs="?", metavar="EXECUTION", help="show how far this one is, or how it ended"
        )
        graph.add_argument("--format", choices=["svg", "mermaid"], help="by the suffix of FILE (mermaid)")
        graph.add_argument("--out", type=Path, metavar="FILE", help="the file; else to standard output")
        _add_where(graph)

    def _add_console(self) -> None:
        console = self._command(
            "console",
            "show executions in a browser, and start new ones",
            note="The page is for you alone: it is served on this machine's loopback address, to who has the "
            "secret in the printed URL.",
        )
        console.add_argument("--port", type=int, metavar="N", help="of the page (14580, or a free one)")
        console.add_argument("--no-browser", action="store_true", help="do not open a browser")
        _add_where(console)

    def _add_stop_and_rm(self) -> None:
        stop = self._command("stop", "stop an execution; its job can be resumed")
        rm = self._command(
            "rm",
            "delete all objects of an execution's job, its result too",
            note="Uploaded inputs stay, for other jobs may read them: all under input/ in the job bucket. "
            "Tasks that were at work when an execution was stopped may still write: then do it again.",
        )
        for command in (stop, rm):
            command.add_argument("execution", metavar="EXECUTION", help="an execution's name or ARN")
            _add_json(command)
            _add_where(command)
        rm.add_argument(
            "--keep-result", action="store_true", help="keep the result, and records that were set aside"
        )

    def _add_local(self) -> None:
        local = self._commands.add_parser("local", help="the cloud on this machine")
        local.set_defaults(parser=local)
        commands = local.add_subparsers(required=True, metavar="COMMAND")
        start = self._command("start", "start it, deploy, and leave it running", under=commands)
        start.add_argument(
            "--parameter",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a parameter of the template, kept until the local cloud is stopped",
        )
        self._command("stop", "stop it; everything in it is gone", under=commands)
        _add_json(self._command("status", "say what runs", under=commands))
        self._command("env", "print the variables for aws and sam to reach it", under=commands)

    def _add_generate(self) -> None:
        tables = self._command("generate", "write data for the jobs of the catalogue, from a seed")
        add = tables.add_argument
        add("table", choices=list(generate.TABLES))
        add("dir", type=Path, metavar="DIR")
        add("--size", metavar="SIZE", help="of each file, such as 16MB")
        add("--files", type=int, default=1, metavar="N", help="how many files (1)")
        add("--seed", type=int, default=0, metavar="N", help="the same seed gives the same bytes (0)")
        add("--skip-existing", action="store_true", help="keep files that are there already")
        # All None if they are not given, for an option that the table does not take is refused.
        add = tables.add_argument_group("uservisits, rankings, logs, links").add_argument
        add("--urls", type=int, metavar="N", help="pages, of which some are popular (100000)")
        add = tables.add_argument_group("text").add_argument
        add("--words", type=int, metavar="N", help="words, of which some are frequent (50000)")
        add = tables.add_argument_group("logs").add_argument
        add("--format", metavar="FORMAT", help="combined, common, or alternate: from file to file (combined)")
        add = tables.add_argument_group("terasort").add_argument
        add("--ascii", action="store_true", default=None, help="records are lines; else keys hold any bytes")
        add = tables.add_argument_group("keys").add_argument
        add("--keys", type=int, metavar="N", help="keys, of which some are frequent (100000)")
        add("--exponent", type=float, metavar="X", help="how much more frequent: 0 to 3 (0.9)")


def meant(name: str, names: Iterable[str]) -> str:
    """Return a question for what was meant by a name that is none of some, or nothing if none is like it."""
    like = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {like[0]}?" if like else ""


def _refuse_option(parser: argparse.ArgumentParser, text: str) -> NoReturn:
    option = text.partition("=")[0]
    known = [name for action in parser._actions for name in action.option_strings]
    parser.error(
        f"{option}: there is no such option{meant(option, known) or f'; see `{parser.prog} --help`'}"
    )


def _add_where(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the cloud")
    clouds = group.add_mutually_exclusive_group()
    clouds.add_argument("--stack", metavar="NAME", help="use this stack on AWS, with your credentials")
    clouds.add_argument("--local", action="store_true", help="use the local cloud (the default)")
    group.add_argument("--region", help="the stack's Region, if not your default")


def _add_fetching(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the result")
    group.add_argument("--out", type=Path, metavar="DIR", help="bring the result to this folder")
    group.add_argument("--overwrite", action="store_true", help="replace a result that the folder holds")
    _add_json(group)


def _add_json(options: argparse._ActionsContainer) -> None:
    options.add_argument("--json", action="store_true", help="print one JSON document on standard output")
