"""The catalogue, for the form: what each job takes, reads and writes."""

from __future__ import annotations

from typing import Any

from mapreduce import catalogue
from mapreduce.errors import described

from .. import description
from ..errors import UsageError


def all_jobs() -> list[dict[str, Any]]:
    """Return the jobs of the catalogue; one whose file cannot be loaded has an `error`."""
    return [_job(name) for name in catalogue.names()]


def _job(name: str) -> dict[str, Any]:
    try:
        document = description.of(name)
    except UsageError as error:  # one job's file may hold anything; the others can be run all the same
        said = described(error.__cause__) if error.__cause__ else str(error)
        return {"name": name, "kind": "", "summary": "", "doc": "", "params": [], "inputs": [], "error": said}
    reads = document["reads"]
    return {
        "name": name,
        "kind": document["kind"],
        "summary": document["description"],
        "doc": document["details"],
        "params": [
            {"name": parameter, "required": False} | fields
            for parameter, fields in document["parameters"].items()
        ],
        "inputs": [one["name"] for one in reads if one.get("name")],
        **{field: document[field] for field in ("reads", "writes", "stages", "example") if field in document},
    }
