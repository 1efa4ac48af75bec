"""`make pipelines`: writes the catalogue's chains of jobs into the state machine's definition.

The coordinator knows by this table what the stages of a named job are; it asks no Lambda function.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from mapreduce import catalogue
from mapreduce.pipeline import Pipeline, job_options

from .errors import UsageError

DEFINITION = Path(__file__).resolve().parents[1] / "statemachine" / "mapreduce.asl.yaml"
BEGIN, END = "      pipelines:", "      # End of what `make pipelines` writes.\n"


def with_table(definition: str) -> str:
    """Return a definition with the table as the catalogue has it now. Raises ValueError if it has none."""
    before, _, after = _around_table(definition)
    table = catalogue.pipelines()
    lines = []
    for name, stages in table.items():
        lines.append(f"        {name}:\n")
        lines += [f"        - {json.dumps(stage)}\n" for stage in stages]
    return f"{before}{BEGIN}{'' if table else ' {}'}\n{''.join(lines)}{END}{after}"


def _around_table(definition: str) -> tuple[str, str, str]:
    """Return what is before, in and behind the table."""
    before, _, rest = definition.partition(BEGIN)
    table, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{DEFINITION}: has no table between {BEGIN.strip()!r} and {END.strip()!r}")
    return before, table, after


def check(name: str) -> None:
    """Raise UsageError if the definition's table has something else of a job than the catalogue has."""
    _, table, _ = _around_table(DEFINITION.read_text())
    if (yaml.safe_load(table) or {}).get(name) != _of_catalogue(name):
        raise UsageError(
            f"JOB: the state machine does not know {name} as functions/jobs/ has it: the table of chains in "
            f"{DEFINITION.parent.name}/{DEFINITION.name} is old; run `make pipelines`"
        )


def _of_catalogue(name: str) -> list[dict[str, Any]] | None:
    """Return what the table should have of a job: nothing for most of them.

    It looks at no other job, so that one that cannot be loaded keeps none from running.
    """
    job = catalogue.find(name)
    if isinstance(job, Pipeline):
        stages: list[dict[str, Any]] = json.loads(json.dumps(job.to_json(name)))
        return stages
    options = job_options(job)
    return [{"job": name, **options}] if options else None


if __name__ == "__main__":
    DEFINITION.write_text(with_table(DEFINITION.read_text()))
