"""The machine that is measured on, and the versions of what is measured."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PEERS = Path(__file__).with_name("requirements-peers.txt")
COMPARED = ("duckdb", "lithops", "mrjob", "polars", "pyspark")
OURS = ("boto3", "duckdb", "ministack", "moto")


def machine() -> dict[str, Any]:
    """Return processor, cores, memory, kernel and Python."""
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memoryGiB": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Return the versions of what MARLA runs on, and of its peers."""
    found = {name: metadata.version(name) for name in OURS}
    pinned = dict(line.split("==") for line in PEERS.read_text().splitlines() if "==" in line)
    found |= {f"peer {name}": pinned[name] for name in COMPARED}
    return found | {"java": _said_by("java", "-version"), "awk": _said_by("mawk", "-W", "version")}


def _said_by(command: str, *arguments: str) -> str:
    """Return the first line that a program says of its version."""
    if not shutil.which(command):
        return "none"
    said = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).partition("\n")[0]
