"""The parts of the benchmark that measure nothing, and the workers that are its own."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import gnu_grep, page
from bench.__main__ import STEPS, parse
from bench.figures import Figure, fit_plane, shown
from bench.idle import mapper as idle_mapper
from bench.idle import reducer as idle_reducer
from bench.oracle import Oracle, ResultError
from bench.ordered import FixedLength, Layout, Lines, Tally, check, tally
from bench.programs import start_seconds
from bench.references.bare_loop import sum_bytes, sum_text
from bench.references.jobs.count_lines import CountLines
from bench.report import Report, read
from bench.rounds import interleaved
from bench.seed.mapper import sums_of
from bench.seed.reducer import added
from bench.seed.steps import halving
from bench.sorts import GNU_SORT, Work
from bench.tables import Table
from bench.targets import Bound, Target
from mapreduce import catalogue, run
from marla import generate
from marla.local.cloud import ROOT
from tests.statemachine.stub_cloud import Cloud

# ---- figures ----------------------------------------------------------------------------------------------


def test_a_figure_is_quoted_by_its_median_and_its_spread() -> None:
    figure = Figure("514 MB", "DuckDB", "seconds", "s", (3.0, 1.0, 2.0, 10.0, 1.5))
    assert (figure.median, figure.low, figure.high) == (2.0, 1.0, 10.0)
    assert figure.cells() == ["2.00", "1.00 to 10.0", "5"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.8, "1,234,568"), (123.45, "123"), (12.345, "12.3"), (1.2345, "1.23"), (0.01234, "0.012")],
)
def test_numbers_are_shown_with_three_digits(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_plane_is_found_through_points_on_it() -> None:
    points = [(tasks, steps, 0.5 + 0.02 * tasks + 0.1 * steps) for tasks in (1, 50, 200) for steps in (1, 6)]
    assert fit_plane(points) == pytest.approx((0.5, 0.02, 0.1))


def test_points_that_never_vary_in_steps_determine_no_plane() -> None:
    with pytest.raises(ValueError, match="vary both tasks and steps"):
        fit_plane([(tasks, 1.0, 2.0 * tasks) for tasks in (1, 2, 3)])


# ---- tables and targets -----------------------------------------------------------------------------------


def test_a_table_can_be_read_as_it_stands() -> None:
    table = Table("Mappers", ["", "MB/s"], [["MARLA SQL", "200"], ["seed", "17.5"]])
    assert table.markdown().splitlines() == [
        "**Mappers**",
        "",
        "|           | MB/s |",
        "| --------- | ---: |",
        "| MARLA SQL |  200 |",
        "| seed      | 17.5 |",
    ]


@pytest.mark.parametrize(
    ("bound", "value", "reached"),
    [
        (Bound.AT_LEAST, 8.0, True),
        (Bound.AT_LEAST, 7.9, False),
        (Bound.AT_MOST, 8.0, True),
        (Bound.AT_MOST, 8.1, False),
        (Bound.BELOW, 7.9, True),
        (Bound.BELOW, 8.0, False),
    ],
)
def test_a_target_is_reached_on_the_right_side_of_its_limit(
    bound: Bound, value: float, *, reached: bool
) -> None:
    assert Target("ratio", bound, 8, value).reached is reached


def test_a_target_says_what_it_is_and_whether_it_was_reached() -> None:
    assert Target("SQL against seed", Bound.AT_LEAST, 8, 11.2, "x").cells() == [
        "SQL against seed",
        "at least 8x",
        "11.2x",
        "reached",
    ]
    assert Target("a task", Bound.BELOW, 30, 41, "ms").cells() == [
        "a task",
        "below 30 ms",
        "41.0 ms",
        "**not reached**",
    ]


# ---- rounds -----------------------------------------------------------------------------------------------


def silent(_: str) -> None:
    """Say nothing."""


def test_contenders_take_turns() -> None:
    order: list[str] = []
    contenders = {name: lambda name=name: order.append(name) for name in "ABC"}
    interleaved(contenders, 2, 60, silent)
    assert "".join(order) == "ABCABC"


def test_no_round_is_begun_that_would_end_beyond_the_budget() -> None:
    clock = itertools.count(0, 10)  # ten seconds pass between any two looks
    said: list[str] = []
    runs = interleaved({"A": lambda: 1}, 5, 45, said.append, lambda: next(clock))
    assert len(runs["A"]) == 2
    assert "2 rounds instead of 5" in said[-1]


def test_there_is_always_one_round() -> None:
    assert interleaved({"A": lambda: 1}, 5, 0, silent) == {"A": [1]}


# ---- reports ----------------------------------------------------------------------------------------------


@pytest.fixture
def report() -> Report:
    report = Report("workers", "Workers")
    report.add("mapper", "MARLA SQL", "MB/s", "MB/s", [200.0, 210.0, 190.0])
    report.tables.append(Table("Mappers", ["", "MB/s"], [["MARLA SQL", "200"]]))
    report.targets.append(Target("SQL mapper", Bound.AT_LEAST, 8, 7.5, "x"))
    report.notes.append("Not measured: none.")
    return report


def test_a_report_is_kept_as_json_with_machine_versions_and_all_runs(report: Report, tmp_path: Path) -> None:
    saved = json.loads(report.write(tmp_path, {"rounds": 3}).read_text())
    assert saved["machine"].keys() == {"cpu", "cores", "memoryGiB", "kernel", "system", "python"}
    assert saved["versions"]["peer duckdb"]
    assert saved["plan"] == {"rounds": 3}
    (figure,) = saved["figures"]
    assert (figure["median"], figure["min"], figure["max"]) == (200.0, 190.0, 210.0)
    assert figure["runs"] == [200.0, 210.0, 190.0]
    assert saved["targets"][0]["reached"] is False


def test_a_report_that_was_kept_reads_as_it_was(report: Report, tmp_path: Path) -> None:
    again = read(report.write(tmp_path, {}))
    assert again.markdown() == report.markdown()
    assert again.figures == report.figures


def test_a_report_knows_its_medians(report: Report) -> None:
    assert report.median("mapper", "MARLA SQL", "MB/s") == 200.0
    assert report.median("mapper", "nobody", "MB/s") is None


def test_the_page_takes_its_numbers_from_the_results(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path, {})
    text = f"# Benchmarks\n\n{page.BEGIN}\nold\n{page.END}\n\nThe rest.\n"
    new = page.updated(text, page.numbers(tmp_path, list(STEPS)))
    assert "| MARLA SQL |  200 |" in new
    assert "old" not in new
    assert new.startswith("# Benchmarks\n")
    assert new.endswith("\n\nThe rest.\n")


def test_a_page_without_a_place_for_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="no lines"):
        page.updated("# Benchmarks\n", "numbers")


def test_steps_are_run_in_their_order_and_unknown_ones_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(["--only", "growth,workers"]).only == ["workers", "growth"]
    assert parse([]).only == list(STEPS)
    with pytest.raises(SystemExit):
        parse(["--only", "speed"])
    assert "the steps are workers, end_to_end, growth, orchestration, catalogue" in capsys.readouterr().err


def test_a_peer_may_chatter_before_it_says_how_long_it_took_to_start() -> None:
    assert start_seconds('Using defaults\n{"startSeconds": 4.5}\n') == 4.5
    assert start_seconds("") == 0.0


# ---- the oracle -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return generate.uservisits(tmp_path_factory.mktemp("visits"), 100_000, 3)


@pytest.fixture
def result(visits: list[Path], tmp_path: Path) -> Path:
    """A right result, of the bare loop."""
    sums = sum_text("".join(path.read_text() for path in visits), 8)
    path = tmp_path / "result.csv"
    path.write_text("".join(f"{group},{revenue!r}\n" for group, revenue in sums.items()))
    return path


def test_a_right_result_passes_as_a_file_and_as_a_folder_of_parts(visits: list[Path], result: Path) -> None:
    oracle = Oracle(visits)
    oracle.check(result)
    lines = result.read_text().splitlines(keepends=True)
    folder = result.parent / "parts"
    folder.mkdir()
    (folder / "part-0.csv").write_text("".join(lines[:100]))
    (folder / "part-1.csv").write_text("".join(lines[100:]))
    oracle.check(folder)
    assert oracle.groups == len(lines)


def damaged(lines: list[str]) -> Iterator[list[str]]:
    """Yield results that are wrong in one place."""
    group, _, revenue = lines[0].partition(",")
    yield lines[1:]
    yield [*lines, lines[0]]
    yield [f"{group},{float(revenue) * (1 + 1e-8)!r}\n", *lines[1:]]
    yield [f"x{lines[0]}", *lines[1:]]


def test_a_result_that_lacks_repeats_or_changes_a_group_is_an_error(visits: list[Path], result: Path) -> None:
    oracle = Oracle(visits)
    for lines in damaged(result.read_text().splitlines(keepends=True)):
        result.write_text("".join(lines))
        with pytest.raises(ResultError):
            oracle.check(result)


# ---- sorted results ---------------------------------------------------------------------------------------

LINES = Lines(b"\t")
PAIRS = FixedLength(4, key=2)


def in_chunks(data: bytes, size: int) -> Iterator[bytes]:
    """Yield data so many bytes at a time."""
    yield from (data[start : start + size] for start in range(0, len(data), size))


@given(st.lists(st.lists(st.binary(min_size=4, max_size=4))), st.integers(1, 9))
def test_a_sorted_result_passes_however_it_is_cut_into_parts_and_chunks(
    files: list[list[bytes]], size: int
) -> None:
    expected = tally((in_chunks(b"".join(records), size) for records in files), PAIRS)
    records = sorted(itertools.chain.from_iterable(files), key=lambda record: record[:2])
    parts = [records[: len(records) // 3], records[len(records) // 3 :], []]
    counts = check([in_chunks(b"".join(part), size) for part in parts], PAIRS, expected)
    assert counts == [len(part) for part in parts]


def test_lines_are_in_order_by_the_field_before_the_first_delimiter() -> None:
    parts = [[b"a\t2\nb\t1\n"], [b"b\t0\n", b"", b"b\t0\nc", b"\n"]]
    assert check(parts, LINES, tally(parts, LINES)) == [2, 3]


WRONG = {
    "lost": [b"aa11bb22", b"cc44"],
    "doubled": [b"aa11aa11bb22", b"bb33cc44"],
    "lost and doubled": [b"aa11bb22", b"bb22cc44"],
    "changed": [b"aa11bb22", b"bb39cc44"],
    "out of place in a part": [b"bb22aa11", b"bb33cc44"],
    "out of place between parts": [b"bb22cc44", b"aa11bb33"],
    "torn": [b"aa11bb2", b"2bb33cc44"],
}


@pytest.mark.parametrize("parts", WRONG.values(), ids=list(WRONG))
@pytest.mark.parametrize("size", [3, 100])
def test_a_sorted_result_that_is_wrong_in_one_place_is_an_error(parts: list[bytes], size: int) -> None:
    expected = tally([[b"cc44aa11bb33bb22"]], PAIRS)
    assert check([[b"aa11bb22"], [b"bb33cc44"]], PAIRS, expected) == [2, 2]
    with pytest.raises(ResultError):
        check([in_chunks(part, size) for part in parts], PAIRS, expected)


def test_an_error_names_the_record_that_is_out_of_place() -> None:
    parts = [[b"a\nb\n"], [b"b\nd\n", b"e\nc\n"]]
    with pytest.raises(ResultError, match="part 1: record 3 "):
        check(parts, LINES, tally(parts, LINES))


@pytest.mark.parametrize("layout", [LINES, PAIRS])
def test_a_tally_does_not_depend_on_the_order_and_sees_what_repeats(layout: Layout) -> None:
    data = [[b"a\t1\n"], [b"b\t2\n"], [b"b\t2\n"]]
    assert tally(data, layout) == tally(data[::-1], layout)
    assert tally(data, layout) != tally([data[0], data[0], data[1]], layout)
    assert tally([], layout) == Tally(0, 0)


def test_a_partition_is_measured_against_the_mean_one() -> None:
    assert Work(1.0, 0, [10, 30, 20]).against_mean(30) == pytest.approx(1.5)


@pytest.mark.skipif(not GNU_SORT.here, reason="there is no program sort")
def test_gnu_sort_sorts_by_the_same_field(tmp_path: Path) -> None:
    files = [tmp_path / "0.txt", tmp_path / "1.txt"]
    files[0].write_bytes(b"b\t2\na b\t1\nab\t1\n")
    files[1].write_bytes(b"b\t1\n\xc3\xa9\t1\na\t9\n")
    out = tmp_path / "sorted"
    subprocess.run([*GNU_SORT.command, str(out), *map(str, files)], check=True)
    assert out.read_bytes() == b"a\t9\na b\t1\nab\t1\nb\t2\nb\t1\n\xc3\xa9\t1\n"


# ---- grep -------------------------------------------------------------------------------------------------

PATTERN = "gr[a-z]*k$"


@pytest.fixture
def text(tmp_path: Path) -> list[Path]:
    return generate.text(tmp_path, 200_000, 2)


@pytest.fixture
def hits(text: list[Path]) -> list[bytes]:
    """A right result, found line by line."""
    found = []
    for file in text:
        offset = 0
        for line in file.read_bytes().split(b"\n"):
            if re.search(PATTERN, line.decode()):
                found.append(b"s3://b/in/%s:%d:%s\n" % (file.name.encode(), offset, line))
            offset += len(line) + 1
    return found


@pytest.mark.skipif(not gnu_grep.here(), reason="there is no program grep")
def test_what_grep_finds_is_compared_line_by_line(
    text: list[Path], hits: list[bytes], tmp_path: Path
) -> None:
    out = tmp_path / "hits"
    out.write_bytes(b"".join(hits))
    gnu_grep.check(out, PATTERN, text, "s3://b/in/")
    assert len(hits) > 10
    for wrong in (hits[1:], hits[:-1], [], [*hits, hits[-1]], hits[::-1], [hits[0].upper(), *hits[1:]]):
        out.write_bytes(b"".join(wrong))
        with pytest.raises(ResultError):
            gnu_grep.check(out, PATTERN, text, "s3://b/in/")


@pytest.mark.skipif(not gnu_grep.here(), reason="there is no program grep")
def test_grep_that_finds_nothing_is_right_and_one_that_fails_is_an_error(text: list[Path]) -> None:
    assert gnu_grep.printed("[0-9]", text) == []
    with pytest.raises(ResultError, match="status 2"):
        gnu_grep.printed("gr", [text[0].with_name("missing.txt")])


def test_counting_lines_counts_them() -> None:
    assert list(run(CountLines(), ["a", "", "b"])) == [("lines", 3)]


def test_only_the_process_that_counts_lines_has_the_job_for_it() -> None:
    program = (
        "import sys; sys.path.insert(0, 'functions'); import bench.references.count_lines\n"
        "from mapreduce import catalogue; print(type(catalogue.load('count-lines', {})).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "CountLines\n"
    assert "count-lines" not in catalogue.names()


# ---- seed-style workers and references --------------------------------------------------------------------


def test_all_loops_sum_alike(visits: list[Path]) -> None:
    text = visits[0].read_text()
    sums = sums_of(text, 8)
    assert sums == sum_text(text, 8)
    assert sums == {group.decode(): revenue for group, revenue in sum_bytes(text.encode(), 8).items()}


@given(st.integers(1, 40))
def test_halving_reduces_every_output_once_and_ends_in_one_result(count: int) -> None:
    objects = {f"map/{task}": [task] for task in range(count)}
    last = "map/0"
    for step in halving(list(objects), ""):
        for task in step:
            assert len(task.keys) <= 2
            objects[task.output] = [part for key in task.keys for part in objects.pop(key)]
            last = task.output
    assert objects == {last: list(range(count))}
    assert last == "result" or count == 1


def test_reduced_sums_are_those_of_all_files(visits: list[Path]) -> None:
    total: dict[str, float] = {}
    for path in visits:
        total = added(total, sums_of(path.read_text(), 8))
    assert total == pytest.approx(sum_text("".join(path.read_text() for path in visits), 8))


# ---- idle workers -----------------------------------------------------------------------------------------


def test_the_books_of_idle_workers_balance() -> None:
    cloud = Cloud(
        buckets={"data": {"in/9.txt": 9}},
        mapper=lambda event: idle_mapper.handler(event, None),
        reducer=lambda event: idle_reducer.handler(event, None),
    )
    outcome = cloud.run(splitBytes=1, fanIn=2)
    assert outcome.status == "SUCCEEDED", outcome
    assert [len(cloud.maps), *cloud.steps()] == [9, 5, 3, 2, 1]
