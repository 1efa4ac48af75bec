"""The console's pages: shells that its scripts fill from the API."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, current_app, make_response, render_template

from . import security
from .names import checked

ReportMaker = Callable[[str], str]


def blueprint(report: ReportMaker) -> Blueprint:
    """Return the pages.

    Args:
        report: makes the report of an execution, by its name.
    """
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    def executions() -> str:
        return render_template("executions.html", page="executions", cloud=current_app.config["CLOUD"])

    @pages.get("/new")
    def new() -> str:
        return render_template("new.html", page="new", cloud=current_app.config["CLOUD"])

    @pages.get("/executions/<name>")
    def execution(name: str) -> str:
        return render_template(
            "execution.html", page="execution", cloud=current_app.config["CLOUD"], name=checked(name)
        )

    @pages.get("/executions/<name>/report")
    def shown_report(name: str) -> Response:
        response = make_response(report(checked(name)))
        response.headers["Content-Security-Policy"] = security.REPORT_POLICY
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response

    return pages
