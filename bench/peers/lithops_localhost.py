"""Lithops, localhost with 2 workers: map_reduce over the files, each mapped by a loop over its lines."""

import csv
import sys
from pathlib import Path

import lithops

from bench.peers.table import PREFIX

CONFIG = {
    "lithops": {"backend": "localhost", "storage": "localhost", "log_level": "ERROR", "telemetry": False},
    "localhost": {"runtime": sys.executable, "worker_processes": 2},
}


def add_up(path: str) -> dict[str, float]:
    """Map: the sums of one file."""
    sums: dict[str, float] = {}
    with Path(path).open() as lines:
        for line in lines:
            fields = line.split(",", 4)
            group = fields[0][:PREFIX]
            sums[group] = sums.get(group, 0.0) + float(fields[3])
    return sums


def merge(results: list[dict[str, float]]) -> dict[str, float]:
    """Reduce: the sums of all files."""
    total = results[0]
    for sums in results[1:]:
        for group, revenue in sums.items():
            total[group] = total.get(group, 0.0) + revenue
    return total


def main(out: str, *files: str) -> None:
    """Run the job."""
    with lithops.FunctionExecutor(config=CONFIG) as executor:
        executor.map_reduce(add_up, list(files), merge)
        sums = executor.get_result()
    with Path(out).open("w", newline="") as result:
        csv.writer(result).writerows(sums.items())


if __name__ == "__main__":
    main(*sys.argv[1:])
