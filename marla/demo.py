"""`make demo`: the main job on the local cloud, from generated files to a checked result."""

from __future__ import annotations

import csv
import sys
import time
from collections import defaultdict
from pathlib import Path

from . import cli, generate
from .local.cloud import ROOT
from .view import size_text

FILES = 8
FILE_BYTES = 16_000_000
PREFIX = 8
TOP = 10


def expected(files: list[Path]) -> dict[str, float]:
    """Return the revenue of each group, computed in one pass that shares no code with MARLA."""
    revenue: defaultdict[str, float] = defaultdict(float)
    for path in files:
        with path.open() as lines:
            for line in lines:
                fields = line.split(",")
                revenue[fields[0][:PREFIX]] += float(fields[3])
    return revenue


def differences(result: dict[str, float], oracle: dict[str, float]) -> int:
    """Return how many groups are missing, too many, or differ by more than 1e-9 of their revenue."""
    return len(result.keys() ^ oracle.keys()) + sum(
        abs(result[group] - oracle[group]) > 1e-9 * oracle[group] for group in result.keys() & oracle.keys()
    )


def main() -> int:
    """Run the demo; return 0 if the result is right."""
    began = time.monotonic()
    data = ROOT / "demo-data"
    files = generate.uservisits(data, FILE_BYTES, FILES, skip_existing=True)
    size = size_text(sum(path.stat().st_size for path in files))
    print(f"Input: {FILES} files of uservisits, {size}, in {data.relative_to(ROOT)}/")

    out = ROOT / "demo-result"
    arguments = ["run", "uservisits", *map(str, files), "--param", f"prefix={PREFIX}"]
    status = cli.main([*arguments, "--out", str(out), "--overwrite"])
    if status:
        return status

    with (out / "part-00000.csv").open(newline="") as file:
        result = {group: float(revenue) for group, revenue in csv.reader(file)}
    oracle = expected(files)
    wrong = differences(result, oracle)
    total, right_total = sum(result.values()), sum(oracle.values())
    print(f"Result: {len(result):,} groups, total revenue {total:,.4f}")
    print(f"A single pass over the same files: {len(oracle):,} groups, total revenue {right_total:,.4f}")
    print("They agree, group by group." if not wrong else f"They differ in {wrong:,} groups: this is a bug.")

    print(f"\nThe {TOP} groups with the most revenue:")
    for group, revenue in sorted(result.items(), key=lambda row: -row[1])[:TOP]:
        print(f"  {group:<{PREFIX}}  {revenue:12.4f}")
    print(f"\nAll rows are in {(out / 'part-00000.csv').relative_to(ROOT)}.")
    print(f"The local cloud still runs: see `marla local env`, stop it with `{_marla()} local stop`.")
    print(f"The demo took {time.monotonic() - began:.1f} s.")
    return 1 if wrong else 0


def _marla() -> str:
    command = Path(sys.executable).with_name("marla")
    return str(command.relative_to(ROOT)) if command.is_relative_to(ROOT) else "marla"


if __name__ == "__main__":
    sys.exit(main())
