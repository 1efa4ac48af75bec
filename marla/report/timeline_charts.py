"""The charts of a timeline: how many attempts were at work when, and each of them in its lane."""

from __future__ import annotations

from .look import AXIS, Spec, sized
from .timeline import Timeline

# The colour of an attempt in the timeline, by what it is foremost.
KINDS = {"Map": "@blue", "Reduce": "@green", "Backup": "@pink", "Failed": "@red", "Reused": "@grey"}

_FEW_LANES = 12  # so few that each has a number
_LANE = 14  # pixels, if there is room for that
_LOWEST, _HIGHEST = 120, 520
_UNITS = ((3 * 3600, 3_600_000, "hours"), (600, 60_000, "minutes"), (0, 1000, "seconds"))


def unit_of(milliseconds: int) -> tuple[int, str]:
    """Return the unit in which a timeline of some length is read best: its milliseconds, and its name."""
    return next((size, name) for least, size, name in _UNITS if milliseconds / 1000 >= least)


def load(line: Timeline, unit: tuple[int, str]) -> Spec:
    """Return the chart of how many attempts were at work when. A part of it can be chosen: `brush`."""
    size, _ = unit
    return sized(64) | {
        "data": {"values": [{"t": moment / size, "n": at_work} for moment, at_work in line.load]},
        "params": [{"name": "brush", "select": {"type": "interval", "encodings": ["x"]}}],
        "mark": {"type": "area", "interpolate": "step-after", "line": {"color": "@blue"}, "opacity": 0.35},
        "encoding": {
            "x": {"field": "t", "type": "quantitative", "axis": None, "scale": {"nice": False, "zero": True}},
            "y": {
                "field": "n",
                "type": "quantitative",
                "title": "at work",
                "axis": {"tickCount": 2, "minExtent": AXIS, "maxExtent": AXIS},
            },
            "color": {"value": "@blue"},
        },
    }


def timeline(line: Timeline, unit: tuple[int, str]) -> Spec:
    """Return the chart of all attempts in their lanes, between the signals `left` and `right`.

    The page puts in its data, made of the timeline's columns: `bars` with begin b, end e, lane l, its other
    side m, kind k; `cold`, the same of cold starts; `marked` with moment x, lane y, shape s.
    """
    lane = {
        "field": "l",
        "type": "quantitative",
        "title": "workers",
        "scale": {"domain": [0, max(1, line.lanes)], "nice": False, "reverse": True},
        "axis": {
            "grid": False,
            "minExtent": AXIS,
            "maxExtent": AXIS,
            "format": ",d",
            **({"values": list(range(line.lanes + 1))} if line.lanes <= _FEW_LANES else {}),
        },
    }
    moment = {
        "type": "quantitative",
        "title": f"{unit[1]} since the start",
        "scale": {
            "domain": [{"expr": "left"}, {"expr": "right"}],
            "nice": False,
            "zero": False,
        },
    }
    kinds = {"domain": list(KINDS), "range": list(KINDS.values())}
    sides = {"x2": {"field": "e"}, "y": lane, "y2": {"field": "m"}}
    return sized(min(_HIGHEST, max(_LOWEST, line.lanes * _LANE))) | {
        "params": [{"name": "left", "value": 0}, {"name": "right", "value": 1}],
        "layer": [
            {
                "data": {"name": "bars"},
                "mark": {"type": "rect", "clip": True, "x2Offset": -0.5, "tooltip": {"content": "data"}},
                "encoding": {
                    "x": moment | {"field": "b"},
                    **sides,
                    "color": {"field": "k", "type": "nominal", "scale": kinds, "legend": None},
                },
            },
            {
                "data": {"name": "cold"},
                "mark": {"type": "rect", "clip": True, "color": "@sky"},
                "encoding": {"x": moment | {"field": "b"}, **sides},
            },
            {
                "data": {"name": "marked"},
                "mark": {
                    "type": "point",
                    "clip": True,
                    "filled": True,
                    "opacity": 1,
                    "size": 46,
                    "color": "@ink",
                    "stroke": "@paper",
                    "strokeWidth": 0.8,
                    "tooltip": {"content": "data"},
                },
                "encoding": {
                    "x": moment | {"field": "x"},
                    "y": lane | {"field": "y"},
                    "shape": {"field": "s", "type": "nominal", "scale": None, "legend": None},
                },
            },
        ],
    }
