"""Progress as it comes: a live tree on a terminal, a line for each change elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from .progress import Progress
from .tree import drawn
from .view import count_text, size_text


class LiveView:
    """Shows how far an execution is, until it is left."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._live = (
            Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        )
        self._spinner = Spinner("dots")
        self._told = 0
        self._state = ""

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show how far an execution is."""
        if self._live:
            self._live.update(drawn(progress, self._title, self._spinner, self._console.width))
        else:
            self._tell(progress)

    def _tell(self, progress: Progress) -> None:
        for phase in progress.phases[self._told :]:
            if (
                phase.exited is None or phase.records is None
            ):  # the state behind a phase counts what it has read
                break
            self._told += 1
            tasks = f"{count_text(phase.succeeded)} of {count_text(phase.total)} tasks"
            read = f"{count_text(phase.records)} records, {size_text(phase.bytes)}"
            self._line(progress, f"{phase.label}: {tasks}, {read}")
        if progress.state != self._state:
            self._state = progress.state
            self._line(progress, progress.state)

    def _line(self, progress: Progress, text: str) -> None:
        self._console.print(f"{progress.seconds:7.1f} s  {text}", highlight=False, soft_wrap=True)
