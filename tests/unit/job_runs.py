"""Jobs of the catalogue, over objects of very different sizes that are all cut."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, NamedTuple

import pytest

from mapreduce import Job, Pipeline, SqlJob, catalogue
from tests.unit.pipeline import Outcome, run_on


class Way(NamedTuple):
    """How a job is spread over tasks."""

    split_bytes: int
    partitions: int
    fan_in: int


# Of objects_of, each split of the first two ways cuts even the object of one line.
WAYS = [Way(7, 1, 5), Way(11, 3, 2), Way(1 << 20, 1, 2)]
in_all_ways = pytest.mark.parametrize("way", WAYS, ids=str)


def objects_of(lines: list[str], end: str = "\n") -> dict[str, bytes]:
    """Lay lines into an object of one line, one of some, and one of most, whose last line has no end.

    (But for a blank one, which would be no line then.) The names are in the order of the lines.
    """
    some = 1 + len(lines) // 10
    parts = {"a.txt": lines[:1], "b/c.txt": lines[1:some], "한.txt": lines[some:]}
    objects = {key: "".join(line + end for line in part).encode() for key, part in parts.items() if part}
    if lines[-1]:
        last = max(objects)
        objects[last] = objects[last].removesuffix(end.encode())
    return objects


def text_lines(part: bytes) -> list[str]:
    """Return the lines of a result of text."""
    return part.decode().split("\n")[:-1]


def csv_rows(part: bytes) -> list[list[str]]:
    """Return the rows of a result of csv."""
    return list(csv.reader(io.StringIO(part.decode(), newline="")))


def json_rows(part: bytes) -> list[Any]:
    """Return the rows of a result of jsonl."""
    return [json.loads(line) for line in part.splitlines()]


def run_stages(
    name: str, objects: dict[str, bytes], params: dict[str, Any] | None = None, **options: Any
) -> list[Outcome]:
    """Run the stages of a pipeline one after the other, as the coordinator does."""
    found = catalogue.find(name)
    assert isinstance(found, Pipeline)
    given = params or {}
    found.check(given)
    outcomes: list[Outcome] = []
    counters: list[dict[str, int]] = []
    for stage in found.to_json(name):
        stage_params = {}
        for parameter, value in stage.get("params", {}).items():
            match value:
                case {"from": str(path)}:
                    kind, _, of_kind = path.partition(".")
                    if kind == "stages":
                        number, _, counter = of_kind.partition(".counters.")
                        stage_params[parameter] = counters[int(number)][counter]
                    elif of_kind in given:  # else the stage's own default holds
                        stage_params[parameter] = given[of_kind]
                case _:
                    stage_params[parameter] = value
        of_stage = options | {field: stage[field] for field in ("partitions",) if field in stage}
        outcome = run_on(objects, stage["job"], params=stage_params, **of_stage)
        outcomes.append(outcome)
        counters.append(
            {
                "inputRecords": sum(task["recordsIn"] for task in outcome.mapped),
                "rejects": sum(task["rejects"] for task in outcome.mapped),
            }
        )
        objects = {f"part-{number:05}": part for number, part in enumerate(outcome.parts) if part}
    return outcomes


def jobs_of_catalogue() -> dict[str, type[Job] | SqlJob]:
    """Return the jobs, and the stages of pipelines, by the names by which workers load them."""
    jobs: dict[str, type[Job] | SqlJob] = {}
    for name in catalogue.names():
        found = catalogue.find(name)
        if isinstance(found, Pipeline):
            jobs |= {f"{name}:{stage.name}": stage.job for stage in found.stages}
        else:
            jobs[name] = found
    return jobs
