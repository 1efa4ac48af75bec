from pathlib import Path

import pytest

from marla import cli, generate


@pytest.mark.parametrize("table", [name for name in generate.TABLES if name != "rankings"])
def test_a_table_is_written_as_the_function_writes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str
) -> None:
    command = ["generate", table, str(tmp_path / "cli"), "--size", "40KB", "--files", "2", "--seed", "3"]
    assert cli.main(command) == 0
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    direct = generate.TABLES[table](tmp_path / "direct", 40_000, 2, 3)
    assert [path.name for path in printed] == [path.name for path in direct]
    assert [path.read_bytes() for path in printed] == [path.read_bytes() for path in direct]


@pytest.mark.parametrize(
    ("table", "arguments", "options"),
    [
        ("uservisits", ["--urls", "5"], {"urls": 5}),
        ("text", ["--words", "5"], {"words": 5}),
        ("logs", ["--urls", "5", "--format", "common"], {"urls": 5, "format": "common"}),
        ("links", ["--urls", "5"], {"urls": 5}),
        ("terasort", ["--ascii"], {"ascii": True}),
        ("keys", ["--keys", "5", "--exponent", "1.5"], {"keys": 5, "exponent": 1.5}),
    ],
)
def test_a_table_takes_its_options(
    tmp_path: Path, table: str, arguments: list[str], options: dict[str, object]
) -> None:
    assert cli.main(["generate", table, str(tmp_path / "cli"), "--size", "40KB", *arguments]) == 0
    for path in generate.TABLES[table](tmp_path / "direct", 40_000, 1, **options):
        assert (tmp_path / "cli" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("table", "argument", "own"),
    [
        ("text", "--urls=5", "--words"),
        ("uservisits", "--words=5", "--urls"),
        ("logs", "--ascii", "--urls and --format"),
        ("terasort", "--keys=5", "--ascii"),
        ("links", "--format=common", "--urls"),
        ("keys", "--urls=5", "--keys and --exponent"),
        ("rankings", "--exponent=1", "--urls"),
    ],
)
def test_an_option_of_another_table_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str, argument: str, own: str
) -> None:
    assert cli.main(["generate", table, str(tmp_path / "new"), "--size", "40KB", argument]) == 2
    name = argument.partition("=")[0]
    assert capsys.readouterr().err == f"marla: {name}: {table} has no such option, only {own}; leave it out\n"
    assert not (tmp_path / "new").exists()


def test_pages_of_rankings_are_counted_or_fill_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["generate", "rankings", str(tmp_path / "new"), "--urls", "10", "--size", "40KB"]) == 2
    assert "--urls: rankings with --size" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert cli.main(["generate", "rankings", str(tmp_path), "--urls", "10"]) == 0
    assert len((tmp_path / "rankings-00000.csv").read_text().splitlines()) == 10


def test_all_other_tables_need_a_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for table in generate.TABLES.keys() - {"rankings"}:
        assert cli.main(["generate", table, str(tmp_path / "new")]) == 2
        assert f"--size: {table} needs the size of a file, such as 16MB" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_value_that_is_out_of_range_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["generate", "keys", str(tmp_path / "new"), "--size", "40KB", "--exponent", "4"]
    assert cli.main(command) == 2
    assert "exponent: 4.0 is out of range for this table; use 0 to 3" in capsys.readouterr().err


def test_existing_files_are_kept_on_request(tmp_path: Path) -> None:
    command = ["generate", "terasort", str(tmp_path), "--size", "40KB"]
    assert cli.main(command) == 0
    before = (tmp_path / "terasort-00000.bin").stat().st_ino
    assert cli.main([*command, "--skip-existing"]) == 0
    assert (tmp_path / "terasort-00000.bin").stat().st_ino == before
