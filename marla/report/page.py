"""A report as one file of HTML that needs nothing else: its style, its script and its charts are in it.

What it tells comes from data, which nobody vouches for: the template escapes all of it, and the browser is
told to run the two scripts that are here and no other, and to ask the network for nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..costs.bill import dollars
from ..execution import kind_of
from ..view import count_text, size_text
from . import charts, look, sentences, timeline_charts
from .attempts import failed_at
from .model import Report
from .steps import SPANS
from .timeline import Bar, Mark
from .words import (
    difference_text,
    moment_text,
    percent_text,
    plural,
    price_text,
    quantity_text,
    range_text,
    seconds_text,
    words_of,
)

SLOWEST = 50  # attempts that are listed
_TEMPLATES = Path(__file__).parent / "templates"
_STATUS = {
    "SUCCEEDED": ("✓", "Succeeded"),
    "FAILED": ("✕", "Failed"),
    "TIMED_OUT": ("✕", "Timed out"),
    "ABORTED": ("■", "Stopped"),
    "RUNNING": ("▶", "Running"),
}


def html_of(report: Report) -> str:
    """Return the report's page."""
    libraries, script = _script(libraries_text()), _script(_text("report.js"))
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            execution=report.execution,
            status=_STATUS.get(report.execution.status, ("", report.execution.status)),
            say=sentences,
            style=Markup(_text("report.css")),  # noqa: S704 - a file of ours
            libraries=libraries,
            script=script,
            policy=_policy([libraries, script]),
            graph=Markup(report.graph),  # noqa: S704 - escaped, where it is made
            data=_data(report),
            asked=json.dumps(report.execution.asked, indent=2, ensure_ascii=False),
            version=version("marla"),
            **_views(report),
        )
    )


@cache
def libraries_text() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script. Takes some seconds, once."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle


def _views(report: Report) -> dict[str, Any]:
    line = report.timeline
    return {
        "slowest": [_row(report, bar) for bar in line.slowest(SLOWEST)],
        "failed": [_row(report, bar) for bar in line.failed(SLOWEST)],
        "failed_attempts": line.count(Mark.FAILED),
        "spans": SPANS,
        "span_names": {name: title for name, (title, _) in charts.SPAN_NAMES.items()},
        "largest_part": max(report.costs.bill.parts.values(), default=Decimal(0)),
        "state": kind_of(report.execution.state),
    }


def _row(report: Report, bar: Bar) -> dict[str, Any]:
    """Return an attempt as a line of a table."""
    record = bar.record
    place = f"{record.partition:,}/{record.task:,}" if record.step else f"{record.task:,}"
    wrong = failed_at(record)
    first = f"s3://{record.ranges[0].bucket}/{record.ranges[0].key}" if record.ranges else ""
    return {
        "step": report.steps[bar.step].name,
        "task": place,
        "attempt": record.attempt + 1,
        "began": seconds_text(max(0, bar.begin) / 1000),
        "took": seconds_text(bar.took / 1000),
        "read": f"{plural(record.records_in, 'record')}, {size_text(record.bytes_in)}",
        "memory": f"{record.peak_memory_mib:,} MB" if record.peak_memory_mib else "",
        "marks": _marks(bar),
        "object": wrong or first,
        "more": max(record.objects, len(record.ranges)) - 1 if first and not wrong else 0,
        "error": record.error,
        "message": record.message,
    }


def _marks(bar: Bar) -> str:
    words = {
        Mark.FAILED: "✕ failed",
        Mark.BACKUP: "▲ backup",
        Mark.COLD: "cold start",
        Mark.STRAGGLER: "◆ slow",
        Mark.REUSED: "reused",
    }
    return ", ".join(word for mark, word in words.items() if mark in bar.marks)


def _data(report: Report) -> dict[str, Any]:
    """Return what the script needs to draw: specifications, the timeline's columns, colours."""
    line = report.timeline
    end = max([round(report.seconds * 1000), 1, *(bar.end for bar in line.bars)])
    unit = timeline_charts.unit_of(end)
    drawn: dict[str, look.Spec] = {}
    if line.bars:
        drawn |= {"load": timeline_charts.load(line, unit), "timeline": timeline_charts.timeline(line, unit)}
        drawn |= {f"flow-{what}": charts.flow(report.steps, what) for what in ("records", "bytes")}
        if any(step.spans for step in report.steps):
            drawn["spans"] = charts.spans(report.steps)
    drawn |= {f"balance-{number}": charts.balance(one) for number, one in enumerate(report.balances)}
    if report.headrooms:
        drawn["memory"] = charts.memory(report.headrooms)
    return {
        "charts": drawn,
        "config": look.CONFIG,
        "themes": look.THEMES,
        "unit": unit[0],
        "end": end,
        "steps": [
            {
                "name": step.name,
                "kind": step.kind,
                "from": round(step.began * 1000),
                "to": round(step.ended * 1000),
            }
            for step in report.steps
        ],
        "errors": line.errors,
        "columns": line.columns(),
    }


def _policy(scripts: list[Markup]) -> str:
    """Return the page's Content Security Policy. Styles are set by the charts too, which no hash can name."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _script(text: str) -> Markup:
    """Return a script as it may stand in HTML, which ends it at these signs wherever they are."""
    safe = text.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    return Markup(safe)  # noqa: S704 - a file of ours, or of a package that we depend on


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {
        "count": count_text,
        "size": size_text,
        "seconds": seconds_text,
        "percent": percent_text,
        "moment": moment_text,
        "plural": plural,
        "dollars": dollars,
        "quantity": quantity_text,
        "words": words_of,
        "price": price_text,
        "range": range_text,
        "difference": difference_text,
    }
    return environment
