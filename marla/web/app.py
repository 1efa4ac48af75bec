"""The console's application: a stack behind pages and an API."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from flask import Flask, request

from ..stack import Stack
from . import answers, api, pages, security
from .executions import Clock, Executions

LARGEST_REQUEST = 1 << 20  # bytes; an execution's input has a quarter of that at most


def create_app(
    stack: Stack,
    secret: str,
    clock: Clock = lambda: datetime.now(UTC),
    report: pages.ReportMaker | None = None,
    is_there: Callable[[], bool] = lambda: True,
) -> Flask:
    """Return the console of a stack.

    Args:
        secret: which requests have to show; see `security`.
        clock: the time, with a time zone.
        report: makes the report of an execution, by its name; left out, `marla report`'s own.
        is_there: whether the stack is still the one that was given; nothing of another is shown.
    """
    stack = for_threads(stack)
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_REQUEST, CLOUD=cloud(stack))
    answers.install(app, stack)
    security.install(app, secret)

    @app.before_request
    def only_while_it_is_there() -> None:
        if request.endpoint != "static" and not is_there():
            raise answers.Refused(410, answers.ELSEWHERE)

    executions = Executions(stack, clock)
    app.register_blueprint(pages.blueprint(report or _report_of(stack, executions)))
    app.register_blueprint(api.blueprint(stack, executions, clock))
    return app


def cloud(stack: Stack) -> dict[str, Any]:
    """Return which cloud it is, as pages show it."""
    return {
        "name": stack.name,
        "region": stack.region,
        "local": stack.local,
        "jobBucket": stack.job_bucket,
        "stateMachine": stack.state_machine,
        "version": version("marla"),
    }


def for_threads(stack: Stack) -> Stack:
    """Return a stack whose clients are made one at a time, and once, as boto3 asks of threads."""
    lock = threading.Lock()
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        with lock:
            if service not in made:
                made[service] = stack.make_client(service)
            return made[service]

    return replace(stack, make_client=client)


def _report_of(stack: Stack, executions: Executions) -> pages.ReportMaker:
    def report(name: str) -> str:
        executions.find(name)  # so that one that there is not is refused as everywhere
        from ..report.gather import report_html  # noqa: PLC0415 - charts take their time, and few ask for them

        html: str = report_html(stack, name)
        return html

    return report
