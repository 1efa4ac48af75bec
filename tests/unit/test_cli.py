"""The command line by itself: its grammar, the execution input that it makes, results, how numbers read."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from rich.console import Console

from marla import cli, execution, following, outcome, request, results, view
from marla.arguments import Grammar
from marla.errors import CloudError, UsageError
from marla.execution import Phase, Progress
from marla.inputs import Located
from marla.live import LiveView
from marla.stack import Stack
from marla.values import LIMITS


def asked(*arguments: str) -> request.Request:
    return request.from_options(Grammar().parse(["run", *arguments]))


def made(*arguments: str, uris: tuple[str, ...] = ("s3://b/x/",)) -> dict[str, Any]:
    return asked(*arguments).execution_input([Located("", uri) for uri in uris])


def test_job_and_input_are_all_that_is_sent_when_nothing_else_is_given() -> None:
    assert made("wordcount", "s3://b/x/") == {"job": "wordcount", "input": "s3://b/x/"}


def test_every_option_becomes_its_field() -> None:
    arguments = ["uservisits", "s3://b/x/", "--partitions", "7", "--fan-in", "2", "--split-bytes", "1MB"]
    arguments += ["--concurrency", "9", "--max-bad-records", "3", "--max-record-bytes", "2KiB"]
    arguments += ["--output", "text", "--param", "prefix=4", "--partitioning", "range"]
    arguments += ["--speculate", "--delete-intermediates"]
    assert made(*arguments) == {
        "job": "uservisits",
        "input": "s3://b/x/",
        "params": {"prefix": 4},
        "partitions": 7,
        "fanIn": 2,
        "splitBytes": 1_000_000,
        "concurrency": 9,
        "maxBadRecords": 3,
        "maxRecordBytes": 2048,
        "output": "text",
        "partitioning": "range",
        "speculate": True,
        "keepIntermediates": False,
    }


def test_a_backup_may_start_after_some_seconds() -> None:
    assert made("wordcount", "x", "--speculate", "30")["speculate"] == 30


def test_a_format_is_sent_with_each_input() -> None:
    arguments = ("wordcount", "a", "b", "--format", "csv", "--delimiter", ";", "--header")
    format = {"type": "csv", "delimiter": ";", "header": True}
    assert made(*arguments, uris=("s3://b/x/", "s3://b/y/"))["input"] == [
        {"uri": "s3://b/x/", "format": format},
        {"uri": "s3://b/y/", "format": format},
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--header"], "--header: .*give --format csv"),
        (["--format", "jsonl", "--delimiter", ";"], "--delimiter: .*the format is jsonl"),
        (
            ["--format", "csv", "--record-bytes", "9"],
            "--record-bytes: it is for fixed, but the format is csv",
        ),
        (["--record-bytes", "9"], "--record-bytes: .*or give --format fixed"),
        (["--format", "csv", "--delimiter", "ab"], "--delimiter: got 'ab'; give one character"),
        (["--format", "csv", "--quote", "ab"], "--quote: got 'ab'; give one character"),
        (["--columns", "a INT"], "--columns: got 'a INT'; it goes with --sql"),
        (["--param", "prefix"], "--param: got 'prefix'; give name=value"),
        (
            ["--param", "prefix=1", "--param", "prefix=2"],
            "--param: got 'prefix=2', and prefix before it; leave",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_with_what_to_do(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        asked("uservisits", "a", *arguments)


def test_a_tab_may_be_written_as_shells_let_it() -> None:
    made_input = made("wordcount", "a", "--format", "csv", "--delimiter", r"\t", "--quote", "")["input"]
    assert made_input["format"] == {"type": "csv", "delimiter": "\t", "quote": ""}


@pytest.mark.parametrize(
    ("arguments", "format"),
    [
        (["fixed", "--record-bytes", "12"], {"type": "fixed", "length": 12}),
        (["fixed"], {"type": "fixed"}),
        (["whole"], {"type": "whole"}),
    ],
)
def test_records_need_not_be_lines(arguments: list[str], format: dict[str, Any]) -> None:
    assert made("wordcount", "a", "--format", *arguments)["input"] == {"uri": "s3://b/x/", "format": format}


@pytest.mark.parametrize(
    ("text", "value"),
    [("k=4", 4), ("k=1.5", 1.5), ("k=true", True), ("k=a=b", "a=b"), ("k=NaN", "NaN"), ('k="4"', "4")],
)
def test_parameters_are_json_where_they_can_be(text: str, value: object) -> None:
    assert asked("a-job-that-only-the-stack-has", "x", "--param", text).params == {"k": value}


def test_a_parameter_that_is_a_text_is_one_though_it_looks_like_a_number() -> None:
    assert asked("grep", "x", "--param", "pattern=404", "--param", "invert=true").params == {
        "pattern": "404",
        "invert": True,
    }


def test_operands_and_options_may_stand_in_any_order() -> None:
    found = asked("--partitions", "2", "wordcount", "--param", "a=1", "x", "--json", "y", "--", "-z")
    assert (found.job, found.fields) == ("wordcount", {"partitions": 2})
    assert found.inputs == [("", "x"), ("", "y"), ("", "-z")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "JOB: got nothing to run"),
        (["wordcount"], "INPUT: got nothing; give what wordcount is to read"),
        (["s3://b/x/"], "JOB: got s3://b/x/, which is an input"),
        (["SELECT 1 FROM input", "x"], 'JOB: .*is no job; for a query give --sql "SELECT 1 FROM input"'),
    ],
)
def test_what_is_missing_is_told(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        asked(*arguments)


@pytest.mark.parametrize(
    ("option", "remedy"), [("--fromat", "did you mean --format?"), ("--zzz", "see `marla run --help`")]
)
def test_an_unknown_option_is_refused_with_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str], option: str, remedy: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["run", "wordcount", "x", option, "csv"])
    assert exit_.value.code == 2
    assert f"{option}: there is no such option" in (said := capsys.readouterr().err)
    assert remedy in said


@pytest.mark.parametrize(
    ("option", "value", "limits"),
    [
        ("--partitions", "0", "1 to 1000"),
        ("--partitions", "1001", "1 to 1000"),
        ("--partitions", "two", "1 to 1000"),
        ("--fan-in", "1", "2 to 1000"),
        ("--concurrency", "0", "1 to 10000"),
        ("--max-bad-records", "-1", "0 to 1000000"),
        ("--max-record-bytes", "2GB", "1 to 1000000000"),
        ("--split-bytes", "9000GB", "1 to 5497558138880"),
    ],
)
def test_numbers_that_the_state_machine_refuses_are_wrong_usage(
    capsys: pytest.CaptureFixture[str], option: str, value: str, limits: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["run", "wordcount", "x", option, value])
    assert exit_.value.code == 2
    assert f"{option}: got '{value}'; give a whole number from {limits}\n" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "901", "1.5", "wordcount"])
def test_what_is_no_time_for_a_backup_is_wrong_usage(capsys: pytest.CaptureFixture[str], value: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["run", "--speculate", value, "x"])
    assert exit_.value.code == 2
    said = capsys.readouterr().err
    assert f"--speculate: got '{value}'; give a whole number of seconds from 1 to 900, or nothing" in said


def test_limits_are_those_of_the_state_machine() -> None:
    definition = yaml.safe_load(Path("statemachine/mapreduce.asl.yaml").read_text())
    [limits] = [
        state["Assign"]["limits"]
        for state in definition["States"].values()
        if "limits" in state.get("Assign", {})
    ]
    assert {name: (one["low"], one["high"]) for name, one in limits.items()} == LIMITS


def test_more_than_a_command_takes_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["jobs", "wordcount", "more"])
    assert exit_.value.code == 2
    assert "unrecognized arguments: more" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"marla {version('marla')}\n"


def test_wrong_usage_ends_with_status_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "part-00000.csv").write_text("x")
    assert cli.main(["run", "wordcount", "x", "--out", str(tmp_path)]) == 2
    assert cli.main(["run", "wordcount"]) == 2
    with pytest.raises(SystemExit) as exit_:
        cli.main(["result"])
    assert exit_.value.code == 2
    assert cli.main(["generate", "uservisits", str(tmp_path), "--size", "16 parsecs"]) == 2


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    commands = ["run", "jobs", "watch", "result", "stop", "rm", "local", "generate"]
    local = [["local", name] for name in ("start", "stop", "status", "env")]
    for command in [*([name] for name in commands), *local]:
        with pytest.raises(SystemExit) as exit_:
            cli.main([*command, "--help"])
        assert exit_.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 2


def test_every_option_has_help() -> None:
    parsers = [Grammar().parser]
    for parser in parsers:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
            elif action.dest not in {"table", "dir"}:
                assert action.help, f"{parser.prog}: {action.dest}"


def test_a_reader_who_has_seen_enough_ends_it_quietly() -> None:
    command = [sys.executable, "-m", "marla", "jobs", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == ""
    assert process.wait(timeout=30) == 1


class FakeS3:
    """Objects by key."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Key])}

    def head_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"ContentLength": len(self.objects[Key])}

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.objects[key])


def stack_with(objects: dict[str, bytes]) -> Stack:
    return Stack("marla", "us-east-1", "arn:machine", "b", lambda service: FakeS3(objects))


def head_of(name: str, data: bytes, count: int = 10) -> results.Rows:
    return results.head(stack_with({name: data}), [f"s3://b/{name}"], count)


def test_the_first_rows_come_from_as_many_parts_as_it_takes() -> None:
    stack = stack_with({"part-0.csv": b'a,1\n"b,c",2\n', "part-1.csv": b"d,3\n"})
    uris = ["s3://b/part-0.csv", "s3://b/part-1.csv"]
    assert results.head(stack, uris, 3).rows == [["a", "1"], ["b,c", "2"], ["d", "3"]]
    assert results.head(stack, uris, 1).rows == [["a", "1"]]
    assert results.head(stack, uris, 0).rows == []


def test_rows_of_jsonl_are_its_values_under_its_names() -> None:
    found = head_of(
        "part-0.jsonl", '{"word": "한", "n": 2, "more": {"a": [null, true]}, "no": null}\n'.encode()
    )
    assert found == (["word", "n", "more", "no"], [["한", "2", '{"a": [null, true]}', ""]])


def test_rows_of_text_are_its_lines_in_one_column() -> None:
    data = '"a,b\tc\n\n한\r글\u2028\r\nlast\n'.encode()
    assert head_of("part-0.txt", data) == ([], [['"a,b\tc'], [""], ["한\r글\u2028\r"], ["last"]])
    assert head_of("part-0.txt", data, 2).rows == [['"a,b\tc'], [""]]


def test_raw_bytes_are_not_shown_but_can_be_brought() -> None:
    with pytest.raises(CloudError, match=r"s3://b/part-0\.bin: raw bytes have no rows .*--out DIR"):
        head_of("part-0.bin", b"\x00\xff")


def test_a_text_is_shown_as_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    stack = stack_with({"part-0.txt": f"[b]one  two\n\n{long}\nlast\n".encode()})
    output = {"result": ["s3://b/part-0.txt"], "columns": ["a", "b"], "counters": {"resultRecords": 4}}
    outcome.show(stack, output, 3)
    shown = capsys.readouterr()
    assert shown.out == f"[b]one  two\n\n{long}\n"
    assert shown.err == "3 of 4 rows\n"
    outcome.show(stack, output, 0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "data", "more", "shown"),
    [
        ("part-0.csv", b"a,1\n", [], [["word", "n"], ["a", "1"]]),
        ("part-0.jsonl", b'{"word": "a", "n": 1}\n', [], [["word", "n"], ["a", "1"]]),
        ("part-0.txt", b"a\t1\n" * 11, [], [["a", "1"]] * 10),
        ("part-0.bin", b"a1", [], []),
        ("part-0.csv", b"a,1\n", ["--out", "new"], []),
    ],
)
def test_a_job_shows_its_first_rows_unless_they_are_brought(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    data: bytes,
    more: list[str],
    shown: list[list[str]],
) -> None:
    output: dict[str, Any] = {"result": [f"s3://b/{name}"], "columns": ["word", "n"]}
    output["counters"] = {"resultRecords": 1}

    def follow(stack: Stack, arn: str, title: str, progress: Progress) -> None:
        progress.output = output

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "connect", lambda options, start: stack_with({name: data}))
    monkeypatch.setattr(execution, "start", lambda stack, document, name: "arn")
    monkeypatch.setattr(following, "_follow", follow)
    monkeypatch.setattr(outcome, "finish", lambda *arguments: outcome.SUCCESS)
    assert cli.main(["run", "wordcount", "s3://bucket/x/", "--cross-region", *more]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == shown


def parquet(folder: Path, query: str) -> bytes:
    path = folder / "made.parquet"
    duckdb.sql(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path.read_bytes()


def test_rows_of_parquet_are_shown_as_csv_has_them(tmp_path: Path) -> None:
    query = (
        "SELECT 'a' AS word, 1.50::DECIMAL(9, 2) AS sum, DATE '2026-01-02' AS day, NULL AS no, [1] AS list"
    )
    found = head_of("part-0.parquet", parquet(tmp_path, query))
    assert found == (["word", "sum", "day", "no", "list"], [["a", "1.50", "2026-01-02", "", "[1]"]])


def test_as_many_rows_of_parquet_as_are_asked_for(tmp_path: Path) -> None:
    data = parquet(tmp_path, "SELECT i FROM range(100000) AS t(i) ORDER BY i")
    assert head_of("part-0.parquet", data, 3).rows == [["0"], ["1"], ["2"]]


def test_parquet_too_large_to_fetch_for_a_look_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(results, "PARQUET_BYTES", 10)
    with pytest.raises(CloudError, match=r"part-0\.parquet: .* bytes are too many .*--out DIR"):
        head_of("part-0.parquet", parquet(tmp_path, "SELECT 1 AS a"))


def printed(columns: list[str], rows: list[list[str]]) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=80)
    view.table_of(console, columns, rows)
    assert isinstance(console.file, io.StringIO)
    return [line.split() for line in console.file.getvalue().splitlines()]


def test_a_table_has_names_where_there_is_one_for_each_column_and_numbers_where_not() -> None:
    assert printed(["a", "[b]"], [["1", "[bold]"]]) == [["a", "[b]"], ["1", "[bold]"]]
    assert printed(["a"], [["1", "2"]])[0] == ["column", "1", "column", "2"]
    assert printed(["a", "b"], []) == [["a", "b"]]


def test_fetching_replaces_an_earlier_result_whole(tmp_path: Path) -> None:
    (tmp_path / "part-00001.csv").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    stack = stack_with({"r/part-00000.csv": b"new"})
    assert results.fetch(stack, ["s3://b/r/part-00000.csv"], tmp_path) == [tmp_path / "part-00000.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "part-00000.csv"]


def test_a_folder_with_a_result_is_not_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "part-00000.csv").write_text("old")
    with pytest.raises(UsageError, match="--overwrite"):
        results.check_folder(tmp_path, overwrite=False)
    results.check_folder(tmp_path, overwrite=True)
    results.check_folder(tmp_path / "new", overwrite=False)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for folder in (Path("/proc/x/y"), tmp_path / "file" / "x"):
        assert cli.main(["run", "wordcount", "x", "--out", str(folder)]) == 2
        assert f"--out: {folder} cannot be written: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (128_000_000, "128.0 MB"), (None, "")]
)
def test_bytes_read_as_people_write_them(count: int | None, text: str) -> None:
    assert view.size_text(count) == text


def test_without_a_terminal_each_change_is_a_line() -> None:
    console = Console(file=io.StringIO(), width=80)
    progress = Progress(state="Map", phases=[Phase("Map", datetime.now(UTC))])
    with LiveView(console, "job") as live:
        live.show(progress)
        live.show(progress)
        phase = progress.phases[0]
        phase.exited, phase.total, phase.succeeded = phase.entered, 2, 2
        live.show(progress)  # what it has read is not counted yet
        phase.records, phase.bytes = 30, 400
        live.show(progress)
        live.show(progress)
    assert isinstance(console.file, io.StringIO)
    lines = [line.split("  ")[-1] for line in console.file.getvalue().splitlines()]
    assert [line.strip().removeprefix("0.0 s").strip() for line in lines] == [
        "Map",
        "Map: 2 of 2 tasks, 30 records, 400 B",
    ]
