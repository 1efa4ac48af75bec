"""How the charts of a report look: their colours, their sizes, and the axis that names steps.

A text "@name" in a specification stands for a colour of the theme, which the page puts in when it knows
whether it is light or dark; data are never looked at for that. The colours are told apart by people who are
colour-blind too (Okabe and Ito, Color Universal Design, 2008), and what they say is said by a shape or a text
as well.
"""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

AXIS = 52  # pixels for the labels at the left: the same in charts that stand one above the other
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"
THEMES = {
    "light": {
        "ink": "#1f2933",
        "quiet": "#52606d",
        "grid": "#e4e7eb",
        "paper": "#ffffff",
        "blue": "#0072b2",
        "green": "#009e73",
        "red": "#d55e00",
        "pink": "#b0558c",
        "sky": "#56b4e9",
        "orange": "#e69f00",
        "grey": "#9aa5b1",
    },
    "dark": {
        "ink": "#e4e7eb",
        "quiet": "#a8b3bf",
        "grid": "#313b47",
        "paper": "#171c22",
        "blue": "#4ba3db",
        "green": "#2bbf94",
        "red": "#f0803c",
        "pink": "#d48cb8",
        "sky": "#8fd0f7",
        "orange": "#f0b93a",
        "grey": "#6b7886",
    },
}
CONFIG: Spec = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "@quiet",
        "titleColor": "@quiet",
        "titleFontWeight": "normal",
        "gridColor": "@grid",
        "domainColor": "@grid",
        "tickColor": "@grid",
        "labelFontSize": 12,
        "titleFontSize": 12,
    },
    "legend": {"labelColor": "@ink", "labelFontSize": 12, "titleColor": "@quiet"},
    "text": {"fontSize": 12},
}

IS_NARROW = "containerSize()[0] < 460"
# A stage has a line of its own where there is little room.
_ON_TWO_LINES = {
    "labelExpr": f"{IS_NARROW} ? split(datum.label, ': ') : datum.label",
    "labelOffset": {"expr": f"{IS_NARROW} ? -7 : 0"},
}


def step_axis(names: list[str]) -> Spec:
    """Return the axis of charts with a row for each step; the names are in the order of rows."""
    return {
        "field": "step",
        "type": "nominal",
        "title": None,
        "sort": names,
        "axis": {
            "labelLimit": 190,
            **(_ON_TWO_LINES if any(": " in name for name in names) else {}),
            "ticks": False,
            "domain": False,
            "labelPadding": 8,
        },
    }


def sized(height: int) -> Spec:
    """Return what all charts have: the width of the page's column, and their height in pixels."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
    }
