"""What is shown while an execution runs: a tree that fits the terminal, or lines where there is none."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.spinner import Spinner

from marla import execution
from marla.durations import clock_text, seconds_text
from marla.live import LiveView
from marla.phase import Phase
from marla.progress import Progress
from marla.tree import drawn, rate_text
from tests.unit.simulated_execution import ARN, Run, Simulation, Watched

TITLE = "Word count (wordcount-20261121-120000-abcd)"
CHAIN = [Run(0, False, (40, 24), 4, 8), Run(1, True, (9,)), Run(1, False, (9,), 2), Run(2, False, (2,))]


def shown(progress: Progress, width: int = 80, title: str = TITLE) -> list[str]:
    """The lines of the tree, without what is blank at their ends."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(drawn(progress, title, Spinner("dots"), width))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    return [line.rstrip() for line in lines]


def progress_at(watching: Watched, moment: int) -> Progress:
    """The progress after as many polls as there are moments up to this one."""
    progress = Progress()
    for at in watching.moments_from():
        execution.update(watching.stack, ARN, progress, clock=watching.clock)
        if at == moment:
            break
    return progress


def words(line: str) -> str:
    """A line without the guides of the tree and the bars."""
    return re.sub(r"\s+", " ", re.sub("[│├└─━╸╺]", "", line)).strip()


def progress_when(runs: list[Run], succeeded: int) -> Progress:
    watching, progress = Watched(Simulation(runs)), Progress()
    for _ in watching.moments_from():
        execution.update(watching.stack, ARN, progress, clock=watching.clock)
        if progress.succeeded == succeeded and progress.running:
            return progress
    raise AssertionError("it was never so")


def test_a_job_shows_its_steps_with_bars_pace_and_time_left() -> None:
    title, overall, mapping = shown(progress_when([Run(0, False, (40, 24), 4, 8)], 10))
    assert title.endswith(TITLE)
    assert re.fullmatch(r"7 % [\d:.]+( s)? 10 of 40 tasks", words(overall))
    assert "━━" in mapping
    assert re.fullmatch(r"▸ Map 10 of 40 \d:\d\d left, 1 running, 0\.\d\d/s", words(mapping))


def test_waves_of_a_map_are_one_step_with_the_tasks_so_far() -> None:
    *_, mapping = shown(progress_when([Run(0, False, (40, 24), 4, 8)], 50))
    assert words(mapping).startswith("▸ Map, wave 2 50 of 64 ")


def test_what_is_not_known_is_a_dash() -> None:
    *_, mapping = shown(progress_when([Run(0, False, (40,), 4, 8)], 0))
    assert words(mapping) == "▸ Map 0 of 40 — left, 1 running, —/s"


def test_a_step_that_is_over_says_what_it_read() -> None:
    _, _, mapping, reducing = shown(progress_when([Run(0, False, (40,), 4, 8)], 41))
    assert re.fullmatch(r"✓ Map 40 of 40 [\d:.]+( s)?, 400 records, 400 B.*", words(mapping))
    assert words(reducing).startswith("▸ Reduce step 1 1 of 20 ")


def test_between_map_runs_the_state_is_shown() -> None:
    progress = Progress()
    assert words(shown(progress)[-1]) == "▸ Starting"
    progress.state = "List input"
    assert words(shown(progress)[-1]) == "▸ List input"


def test_stages_that_are_over_are_a_line_each_and_those_to_come_are_counted() -> None:
    lines = [words(line) for line in shown(progress_when(CHAIN, 64 + 32 + 4 + 5))]
    first, second, sample, others = lines[2:]
    assert re.fullmatch(r"✓ Stage 0: 100 tasks, [\d:.]+( s)?", first)
    assert second == "Stage 1"
    assert sample.startswith("▸ Sample 5 of 9")
    assert others == "1 stage to come"


def test_of_many_stages_the_last_ones_are_shown() -> None:
    runs = [Run(stage, False, (1,)) for stage in range(9)]
    lines = [words(line) for line in shown(progress_when(runs, 14))]
    assert lines[2] == "✓ 4 stages before"
    assert [line.split(":")[0] for line in lines[3:6]] == ["✓ Stage 4", "✓ Stage 5", "✓ Stage 6"]
    assert lines[6] == "Stage 7"
    assert lines[-1] == "1 stage to come"


def test_a_step_with_failed_tasks_says_so_first_and_by_a_symbol() -> None:
    watching = Watched(Simulation([Run(0, False, (4,))], failing=2))
    progress = progress_at(watching, len(watching.simulation.moments) - 1)
    *_, mapping = shown(progress)
    assert words(mapping).startswith("✕ Map 2 of 4 1 failed, ")


@given(st.integers(0, 400), st.integers(40, 200))
def test_every_line_fits_the_terminal_at_every_moment(moment: int, width: int) -> None:
    watching = Watched(Simulation(CHAIN))
    progress = progress_at(watching, min(moment, len(watching.simulation.moments) - 1))
    assert shown(progress, width, "a title [bold]that is much longer than a line[/bold] " * 4)


def test_at_eighty_columns_large_numbers_have_room() -> None:
    progress = progress_when(CHAIN, 70)
    phase = progress.phases[-1]
    phase.total, phase.succeeded, phase.running = 12_345, 6_000, 1_000
    line = next(line for line in shown(progress) if "12,345" in line)
    assert "━" in line
    assert re.search(r"6,000 of 12,345 +\d+:\d\d:\d\d left, 1,000 running", line)


def test_a_title_is_text_and_no_markup() -> None:
    assert shown(Progress(), title="[red]x[/red] (a)")[0].endswith("[red]x[/red] (a)")


def test_without_a_terminal_the_waves_of_a_map_are_lines_that_can_be_told_apart() -> None:
    console = Console(file=io.StringIO(), width=80)
    watching, progress = Watched(Simulation([Run(0, False, (3, 2))])), Progress()
    with LiveView(console, TITLE) as live:
        for _ in watching.moments_from():
            execution.update(watching.stack, ARN, progress, clock=watching.clock)
            live.show(progress)
    assert isinstance(console.file, io.StringIO)
    lines = [line.partition(" s  ")[2] for line in console.file.getvalue().splitlines()]
    assert [line for line in lines if " tasks" in line] == [
        "Map: 3 of 3 tasks, 30 records, 30 B",
        "Map, wave 2: 2 of 2 tasks, 20 records, 20 B",
        "Reduce step 1: 3 of 3 tasks, 21 records, 21 B",
        "Reduce step 2: 2 of 2 tasks, 14 records, 14 B",
        "Reduce step 3: 1 of 1 tasks, 7 records, 7 B",
    ]
    assert lines[0] == "Plan stages"
    assert lines[-1] == "Done"


def test_a_terminal_shows_the_tree_and_leaves_nothing_behind() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, _environ={"TERM": "xterm"})
    progress = progress_when([Run(0, False, (4,))], 2)
    with LiveView(console, TITLE) as live:
        live.show(progress)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "2 of 4" in text
    assert text.endswith("\x1b[2K")  # the last line is cleared like those before it


def test_a_phase_names_its_wave_from_the_second_on() -> None:
    now = datetime.now(UTC)
    assert Phase("Map", now, wave=1).label == "Map"
    assert Phase("Map", now, wave=12).label == "Map, wave 12"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (59.94, "59.9 s"), (60, "1:00"), (125, "2:05"), (3725, "1:02:05")]
)
def test_times_read_as_a_clock_shows_them(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (99.94, "99.9 s"), (99.96, "1 min 40 s"), (3599.6, "1 h 0 min"), (3725, "1 h 2 min")],
)
def test_times_in_words_round_to_what_they_name(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.0357, "2.1/min"), (0.0007, "0.04/min"), (0.25, "0.25/s"), (3.21, "3.2/s"), (1250.4, "1,250/s")],
)
def test_rates_read_as_people_write_them(rate: float, text: str) -> None:
    assert rate_text(rate) == text
