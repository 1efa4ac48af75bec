"""Output that cannot be written is an error in one line, as any other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
@pytest.mark.parametrize("command", ["graph", "jobs"])
def test_where_no_space_is_left_the_command_fails_and_says_so(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "marla", command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert found.returncode == 1
    assert found.stderr.startswith("marla: no space is left where the output goes")
    assert found.stderr.count("\n") == 1
