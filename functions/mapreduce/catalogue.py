"""The jobs that can be run by name: one module a job in the package `jobs`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import jobs

from .errors import UnknownJob
from .job import Job, arguments_for
from .pipeline import Pipeline, job_options
from .sqljob import SqlJob

AnyJob = Job | SqlJob
SHOWN_CHARACTERS = 200  # of a name that there is not


def names() -> list[str]:
    """Return the names of all jobs: their modules', with hyphens for underscores.

    A module whose name begins with an underscore is one that jobs share.
    """
    modules = [module.name for module in pkgutil.iter_modules(jobs.__path__)]
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def find(name: str) -> type[Job] | SqlJob | Pipeline:
    """Return a named job: its class, what its statements are, or its stages.

    Raises UnknownJob; imports nothing outside the catalogue.
    """
    module = _module(name)
    pipelines = [value for value in vars(module).values() if isinstance(value, Pipeline)]
    if len(pipelines) == 1:
        for stage in pipelines[0].stages:
            _check_methods(stage.job, _file(name))
        return pipelines[0]
    classes = [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, Job) and value.__module__ == module.__name__
    ]
    # A class that others in the file build on is no job of its own.
    leaves = [
        one for one in classes if not any(other is not one and issubclass(other, one) for other in classes)
    ]
    queries = [value for value in vars(module).values() if isinstance(value, SqlJob)]
    found: list[type[Job] | SqlJob] = [*leaves, *queries]
    if pipelines or len(found) != 1:
        defined = (
            [one.__name__ for one in leaves] + ["a SqlJob"] * len(queries) + ["a Pipeline"] * len(pipelines)
        )
        raise UnknownJob(
            f"job: {_file(name)} has to define one subclass of Job, or one SqlJob, or one Pipeline; "
            f"it defines {', '.join(defined) or 'none'}"
        )
    _check_methods(found[0], _file(name))
    return found[0]


def _check_methods(job: type[Job] | SqlJob, file: str) -> None:
    """Raise UnknownJob for a class that lacks a method that every job has."""
    if isinstance(job, SqlJob):
        return
    for method in ("map", "reduce"):
        if getattr(job, method) is getattr(Job, method):
            raise UnknownJob(f"job: {job.__name__} in {file} has no {method}")


def _module(name: str) -> ModuleType:
    if name not in names():
        raise UnknownJob(f"job: there is no {_shown(name)}; the jobs are {', '.join(names())}")
    return importlib.import_module(f"jobs.{name.replace('-', '_')}")


def _shown(name: str) -> str:
    """Return a name that was given, as messages have it: a wrong one may be of any length."""
    return repr(name if len(name) <= SHOWN_CHARACTERS else name[:SHOWN_CHARACTERS] + "…")


def _file(name: str) -> str:
    return f"jobs/{name.replace('-', '_')}.py"


def summary(name: str) -> str:
    """Return what a job does, in a line: the first of its class's docstring, or of its module's."""
    job = find(name)
    documented = job if isinstance(job, type) else _module(name)
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def pipelines() -> dict[str, list[dict[str, Any]]]:
    """Return the stages of all jobs that are more to the coordinator than their name.

    They are the pipelines, and jobs of one stage with options of their own. This is the table that
    statemachine/mapreduce.asl.yaml holds, as `make pipelines` writes it.
    """
    table = {}
    for name in names():
        job = find(name)
        if isinstance(job, Pipeline):
            table[name] = job.to_json(name)
        elif options := job_options(job):
            table[name] = [{"job": name, **options}]
    return table


def load(job: str | Mapping[str, Any], params: dict[str, Any]) -> AnyJob:
    """Return a job with its parameters set.

    Args:
        job: a name, a pipeline's name with a colon and a stage's, or the statements of a SQL job (see
            SqlJob.inline).
        params: values of its parameters.

    Raises UnknownJob, InvalidQuery or InvalidParameter.
    """
    if not isinstance(job, str):
        return SqlJob.inline(job, params)
    found = of_one_stage(job)
    # First, for a name such as `self` would not get as far as the job's own check.
    arguments_for(found.parameters(), params)
    return found(**params) if isinstance(found, type) else found.with_arguments(params)


def of_one_stage(name: str) -> type[Job] | SqlJob:
    """Return a job that is no chain: a named one, or a stage of a chain. Raises UnknownJob."""
    of_pipeline, colon, of_stage = name.partition(":")
    found = find(of_pipeline)
    if not isinstance(found, Pipeline):
        if colon:
            raise UnknownJob(f"job: {of_pipeline} has no stages, so there is no {_shown(name)}")
        return found
    stages = {stage.name: stage.job for stage in found.stages}
    if of_stage not in stages:
        known = ", ".join(f"{of_pipeline}:{stage}" for stage in stages)
        raise UnknownJob(
            f"job: got {_shown(name)}, a chain of jobs that the state machine does not know as one (after "
            f"`make pipelines` and a deployment it does); or give one of its stages: {known}"
        )
    return stages[of_stage]
