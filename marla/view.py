"""What people see of an execution's input, and of its end. All on standard error."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise
from textwrap import indent
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from .execution import Phase, Progress, step_name
from .failure import Failure

NOT_EVEN = 1.05  # times what a partition would have if all had the same
_MARK = re.compile(r" *\^+ *")  # below a line of a query
_OPTIONS = {
    "fanIn": "--fan-in",
    "keepIntermediates": "--delete-intermediates",
    "maxBadRecords": "--max-bad-records",
    "maxRecordBytes": "--max-record-bytes",
    "splitBytes": "--split-bytes",
}
_FIELD = re.compile(rf"\b({'|'.join(_OPTIONS)})\b")
_PARAMETER = re.compile(r"(?:^|(?<=; ))(params\.(\w+))(?=: )", re.MULTILINE)


def size_text(count: int | None) -> str:
    """Return a number of bytes for people: 1.5 MB."""
    if count is None:
        return ""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def count_text(count: int | None) -> str:
    """Return a number for people: 12,345."""
    return "" if count is None else f"{count:,}"


class UploadView:
    """A bar for the upload of local files; nothing where there is nothing to upload."""

    def __init__(self, console: Console) -> None:
        self._bar = Bar(
            TextColumn("Uploading input"), BarColumn(), DownloadColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=None)
        self._console = console
        self._started = False
        self._total = 0

    def advance(self, done: int, total: int) -> None:
        """Show how many bytes are uploaded, of how many."""
        if not self._started and self._console.is_terminal:
            self._bar.start()
        self._started = True
        self._total = total
        self._bar.update(self._task, completed=done, total=total)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar.live.is_started:  # stopping one that is not started prints an empty line
            self._bar.stop()
        if self._started and kind is None:
            self._console.print(f"Uploaded {size_text(self._total)} of input", highlight=False)


def summary(console: Console, progress: Progress) -> None:
    """Print what each step did, and how evenly the keys were divided among partitions."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", no_wrap=True)
    for column in ("tasks", "records in", "records out", "bytes in", "bytes out", "seconds"):
        table.add_column(column, justify="right")
    steps = (progress.output or {}).get("steps", [])
    several = any(step["stage"] for step in steps)
    shares = []
    for step, seconds in zip(steps, _seconds_of_steps(progress.phases), strict=False):
        stage = step["stage"] if several else None
        name = step_name(step["step"], sample=step.get("sample", False), stage=stage)
        table.add_row(
            name,
            count_text(step["tasks"]),
            count_text(step["recordsIn"]),
            count_text(step["recordsOut"]),
            size_text(step["bytesIn"]),
            size_text(step["bytesOut"]),
            f"{seconds:.1f}",
        )
        shares += [f"{name}: {share}" for share in _largest_share(step)]
    if steps:
        console.print(table)
    for share in shares:
        console.print(share, highlight=False, soft_wrap=True)


def _largest_share(step: dict[str, Any]) -> list[str]:
    """Return how much of its records the largest partition of a step has, where there are several."""
    if "largestPartition" not in step or step["tasks"] < 2 or not step["recordsIn"]:
        return []
    share = step["largestPartition"]["records"] / step["recordsIn"]
    if share * step["tasks"] < NOT_EVEN:
        return []
    return [f"the largest of {step['tasks']:,} partitions has {share:.1%} of the records"]


def _seconds_of_steps(phases: list[Phase]) -> list[float]:
    """Return the seconds of each step; the waves of a map phase are one step."""
    seconds: list[float] = []
    for before, phase in zip([None, *phases], phases, strict=False):
        if before and before.step == phase.step == 0:
            seconds[-1] += phase.seconds
        else:
            seconds.append(phase.seconds)
    return seconds


def failure(console: Console, found: Failure) -> None:
    """Print why a job failed."""
    console.print(Text.assemble((found.name, "bold red"), f" in {found.place}" if found.place else ""))
    show = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    show(indent(untabbed(with_options(found.cause)), "  "))
    for uri, path in found.files.items():
        show(f"  {uri} is the copy of {path}")
    if found.advice:
        show(f"  {found.advice}")


def with_options(message: str) -> str:
    """Return a message that names fields of an execution's input with the options that set them beside."""
    message = _FIELD.sub(lambda found: f"{found[0]} ({_OPTIONS[found[0]]})", message)
    return _PARAMETER.sub(r"\1 (--param \2)", message)


def untabbed(message: str) -> str:
    """Return an error's message with spaces for tabs, so that its mark stands below what it means.

    DuckDB repeats a line of the query, `LINE 2: …`, and marks the place below it, as if tabs had no width.
    """
    lines = message.split("\n")
    for index, (line, mark) in enumerate(pairwise(lines)):
        if line.startswith("LINE ") and _MARK.fullmatch(mark):
            before = mark.index("^")
            tabs = 0
            for place, character in enumerate(line):
                tabs += character == "\t" and place - tabs <= before
            lines[index + 1] = " " * tabs + mark
    return "\n".join(lines).replace("\t", " ")


def table_of(console: Console, columns: list[str], rows: list[list[str]]) -> None:
    """Print rows with column names, where there are names for all."""
    width = max((len(row) for row in rows), default=len(columns))
    names = columns if len(columns) == width else [f"column {number + 1}" for number in range(width)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(Text(name))
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
