"""How far an execution is, as a tree: the job, its stages, their steps, and the state that it is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from .durations import clock_text
from .phase import Phase, step_name
from .progress import Progress
from .view import size_text

UNKNOWN = "—"
LOW_RATE = 0.1  # tasks a second: fewer are counted by the minute
STAGES_BEFORE = 3  # that are over and shown, each in a line
_GUIDE = 4  # columns of a level of the tree
_MARGIN = 2
_GAP = 2
_OVERALL_BAR = 24
_BARS = range(6, 12)  # the widths of bars: what the notes beside them, of so many columns, leave
_NOTES = 28
_MARKS = {"running": ("▸", "bold"), "succeeded": ("✓", "green"), "stopped": ("✕", "red")}


@dataclass(frozen=True)
class Step:
    """A step of a stage: all waves of its mappers so far, or a round of its reducers."""

    waves: Sequence[Phase]

    @property
    def last(self) -> Phase:
        """The wave that runs, or did last."""
        return self.waves[-1]

    @property
    def name(self) -> str:
        """What people call it, with its wave if there are several; without its stage."""
        name = step_name(self.last.step, sample=self.last.sample)
        return f"{name}, wave {self.last.wave}" if self.last.wave > 1 else name

    @property
    def total(self) -> int:
        """The tasks that are planned so far."""
        return sum(wave.total for wave in self.waves)

    @property
    def succeeded(self) -> int:
        """The tasks that are done."""
        return sum(wave.succeeded for wave in self.waves)

    @property
    def seconds(self) -> float:
        """How long it took, or has taken."""
        return sum(wave.seconds for wave in self.waves)

    @property
    def notes(self) -> list[str]:
        """What else there is to say, what matters most first."""
        if self.last.status == "succeeded":
            return self._read()
        failed = [f"{self.last.failed:,} failed"] if self.last.failed else []
        if self.last.status == "stopped":
            return [*failed, clock_text(self.seconds)]
        left, pace = self.last.seconds_left, self.last.per_second
        return [
            *failed,
            f"{UNKNOWN if left is None else clock_text(left)} left",
            f"{self.last.running:,} running",
            f"{UNKNOWN}/s" if pace is None else rate_text(pace),
        ]

    def _read(self) -> list[str]:
        records = sum(wave.records or 0 for wave in self.waves)
        read = sum(wave.bytes or 0 for wave in self.waves)
        if self.last.records is None:  # the state behind it counts them
            return [clock_text(self.seconds)]
        pace = [f"{size_text(int(read / self.seconds))}/s"] if self.seconds else []
        return [clock_text(self.seconds), f"{records:,} records", size_text(read), *pace]


def steps_of(phases: Sequence[Phase]) -> list[Step]:
    """Return the steps that phases make up."""
    return [
        Step(list(waves))
        for _, waves in groupby(phases, key=lambda phase: (phase.stage, phase.sample, phase.step))
    ]


def rate_text(per_second: float) -> str:
    """Return a rate for people, as the pages write it too: 3.2/s, 1,250/s, or 2.1/min if it is low."""
    is_low = per_second < LOW_RATE
    rate = 60 * per_second if is_low else per_second
    decimals = 0 if rate >= 100 else 1 if rate >= 1 else 2
    return f"{rate:,.{decimals}f}/{'min' if is_low else 's'}"


def drawn(progress: Progress, title: str, spinner: Spinner, width: int) -> RenderableType:
    """Return an execution's progress as a tree that is so many columns wide."""
    spinner.update(text=Text(f" {title}", overflow="ellipsis", no_wrap=True))
    tree = Tree(_overall(progress), guide_style="dim")
    if progress.stages > 1:
        _add_stages(tree, progress, width - _MARGIN - 2 * _GUIDE)
    else:
        _add_steps(tree, progress, progress.phases, width - _MARGIN - _GUIDE)
    return Group(spinner, Padding(tree, (0, 0, 0, _MARGIN)))


def _overall(progress: Progress) -> RenderableType:
    line = Table.grid(padding=(0, 2))
    tasks = f"{progress.succeeded:,} of {progress.total:,} tasks" if progress.total else ""
    line.add_row(
        ProgressBar(total=1.0, completed=progress.fraction, width=_OVERALL_BAR),
        Text(f"{int(100 * progress.fraction)} %"),
        Text(clock_text(progress.seconds)),
        Text(tasks, overflow="ellipsis", no_wrap=True),
    )
    return line


def _add_stages(tree: Tree, progress: Progress, width: int) -> None:
    before = max(0, progress.stage - STAGES_BEFORE)
    if before:
        tree.add(Text(f"✓ {before:,} {'stage' if before == 1 else 'stages'} before", style="dim"))
    for stage in range(before, progress.stage + 1):
        phases = [phase for phase in progress.phases if phase.stage == stage]
        if stage < progress.stage:
            tasks = sum(phase.total for phase in phases)
            taken = clock_text(sum(phase.seconds for phase in phases))
            tree.add(Text.assemble(("✓", "green"), f" Stage {stage}: {tasks:,} tasks, {taken}"))
        else:
            branch = tree.add(Text(f"Stage {stage}"))
            _add_steps(branch, progress, phases, width)
    if left := progress.stages - progress.stage - 1:
        tree.add(Text(f"{left:,} {'stage' if left == 1 else 'stages'} to come", style="dim"))


def _add_steps(tree: Tree, progress: Progress, phases: Sequence[Phase], width: int) -> None:
    steps = steps_of(phases)
    names = max((len(step.name) for step in steps), default=0)
    counts = max((len(_tasks(step)) for step in steps), default=0)
    for step in steps:
        tree.add(_row(step, names, counts, width))
    if not progress.finished and not any(phase.status == "running" for phase in phases):
        tree.add(Text(f"▸ {progress.state or 'Starting'}", overflow="ellipsis", no_wrap=True))


def _row(step: Step, names: int, counts: int, width: int) -> RenderableType:
    mark, style = _MARKS[step.last.status]
    row = Table.grid(padding=(0, _GAP, 0, 0))
    cells: list[RenderableType] = [Text.assemble((mark, style), f" {step.name.ljust(names)}")]
    room = width - 2 - names - counts - 2 * _GAP
    if room >= _NOTES:
        bar = min(_BARS.stop, max(_BARS.start, room - _GAP - _NOTES))
        cells.append(ProgressBar(total=step.total or None, completed=step.succeeded, width=bar))
        room -= _GAP + bar
    cells.append(Text(_tasks(step).rjust(counts)))
    notes_style = "red" if step.last.failed else "dim" if step.last.exited else ""
    notes = ", ".join(_fitting(step.notes, room))
    cells.append(Text(notes, style=notes_style, overflow="ellipsis", no_wrap=True))
    row.add_row(*cells)
    return row


def _tasks(step: Step) -> str:
    return f"{step.succeeded:,} of {step.total:,}"


def _fitting(notes: Sequence[str], width: int) -> Iterator[str]:
    """Yield as many notes as so many columns have room for, with commas between; the first in any case."""
    used = 0
    for number, note in enumerate(notes):
        used += len(note) + (2 if number else 0)
        if number and used > width:
            return
        yield note
