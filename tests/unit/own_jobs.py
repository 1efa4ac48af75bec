"""Jobs that a test adds to the catalogue."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import jobs


@contextmanager
def own_jobs(folder: Path) -> Iterator[Path]:
    """Make a folder whose modules are in the catalogue too, and no longer afterwards."""
    before = set(sys.modules)
    modules = folder / "jobs"
    modules.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "__path__", [*jobs.__path__, str(modules)])
        yield modules
    for name in set(sys.modules) - before:
        if name.startswith("jobs."):
            del sys.modules[name]


TWO_INPUTS = '''
"""Not the job's docstring."""
from mapreduce import BadRecord, Csv, InvalidParameter, Job, Pipeline, SqlJob, Stage, Text, param, required


class TwoInputs(Job):
    """Put lines beside each other."""

    inputs = {"left": Text(), "right": Csv(columns=("key", "value"))}
    least: int = required(int, "how many", minimum=2)
    text: str = required(str, "any")

    def __init__(self, **params):
        super().__init__(**params)
        if not self.text.isalpha():
            raise InvalidParameter(f"params.text: got {self.text!r}; give letters")

    def map(self, record):
        yield record, 1

    def reduce(self, key, values):
        yield key, 1
'''

CHAIN_OF_TWO_INPUTS = f"""{TWO_INPUTS}

pipeline = Pipeline(
    stages=(
        Stage("first", TwoInputs, params={{"least": param("smallest"), "text": param("letters")}}),
        Stage("second", SqlJob(map="SELECT a FROM input", columns="a INT"), options={{"partitions": 1}}),
    ),
    params={{"smallest": required(int, "how many"), "letters": required(str, "any")}},
)
"""
