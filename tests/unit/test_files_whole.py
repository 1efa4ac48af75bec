"""A file that a command writes is whole or not there, and who cannot have it is told why."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from marla import cli, files
from marla.errors import UsageError
from marla.report import command
from marla.stack import Stack
from tests.unit.fake_executions import FakeExecutions, stack_of
from tests.unit.synthetic_execution import NAME
from tests.unit.synthetic_report import attempt, report

FULL = os.strerror(errno.ENOSPC)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which there is no place for what is in a temporary file."""
    opened = os.fdopen

    def full(handle: int, *given: Any, **more: Any) -> Any:
        file = opened(handle, *given, **more)

        def write(_: str) -> None:
            raise OSError(errno.ENOSPC, FULL)

        file.write = write
        return file

    monkeypatch.setattr(os, "fdopen", full)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = stack_of(FakeExecutions())
    monkeypatch.setattr(command, "connect", lambda options: stack)

    def gathered(of: Stack, execution: str) -> object:
        return report([attempt()])

    monkeypatch.setattr(command, "gathered", gathered)


@pytest.mark.parametrize("mask", [0o002, 0o077], ids=oct)
def test_a_picture_may_be_read_by_whom_the_umask_allows(tmp_path: Path, mask: int) -> None:
    out = tmp_path / "graph.svg"
    with umask(mask):
        assert cli.main(["graph", "--out", str(out)]) == 0
    assert out.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.usefixtures("full_disk")
def test_what_has_no_place_on_the_disk_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "one.html"
    out.write_text("an older one")
    with pytest.raises(UsageError, match=f"one.html cannot be written: {FULL}; give another file"):
        files.write_whole(out, "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["an older one"]


@pytest.mark.usefixtures("cloud", "full_disk")
def test_a_report_that_has_no_place_on_the_disk_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", NAME, "--out", str(tmp_path / "one.html")]) == 2
    assert FULL in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "connect", lambda options: pytest.fail("the cloud is asked"))
    assert cli.main(["report", NAME, "--out", str(tmp_path / f"{'a' * 300}.html")]) == 2
    assert os.strerror(errno.ENAMETOOLONG) in capsys.readouterr().err
