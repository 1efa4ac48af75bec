"""Prints an explanation: for a terminal of 80 columns, and as well into a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from marla import view
from marla.explain.explanation import Attempt, Excerpt, Explanation
from marla.explain.logs import error_in
from marla.explain.printable import printable
from marla.view import with_options

MESSAGE = 100  # characters of an earlier attempt's message
BRIEF = 4  # lines of a log that adds little to what the worker's record tells
LATEST = 5  # attempts that are shown: Step Functions may make a hundred


def explanation(console: Console, found: Explanation) -> None:
    """Print why an execution failed: the error first, then what there is to judge it by."""
    view.failure(console, replace(found.failure, cause=printable(found.failure.cause, "\n\t")))
    for lines in (
        _reached(found),
        _others(found),
        _rejects(found),
        _excerpt(found.excerpt),
        _traceback(found),
        _attempts(found),
        _log(found),
        [_text(note) for note in found.notes],
        _url(found),
        _end(found),
    ):
        for line in lines:
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _text(text: str, style: str = "") -> Text:
    return Text(printable(text, "\t"), style)


def _reached(found: Explanation) -> list[Text]:
    return [_text(found.reached)] if found.reached else []


def _others(found: Explanation) -> list[Text]:
    if not found.others:
        return []
    total = sum(found.others.values())
    errors = [f"{count:,} {error}" for error, count in found.others.items() if error]
    more = [f"{count:,} not looked at" for error, count in found.others.items() if not error]
    tasks = "task" if total == 1 else "tasks"
    return [_text(f"{total:,} other {tasks} failed: {', '.join(errors + more)}")]


def _rejects(found: Explanation) -> list[Text]:
    if not found.rejects:
        return []
    lines = [_text("The first records that were set aside", style="bold")]
    for each in found.rejects:
        lines.append(_text(f"  {each.object} at byte {each.offset}: {view.untabbed(each.reason)}"))
    return lines


def _excerpt(excerpt: Excerpt | None) -> list[Text]:
    if excerpt is None:
        return []
    lines = [_text(f"Around it in {excerpt.object}", style="bold")]
    width = len(f"{excerpt.lines[-1].offset}") if excerpt.lines else 0
    for line in excerpt.lines:
        mark = ">" if line.bad else " "
        text = _text(f"{mark} {line.offset:>{width}}  ", style="bold red" if line.bad else "dim")
        lines.append(text.append(line.text, style="bold" if line.bad else "default"))
    if excerpt.note:
        lines.append(_text(f"  {excerpt.note}"))
    return lines


def _traceback(found: Explanation) -> list[Text]:
    if not found.traceback:
        return []
    lines = [_text(line) for line in found.traceback]
    return [_text("In the job's file", style="bold"), *lines]


def _attempts(found: Explanation) -> list[Text]:
    """Return a line for each of the last attempts; none for a single one, whose error is told already."""
    made = found.attempts
    if len(made) < 2:
        return []
    lines = [_text(f"{len(made):,} attempts (times are UTC)", style="bold")]
    if len(made) > LATEST:
        lines.append(_text(f"  … {len(made) - LATEST:,} before these", style="dim"))
    return [*lines, *(_text(_attempt(each, found)) for each in made[-LATEST:])]


def _attempt(attempt: Attempt, found: Explanation) -> str:
    when = datetime.fromtimestamp(attempt.started, UTC).strftime("%H:%M:%S") if attempt.started else ""
    took = f"{attempt.seconds:.1f} s" if attempt.seconds is not None else "no end"
    how = attempt.error or ("succeeded" if attempt.seconds is not None else "")
    name = f"{'backup ' if attempt.backup else ''}{attempt.number}"
    message = error_in(attempt.message.partition("\n")[0])
    is_told = not message or error_in(found.failure.cause).startswith(message[:MESSAGE])
    shortened = message if len(message) <= MESSAGE else f"{message[:MESSAGE]}…"
    return f"  {name:>2}  {when}  {took:>7}  {how}" + ("" if is_told else f": {with_options(shortened)}")


def _log(found: Explanation) -> list[Text]:
    log = found.log
    if log is None:
        return []
    where = f" ({log.group})" if log.group else ""
    lines = [_text(f"The end of the worker's log{where}", style="bold")]
    if log.note:
        lines.append(_text(f"  {log.note}"))
    is_told = any(each.recorded and each.error for each in found.attempts[-1:])
    return lines + [_text(f"  {line}", style="dim") for line in log.lines[-BRIEF if is_told else 0 :]]


def _url(found: Explanation) -> list[Text]:
    return [_text(f"In the AWS console: {found.url}")] if found.url else []


def _end(found: Explanation) -> list[Text]:
    status = found.status.lower().replace("_", " ")
    after = f" after {found.seconds:.1f} s" if found.seconds else ""
    lines = [_text(f"Job {status}{after}. {found.execution}")]
    more = continues(found.command) if found.command else found.unresumable
    return [*lines, _text(more)] if more else lines


def continues(command: str) -> str:
    """Return what to say of a command that continues a job."""
    return f"`{command}` continues it: what is done is not done again"
