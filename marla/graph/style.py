"""The looks of the picture: CSS with a light and a dark value for each colour.

A page may set them by variables of its own: --marla-canvas, --marla-ink, --marla-quiet, --marla-line,
--marla-box, and for each status as --marla-running (of lines and marks) and --marla-running-fill. Each status
has a mark and a line of its own too, so that none is told by its colour alone.
"""

from __future__ import annotations

from html import escape

# Okabe and Ito's colours, darker or lighter where they are to be read as text.
_LIGHT = {
    "canvas": "#ffffff", "ink": "#1b2330", "quiet": "#566072", "line": "#7d8797", "box": "#f7f8fa",
    "running": "#0060a8", "running-fill": "#e3f1fc",
    "succeeded": "#00714f", "succeeded-fill": "#e2f5ee",
    "failed": "#b13a00", "failed-fill": "#fdebe2",
    "caught": "#7a5a00", "caught-fill": "#fcf3d4",
    "stopped": "#8a3f70", "stopped-fill": "#f8eaf3",
}  # fmt: skip
_DARK = {
    "canvas": "#12161d", "ink": "#e6eaf1", "quiet": "#a3adbd", "line": "#76818f", "box": "#1b212b",
    "running": "#6cbcf2", "running-fill": "#10304a",
    "succeeded": "#4fd0a5", "succeeded-fill": "#0e3529",
    "failed": "#ff9a66", "failed-fill": "#46200d",
    "caught": "#f0cf5a", "caught-fill": "#3a3009",
    "stopped": "#e3a0c8", "stopped-fill": "#3b1f31",
}  # fmt: skip
STATUSES = ("running", "succeeded", "failed", "caught", "stopped")


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--g-{name}:var(--marla-{name},{value});" for name, value in colours.items())


_CSS = """
.marla-graph { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; LIGHT }
@media (prefers-color-scheme: dark) { .marla-graph { DARK } }
.marla-graph .canvas { fill: var(--g-canvas) }
.marla-graph text { fill: var(--g-ink) }
.marla-graph .box { fill: var(--g-box); stroke: var(--g-line); stroke-width: 1.2 }
.marla-graph .name { font-weight: 600 }
.marla-graph .type, .marla-graph .time, .marla-graph .count { font-size: 10.5px }
.marla-graph .type { fill: var(--g-quiet) }
.marla-graph .count, .marla-graph .time { font-variant-numeric: tabular-nums }
.marla-graph .edge path { fill: none; stroke: var(--g-line); stroke-width: 1.4 }
.marla-graph .edge.is-catch path { stroke-dasharray: 4 3 }
.marla-graph .edge path.head { fill: var(--g-line); stroke-dasharray: none; stroke-width: 1;
  stroke-linejoin: round }
.marla-graph .label, .marla-graph .visits { font-size: 10.5px; paint-order: stroke; stroke: var(--g-canvas);
  stroke-width: 4px; stroke-linejoin: round }
.marla-graph .label { fill: var(--g-quiet) }
.marla-graph .visits { font-weight: 700 }
.marla-graph .terminal circle { fill: var(--g-canvas); stroke: var(--g-line); stroke-width: 1.6 }
.marla-graph .terminal.start circle, .marla-graph .terminal .dot { fill: var(--g-line) }
.marla-graph .type-fail .box, .marla-graph .type-succeed .box { stroke-width: 2 }
.marla-graph .type-map .box, .marla-graph .type-parallel .box { fill-opacity: .55 }
.marla-graph .is-idle .badge { display: none }
.marla-graph .mark { fill: var(--g-canvas); font-size: 10px; font-weight: 700 }
.marla-graph.has-statuses .is-idle .box { stroke-dasharray: 3 3; stroke-width: 1 }
.marla-graph.has-statuses .is-idle .name { fill: var(--g-quiet); font-weight: 500 }
"""
_CSS_OF_STATUS = """
.marla-graph .is-STATUS .box { fill: var(--g-STATUS-fill); stroke: var(--g-STATUS); stroke-width: 1.8 }
.marla-graph .is-STATUS .badge circle { fill: var(--g-STATUS) }
"""
_CSS_AT_LAST = """
.marla-graph .is-failed .box, .marla-graph .is-running .box { stroke-width: 3 }
.marla-graph .is-stopped .box { stroke-dasharray: 8 3 }
.marla-graph .is-caught .box { stroke-dasharray: 2 2 }
.marla-graph [role=button] { cursor: pointer; outline: none }
.marla-graph [role=button]:hover .box { stroke: var(--g-ink) }
.marla-graph .state:focus-visible .box, .marla-graph .state.is-selected .box {
  stroke: var(--g-ink); stroke-width: 3.5 }
"""

# As it stands in an element `style` of an SVG.
STYLE = escape(
    _CSS.replace("LIGHT", _variables(_LIGHT)).replace("DARK", _variables(_DARK))
    + "".join(_CSS_OF_STATUS.replace("STATUS", status) for status in STATUSES)
    + _CSS_AT_LAST,
    quote=False,
)
