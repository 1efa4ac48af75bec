"""The benchmark in small: no numbers that mean anything, but every result is checked."""

import json
import os
import subprocess
import sys
from pathlib import Path

from marla.local.cloud import ROOT

STEPS = ["workers", "end_to_end", "growth", "catalogue"]


def test_the_benchmark_measures_and_reports(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--no-peers", "--only", ",".join(STEPS)],
        cwd=ROOT,
        env=os.environ | {"MARLA_BENCH_HOME": str(tmp_path)},
        check=True,
    )
    for step in STEPS:
        report = json.loads((tmp_path / "results" / f"{step}.json").read_text())
        assert report["figures"]
        assert all(run > 0 for figure in report["figures"] for run in figure["runs"])
