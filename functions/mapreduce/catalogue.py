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
from .job import Job
from .sqljob import SqlJob

AnyJob = Job | SqlJob


def names() -> list[str]:
    """Return the names of all jobs: their modules', with hyphens for underscores.

    A module whose name begins with an underscore is one that jobs share.
    """
    modules = [module.name for module in pkgutil.iter_modules(jobs.__path__)]
    return sorted(name.replace("_", "-") for name in modules if not name.startswith("_"))


def find(name: str) -> type[Job] | SqlJob:
    """Return a named job: its class, or what its statements are.

    Raises UnknownJob; imports nothing outside the catalogue.
    """
    if name not in names():
        raise UnknownJob(f"job: there is no {name!r}; the jobs are {', '.join(names())}")
    module = _module(name)
    found: list[type[Job] | SqlJob] = [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, Job) and value.__module__ == module.__name__
    ]
    # A class that others in the file build on is no job of its own.
    found = [one for one in found if not any(other is not one and issubclass(other, one) for other in found)]  # type: ignore[arg-type]
    found += [value for value in vars(module).values() if isinstance(value, SqlJob)]
    file = f"jobs/{name.replace('-', '_')}.py"
    if len(found) != 1:
        defines = ", ".join(one.__name__ if isinstance(one, type) else "a SqlJob" for one in found) or "none"
        raise UnknownJob(
            f"job: {file} has to define one subclass of Job, or one SqlJob; it defines {defines}"
        )
    job = found[0]
    if isinstance(job, type):
        for method in ("map", "reduce"):
            if getattr(job, method) is getattr(Job, method):
                raise UnknownJob(f"job: {job.__name__} in {file} has no {method}")
    return job


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"jobs.{name.replace('-', '_')}")


def summary(name: str) -> str:
    """Return what a job does, in a line: the first of its class's docstring, or of a SQL job's module's."""
    job = find(name)
    documented = job if isinstance(job, type) else _module(name)
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def load(job: str | Mapping[str, Any], params: dict[str, Any]) -> AnyJob:
    """Return a job with its parameters set.

    Args:
        job: a name, or the statements of a SQL job (see SqlJob.inline).
        params: values of its parameters.

    Raises UnknownJob, InvalidQuery or InvalidParameter.
    """
    if not isinstance(job, str):
        return SqlJob.inline(job, params)
    found = find(job)
    return found(**params) if isinstance(found, type) else found.with_arguments(params)
