"""Reducers: each reduces the map outputs of some files to one result, from S3 to S3."""

from __future__ import annotations

from typing import Any

from .contest import Contender
from .jobs import JOBS, SEED, reduce_event
from .mappers import Folder
from .oracle import Oracle
from .seed.steps import halving

SEED_TREE = "seed-style, all its reducers"


def contenders(small: Folder, folder: Folder) -> dict[str, Contender]:
    """Return all that reduce a folder's map outputs, warmed with those of a small one."""
    outputs = [Oracle([file]).groups for file in folder.files]  # a map output has a row for each group
    rows, groups = sum(outputs), Oracle(folder.files).groups
    found = {}
    for name, job in JOBS.items():
        warm = reduce_event(job, small.id(name), len(small.files))
        event = reduce_event(job, folder.id(name), len(folder.files))
        found[name] = Contender("reducer", warm, [event], rows, groups)
    (warm,), tree = _seed_events(small), _seed_events(folder)
    found[SEED] = Contender(
        "bench.seed.reducer", warm, tree[:1], sum(outputs[:2]), Oracle(folder.files[:2]).groups
    )
    found[SEED_TREE] = Contender("bench.seed.reducer", warm, tree, rows, groups)
    return found


def _seed_events(folder: Folder) -> list[dict[str, Any]]:
    """Return the events of all the reducers that seed-style workers need, two outputs each."""
    keys = [folder.seed_output(task) for task in range(len(folder.files))]
    steps = halving(keys, f"seed/{folder.name}/")
    return [{"bucket": folder.bucket, **task._asdict()} for step in steps for task in step]
