"""`marla report` writes a file, all of it or nothing, and says so."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from marla import cli, files
from marla.errors import UsageError
from marla.report import command
from marla.stack import Stack
from tests.unit.fake_executions import FakeExecutions, stack_of
from tests.unit.synthetic_execution import NAME
from tests.unit.synthetic_report import attempt, report


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cloud with one execution, in whose folder the command is given."""
    stack = stack_of(FakeExecutions())
    monkeypatch.setattr(command, "connect", lambda options: stack)

    def gathered(of: Stack, execution: str) -> object:
        assert (of, execution) == (stack, NAME)
        return report([attempt(), attempt(task=1, error="Gone")])

    monkeypatch.setattr(command, "gathered", gathered)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("cloud")
def test_the_file_has_the_executions_name_and_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["report", NAME]) == 0
    assert (tmp_path / f"{NAME}.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    told = capsys.readouterr()
    assert told.out == ""
    assert "The job uservisits succeeded in 1 min 30 s: 1 task done in 2 attempts." in told.err
    assert f"Report: {NAME}.html" in told.err


@pytest.mark.usefixtures("cloud")
def test_programs_are_told_the_file_and_the_totals(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["report", NAME, "--out", str(tmp_path / "one.html"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["report"] == str(tmp_path / "one.html")
    assert (told["status"], told["seconds"]) == ("SUCCEEDED", 90.0)
    assert (told["tasks"], told["attempts"], told["failedAttempts"]) == (1, 2, 1)
    assert told["dollars"] > 0


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(
    ("out", "said"),
    [
        (".", "--out: . is a folder; give a file"),
        ("no/such/one.html", "--out: no/such is no folder; make it"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], out: str, said: str
) -> None:
    monkeypatch.setattr(command, "connect", lambda options: pytest.fail("the cloud is asked"))
    assert cli.main(["report", NAME, "--out", out]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_not_ours_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "access", lambda folder, mode: (folder, mode) != (tmp_path, os.W_OK))
    with pytest.raises(UsageError, match="cannot be written"):
        command.check_file(tmp_path / "one.html")


def test_a_report_takes_the_place_of_an_older_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "one.html"
    out.write_text("an older one")
    files.write_whole(out, "new\u2028")
    assert out.read_text(encoding="utf-8") == "new\u2028"
    assert list(tmp_path.iterdir()) == [out]
    mask = os.umask(0)
    os.umask(mask)
    assert out.stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_report_that_cannot_be_written_leaves_the_older_one(tmp_path: Path) -> None:
    out = tmp_path / "one.html"
    out.write_text("an older one")
    with pytest.raises(UnicodeEncodeError):
        files.write_whole(out, "\ud800")
    assert out.read_text() == "an older one"
    assert list(tmp_path.iterdir()) == [out]
