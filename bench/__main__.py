"""`python -m bench`: measures, prints tables, and keeps the numbers as JSON. `make bench` runs it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace

from . import catalogue, end_to_end, growth, orchestration, page, workers
from .places import PAGE, QUICK_RESULTS, RESULTS
from .plan import FULL, QUICK
from .report import Report
from .session import Session

STEPS: dict[str, Callable[[Session], Report]] = {
    "workers": workers.run,
    "end_to_end": end_to_end.run,
    "growth": growth.run,
    "orchestration": orchestration.run,
    "catalogue": catalogue.run,
}
BUSY = 0.7  # the load of a machine on which something else goes on


def main(arguments: list[str] | None = None) -> int:
    """Run the steps that are asked for; return 0."""
    options = parse(arguments)
    plan = QUICK if options.quick else FULL
    if options.rounds:
        plan = replace(plan, rounds=options.rounds)
    results = QUICK_RESULTS if plan != FULL or not options.peers else RESULTS
    if results == RESULTS:
        page.updated(PAGE.read_text(), "")  # fails now, and not in half an hour
    load, _, _ = os.getloadavg()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    with Session(plan, say, peers=options.peers) as session:
        for step in options.only:
            start = time.monotonic()
            report = STEPS[step](session)
            report.seconds = time.monotonic() - start
            if load > BUSY:
                report.notes.append(f"Others were at work: the load was {load:.1f} when the benchmark began.")
            path = report.write(results, asdict(plan))
            print(report.markdown(), flush=True)
            say(f"{step} took {report.seconds:.0f} s; its figures are in {path}")
    if results == RESULTS:
        PAGE.write_text(page.updated(PAGE.read_text(), page.numbers(RESULTS, list(STEPS))))
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Benchmarks; see docs/benchmarks.md")
    add = parser.add_argument
    add("--only", type=_steps, default=list(STEPS), metavar="STEPS", help=f"of {','.join(STEPS)}")
    add("--quick", action="store_true", help="little data, one run: to see that it works")
    add("--no-peers", dest="peers", action="store_false", help="leave the peers out")
    add("--rounds", type=int, metavar="N", help="runs of each figure (5)")
    return parser.parse_args(arguments)


def _steps(text: str) -> list[str]:
    wanted = text.split(",")
    for step in wanted:
        if step not in STEPS:
            raise argparse.ArgumentTypeError(f"got {step!r}; the steps are {', '.join(STEPS)}")
    return [step for step in STEPS if step in wanted]


if __name__ == "__main__":
    sys.exit(main())
