"""`python -m tests.soak --jobs 200 --seed 1`: random jobs under random faults, on a local cloud of its own.

A wrong result and a hang are failures. A job that ends with an error that its faults explain is none: there
are schedules under which no job could succeed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from marla.local.cloud import LocalCloud
from tests.soak.objects import BUCKET
from tests.soak.soak import Verdict, injected, soak


def main() -> int:
    """Run the soak; return the exit status."""
    options = _options()
    numbers = [options.only] if options.only is not None else list(range(options.jobs))
    started = time.monotonic()
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="marla-soak-") as home:
        cloud = LocalCloud(Path(home), say=print)
        cloud.start({"InputBuckets": BUCKET})
        try:
            run = soak(cloud, options.seed, numbers, at_once=options.at_once, patience=options.patience)
            for verdict in run:
                verdicts.append(verdict)
                _tell(verdict, options)
        finally:
            cloud.stop()
    return _sum_up(verdicts, options.seed, time.monotonic() - started)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--jobs", type=int, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=1, help="which jobs and faults are drawn (1)")
    parser.add_argument("--only", type=int, metavar="N", help="run this one of them only, and show it")
    parser.add_argument("--at-once", type=int, default=6, metavar="N", help="jobs at the same time (6)")
    parser.add_argument(
        "--patience", type=float, default=300, metavar="SECONDS", help="after which a job is hung (300)"
    )
    return parser.parse_args()


def _tell(verdict: Verdict, options: argparse.Namespace) -> None:
    one = verdict.case
    what = f"{verdict.what}, {verdict.why}" if verdict.why else verdict.what
    what += ", resumed" if verdict.resumed else ""
    job = one.shape.request.get("job", "sql" if "sql" in one.shape.request else "stages")
    faults = " ".join(f"{kind} {count}" for kind, count in sorted(verdict.injected.items()))
    print(f"{one.number:4} {job:16} {verdict.seconds:6.1f} s  {what}  [{faults}]", flush=True)
    if verdict.what in {"wrong", "hung"} or options.only is not None:
        print(f"     input: {json.dumps(one.shape.request)}")
        print(f"     objects: {json.dumps({item.key: len(item.body) for item in one.shape.objects})}")
        print(f"     faults: {json.dumps(one.faults)}")
        print(f"     again: python -m tests.soak --seed {options.seed} --only {one.number}", flush=True)


def _sum_up(verdicts: list[Verdict], seed: int, seconds: float) -> int:
    by_verdict = Counter(verdict.what for verdict in verdicts)
    errors = Counter(verdict.why for verdict in verdicts if verdict.what == "failed")
    resumed = sum(verdict.resumed for verdict in verdicts)
    print(f"seed {seed}: {len(verdicts)} jobs in {seconds:.0f} s")
    print(
        f"  succeeded {by_verdict['succeeded']}, failed {by_verdict['failed']} (then resumed: {resumed})",
        end="",
    )
    print(f", wrong {by_verdict['wrong']}, hung {by_verdict['hung']}")
    print(
        "  failed with: "
        + (", ".join(f"{name} {count}" for name, count in errors.most_common()) or "nothing")
    )
    faults = injected(verdicts).most_common()
    print("  injected: " + (", ".join(f"{kind} {count}" for kind, count in faults) or "nothing"))
    return 1 if by_verdict["wrong"] or by_verdict["hung"] else 0


if __name__ == "__main__":
    sys.exit(main())
