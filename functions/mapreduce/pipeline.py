"""A chain of jobs that has a name: what its stages are, and how one refers to those before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .job import Job, Parameter, arguments_for
from .sqljob import SqlJob

Counter = Literal["inputRecords", "inputBytes", "rejects", "resultRecords", "resultBytes"]


@dataclass(frozen=True, slots=True)
class Reference:
    """What is known only when the coordinator comes to a stage; it puts the value in the reference's place.

    Attributes:
        path: `params.NAME` of the pipeline, or `stages.NUMBER.` and `result` (the URI of the folder of the
            stage's result), `objects` (a list of the URIs in it) or `counters.NAME`.
    """

    path: str

    def to_json(self) -> dict[str, str]:
        """Return it as it stands in an execution's input."""
        return {"from": self.path}


def param(name: str) -> Reference:
    """Refer to a parameter of the pipeline."""
    return Reference(f"params.{name}")


def counter(stage: int, name: Counter) -> Reference:
    """Refer to a counter of an earlier stage."""
    return Reference(f"stages.{stage}.counters.{name}")


def result(stage: int) -> Reference:
    """Refer to the folder of an earlier stage's result."""
    return Reference(f"stages.{stage}.result")


@dataclass(frozen=True)
class Stage:
    """A stage of a pipeline.

    Attributes:
        name: by which the catalogue finds the stage's job, behind the pipeline's name and a colon.
        job: a class, or a SqlJob.
        params: values of its parameters, or references to them.
        options: other fields of a stage in an execution's input, such as {"output": "parquet"}.
    """

    name: str
    job: type[Job] | SqlJob
    params: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pipeline:
    """A chain of jobs: the input of each stage but the first is the result of the one before.

    Attributes:
        stages: in their order.
        params: the pipeline's parameters, which stages refer to.
        example: values of parameters for the example that `marla jobs` shows; at least of required ones.
    """

    stages: tuple[Stage, ...]
    params: Mapping[str, Parameter] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Parameter]:
        """Return the declared parameters by name."""
        return dict(self.params)

    def check(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of each parameter. Raises InvalidParameter."""
        return arguments_for(self.parameters(), params)

    def to_json(self, name: str) -> list[dict[str, Any]]:
        """Return the stages as in an execution's input.

        Args:
            name: the pipeline's.
        """
        return [
            {
                "job": f"{name}:{stage.name}",
                **({"params": _plain(stage.params)} if stage.params else {}),
                **job_options(stage.job),
                **_plain(stage.options),
            }
            for stage in self.stages
        ]


def job_options(job: type[Job] | SqlJob) -> dict[str, Any]:
    """Return what the coordinator has to know of a job: fields of its stage that are not the defaults."""
    ranged = isinstance(job, type) and job.partitioning != "hash"
    return {"partitioning": "range"} if ranged else {}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.to_json() if isinstance(value, Reference) else value for name, value in values.items()
    }
