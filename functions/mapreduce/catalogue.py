"""The jobs that can be run by name: one module a job in the package `jobs`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import jobs

from .errors import UnknownJob
from .job import Job


def names() -> list[str]:
    """Return the names of all jobs: their modules', with hyphens for underscores."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(jobs.__path__))


def job_class(name: str) -> type[Job]:
    """Return the class of a named job. Raises UnknownJob; imports nothing outside the catalogue."""
    if name not in names():
        raise UnknownJob(f"job: there is no {name!r}; the jobs are {', '.join(names())}")
    file = f"jobs/{name.replace('-', '_')}.py"
    module = importlib.import_module(f"jobs.{name.replace('-', '_')}")
    found = [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, Job) and value.__module__ == module.__name__
    ]
    # A class that others in the file build on is no job of its own.
    found = [one for one in found if not any(other is not one and issubclass(other, one) for other in found)]
    if len(found) != 1:
        defines = ", ".join(one.__name__ for one in found) or "none"
        raise UnknownJob(f"job: {file} has to define one subclass of Job; it defines {defines}")
    for method in ("map", "reduce"):
        if getattr(found[0], method) is getattr(Job, method):
            raise UnknownJob(f"job: {found[0].__name__} in {file} has no {method}")
    return found[0]


def load(name: str, params: dict[str, Any]) -> Job:
    """Return a job with its parameters set. Raises UnknownJob or InvalidParameter."""
    return job_class(name)(**params)
