"""`marla report`: the report of an execution, written to a file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .. import past
from ..clouds import connect
from ..console import say
from ..errors import UsageError
from ..files import unwritable, write_whole
from ..outcome import SUCCESS, print_document
from .gather import gathered
from .model import Report
from .page import html_of
from .sentences import of_execution

STDOUT = Path("-")


def run(options: argparse.Namespace) -> int:
    """Write the report; return the command's exit status."""
    if options.out and options.out != STDOUT:
        check_file(options.out)
    stack = connect(options)
    out = options.out or Path(f"{past.name_of(stack, options.execution)}.html")
    if out == STDOUT:
        if options.json:
            raise UsageError("--out: got - with --json, which is for standard output too; give a file")
        sys.stdout.write(html_of(gathered(stack, options.execution)))
        return SUCCESS
    check_file(out)
    report = gathered(stack, options.execution)
    write_whole(out, html_of(report))
    say(of_execution(report))
    say(f"Report: {out}, to be opened in a browser")
    if options.json:
        print_document(document(report, out))
    return SUCCESS


def document(report: Report, out: Path) -> dict[str, object]:
    """Return what programs are told of a report that was written to a file."""
    return {
        "report": str(out),
        "execution": report.execution.arn,
        "status": report.execution.status,
        "seconds": round(report.seconds, 3),
        **report.totals.to_json(),
        "dollars": float(report.costs.bill.total),
    }


def check_file(out: Path) -> None:
    """Raise UsageError for a file that cannot be written."""
    try:
        if out.is_dir():
            raise UsageError(f"--out: {out} is a folder; give a file, such as {out / 'report.html'}")
        if not out.absolute().parent.is_dir():
            raise UsageError(f"--out: {out.parent} is no folder; make it, or give another file")
    except OSError as error:  # a name may be too long to be looked up
        raise unwritable(out, error) from error
    if not os.access(out.absolute().parent, os.W_OK):
        raise UsageError(f"--out: {out.parent} cannot be written; give another file")
