"""The command line by itself: its grammar, the execution input that it makes, results, how numbers read."""

from __future__ import annotations

import argparse
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from marla import cli, results, view
from marla.errors import UsageError
from marla.execution import Phase, Progress
from marla.stack import Stack


def options(*arguments: str) -> argparse.Namespace:
    return cli.Grammar().parser.parse_args(["run", *arguments])


def made(*arguments: str, uris: list[str] | None = None) -> dict[str, Any]:
    given = options(*arguments)
    params = cli.parse_parameters(given.param, given.job)
    return cli.execution_input(given, params, uris or ["s3://b/x/"])


def test_job_and_input_are_all_that_is_sent_when_nothing_else_is_given() -> None:
    assert made("wordcount", "s3://b/x/") == {"job": "wordcount", "input": "s3://b/x/"}


def test_every_option_becomes_its_field() -> None:
    arguments = ["uservisits", "s3://b/x/", "--partitions", "7", "--fan-in", "2", "--split-bytes", "1MB"]
    arguments += ["--concurrency", "9", "--max-bad-records", "3", "--max-record-bytes", "2KiB"]
    arguments += ["--output", "jsonl", "--param", "prefix=4"]
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
        "output": "jsonl",
    }


def test_a_format_is_sent_with_each_input() -> None:
    arguments = ("wordcount", "a", "b", "--format", "csv", "--delimiter", ";", "--header")
    format = {"type": "csv", "delimiter": ";", "header": True}
    assert made(*arguments, uris=["s3://b/x/", "s3://b/y/"])["input"] == [
        {"uri": "s3://b/x/", "format": format},
        {"uri": "s3://b/y/", "format": format},
    ]


def test_options_of_csv_without_csv_are_refused() -> None:
    with pytest.raises(UsageError, match="--format csv"):
        made("wordcount", "a", "--header")


@pytest.mark.parametrize(("text", "value"), [("k=4", 4), ("k=1.5", 1.5), ("k=true", True), ("k=a=b", "a=b")])
def test_parameters_are_json_where_they_can_be(text: str, value: object) -> None:
    assert cli.parse_parameters([text], "a-job-that-only-the-stack-has") == {"k": value}


def test_a_parameter_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="name=value"):
        cli.parse_parameters(["prefix"], "uservisits")


def test_wrong_usage_ends_with_status_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "part-00000.csv").write_text("x")
    assert cli.main(["run", "wordcount", "x", "--out", str(tmp_path)]) == 2
    with pytest.raises(SystemExit) as exit_:
        cli.main(["run", "wordcount"])
    assert exit_.value.code == 2
    assert cli.main(["generate", "uservisits", str(tmp_path), "--size", "16 parsecs"]) == 2


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    commands = ["run", "jobs", "watch", "result", "local", "generate"]
    local = [["local", name] for name in ("start", "stop", "status", "env")]
    for command in [*([name] for name in commands), *local]:
        with pytest.raises(SystemExit) as exit_:
            cli.main([*command, "--help"])
        assert exit_.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 2


def test_every_option_has_help() -> None:
    parsers = [cli.Grammar().parser]
    for parser in parsers:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
            elif action.dest not in {"table", "dir"}:
                assert action.help, f"{parser.prog}: {action.dest}"


def test_jobs_are_listed_with_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["jobs", "--json"]) == 0
    jobs = json.loads(capsys.readouterr().out)
    assert {"wordcount", "uservisits"} <= jobs.keys()
    assert jobs["uservisits"]["parameters"]["prefix"]["default"] == 8
    assert all(job["description"].endswith(".") for job in jobs.values())


class FakeS3:
    """Objects by key."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Key])}

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.objects[key])


def stack_with(objects: dict[str, bytes]) -> Stack:
    return Stack("marla", "us-east-1", "arn:machine", "b", lambda service: FakeS3(objects))


def test_the_first_rows_come_from_as_many_parts_as_it_takes() -> None:
    stack = stack_with({"part-0.csv": b'a,1\n"b,c",2\n', "part-1.csv": b"d,3\n"})
    uris = ["s3://b/part-0.csv", "s3://b/part-1.csv"]
    assert results.rows(stack, uris, 3) == [["a", "1"], ["b,c", "2"], ["d", "3"]]
    assert results.rows(stack, uris, 1) == [["a", "1"]]


def test_rows_of_jsonl_are_its_values() -> None:
    stack = stack_with({"part-0.jsonl": '{"word": "한", "count": 2}\n'.encode()})
    assert results.rows(stack, ["s3://b/part-0.jsonl"], 5) == [["한", 2]]


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


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (128_000_000, "128.0 MB"), (None, "")]
)
def test_bytes_read_as_people_write_them(count: int | None, text: str) -> None:
    assert view.size_text(count) == text


def test_without_a_terminal_each_change_is_a_line() -> None:
    console = Console(file=io.StringIO(), width=80)
    progress = Progress(state="Map", phases=[Phase("Map", datetime.now(UTC))])
    with view.LiveView(console, "job") as live:
        live.show(progress)
        live.show(progress)
        phase = progress.phases[0]
        phase.exited, phase.total, phase.succeeded, phase.records, phase.bytes = phase.entered, 2, 2, 30, 400
        live.show(progress)
        live.show(progress)
    assert isinstance(console.file, io.StringIO)
    lines = [line.split("  ")[-1] for line in console.file.getvalue().splitlines()]
    assert [line.strip().removeprefix("0.0 s").strip() for line in lines] == [
        "Map",
        "Map: 2 of 2 tasks, 30 records, 400 B",
    ]
