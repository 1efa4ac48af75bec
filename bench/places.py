"""Where the benchmark keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path

from marla.local.cloud import ROOT

# Data, logs, and the state of its own local cloud; ignored by git.
HOME = Path(os.environ.get("MARLA_BENCH_HOME", ROOT / ".bench"))
DATA = HOME / "data"
OUTPUT = HOME / "output"
LOG = HOME / "processes.log"  # what handlers and peers say
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
RESULTS = ROOT / "bench" / "results"
QUICK_RESULTS = HOME / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
