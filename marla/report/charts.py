"""The charts of what steps did, as Vega-Lite specifications."""

from __future__ import annotations

from ..view import size_text
from .balance import Balance
from .look import AXIS, IS_NARROW, Spec, sized, step_axis
from .memory import Headroom
from .steps import SPANS, Step
from .words import percent_text, seconds_text, short_count

SPAN_NAMES = {
    "waiting": ("Waiting for a worker", "@grey"),
    "starting": ("Cold start", "@sky"),
    "reading": ("Until the first byte", "@orange"),
    "computing": ("Reading and computing", "@blue"),
    "writing": ("Writing the end", "@green"),
}

_TEXT = 66  # pixels for what is written behind the longest bar


def flow(steps: list[Step], what: str) -> Spec:
    """Return the chart of what each step read and wrote; `what` is records or bytes."""
    text = size_text if what == "bytes" else short_count
    values = [
        {"step": step.name, "way": way, "n": count, "text": text(count)}
        for step in steps
        for way, count in (
            ("read", getattr(step, f"{what}_in")),
            ("written", getattr(step, f"{what}_out")),
        )
    ]
    ways = {"domain": ["read", "written"], "range": ["@blue", "@orange"]}
    across = {
        "field": "n",
        "type": "quantitative",
        "title": None,
        "axis": None,
        "scale": {"range": [0, {"expr": f"max(10, width - {_TEXT})"}]},
    }
    return sized(len(steps) * 36) | {
        "data": {"values": values},
        "encoding": {
            "y": step_axis([step.name for step in steps]),
            "yOffset": {"field": "way", "type": "nominal", "sort": ["read", "written"]},
            "x": across,
        },
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2},
                "encoding": {
                    "color": {
                        "field": "way",
                        "type": "nominal",
                        "title": None,
                        "scale": ways,
                        "legend": {"orient": "top", "symbolType": "square"},
                    },
                    "tooltip": [
                        {"field": "step", "title": "step"},
                        {"field": "way", "title": "what"},
                        {"field": "text", "title": what},
                    ],
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "baseline": "middle", "color": "@ink"},
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }


def spans(steps: list[Step]) -> Spec:
    """Return the chart of what a task spent its time on, of each step in which one was done."""
    steps = [step for step in steps if step.spans]
    values = [
        {
            "step": step.name,
            "span": SPAN_NAMES[name][0],
            "order": order,
            "s": round(step.spans[name], 4),
            "text": seconds_text(step.spans[name]),
        }
        for step in steps
        for order, name in enumerate(SPANS)
    ]
    names = {
        "domain": [SPAN_NAMES[name][0] for name in SPANS],
        "range": [SPAN_NAMES[name][1] for name in SPANS],
    }
    return sized(len(steps) * 28) | {
        "data": {"values": values},
        "mark": {"type": "bar", "stroke": "@paper", "strokeWidth": 1},
        "encoding": {
            "y": step_axis([step.name for step in steps]),
            "x": {
                "field": "s",
                "type": "quantitative",
                "title": "seconds of a task, on average",
                "stack": "zero",
                "axis": {"tickCount": 6},
            },
            "order": {"field": "order"},
            "color": {
                "field": "span",
                "type": "nominal",
                "title": None,
                "scale": names,
                "legend": {
                    "orient": "top",
                    "symbolType": "square",
                    "columns": {"expr": f"{IS_NARROW} ? 1 : 5"},
                },
            },
            "tooltip": [
                {"field": "step", "title": "step"},
                {"field": "span", "title": "what"},
                {"field": "text", "title": "on average"},
            ],
        },
    }


def balance(of: Balance) -> Spec:
    """Return the chart of the records of a stage's partitions, with a line at an even share."""
    values = [{"p": number, "n": records} for number, records in enumerate(of.records)]
    records = {
        "field": "n",
        "type": "quantitative",
        "title": "records",
        "axis": {
            "labelExpr": "datum.value ? datum.label : '0'",
            "format": "~s",
            "tickCount": 4,
            "minExtent": AXIS,
        },
    }
    few = len(values) <= 24
    return sized(170) | {
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "bar", "color": "@blue", "binSpacing": 1},
                "encoding": {
                    "x": {
                        "field": "p",
                        "type": "ordinal",
                        "title": "partition",
                        "axis": {"labelAngle": 0, "labelOverlap": "greedy", "labels": True, "ticks": few},
                        "scale": {"paddingInner": 0.15 if len(values) <= 120 else 0},
                    },
                    "y": records,
                    "tooltip": [
                        {"field": "p", "title": "partition"},
                        {"field": "n", "title": "records", "format": ","},
                    ],
                },
            },
            {
                "data": {"values": [{"n": of.even}]},
                "mark": {"type": "rule", "color": "@ink", "strokeDash": [5, 4], "strokeWidth": 1.5},
                "encoding": {"y": records},
            },
        ],
    }


def memory(headrooms: list[Headroom]) -> Spec:
    """Return the chart of what memory each step's workers had, of what they may have."""
    values = [
        {
            "step": one.name,
            "peak": one.peak,
            "middle": one.middle,
            "limit": one.limit or None,
            "text": _used(one),
            "share": percent_text(one.share) if one.share is not None else _used(one),
        }
        for one in headrooms
    ]
    most = max((max(one.limit, one.peak) for one in headrooms), default=1)
    across = {
        "type": "quantitative",
        "title": "MB",
        "scale": {"domain": [0, most * 1.02], "nice": False},
        "axis": {"tickCount": 5},
    }
    told = [{"field": "step", "title": "step"}, {"field": "text", "title": "most"}]
    return sized(len(headrooms) * 30) | {
        "data": {"values": values},
        "transform": [{"calculate": f"{IS_NARROW} ? datum.share : datum.text", "as": "said"}],
        "encoding": {"y": step_axis([one.name for one in headrooms])},
        "layer": [
            {
                "mark": {"type": "bar", "color": "@grid", "height": {"band": 0.62}},
                "encoding": {"x": across | {"field": "limit"}, "tooltip": told},
            },
            {
                "mark": {"type": "bar", "color": "@blue", "height": {"band": 0.62}},
                "encoding": {"x": across | {"field": "peak"}, "tooltip": told},
            },
            {
                "mark": {"type": "tick", "color": "@paper", "thickness": 2, "height": {"band": 0.62}},
                "encoding": {"x": across | {"field": "middle"}},
            },
            {
                "mark": {"type": "tick", "color": "@ink", "thickness": 3, "height": {"band": 0.8}},
                "encoding": {"x": across | {"field": "limit"}, "tooltip": told},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 6, "color": "@ink", "fontWeight": 600},
                "encoding": {"x": across | {"field": "peak"}, "text": {"field": "said"}},
            },
        ],
    }


def _used(one: Headroom) -> str:
    if one.share is None:
        return f"{one.peak:,} MB"
    return f"{one.peak:,} of {one.limit:,} MB ({percent_text(one.share)})"
