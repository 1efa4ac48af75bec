"""The picture of a state machine as SVG, plain or with how far an execution is.

A state, and a Map or Parallel likewise, whose children come behind it in the document and not in its group:

    <g class="state type-map is-succeeded" id="marla-s7" data-state="Map" data-type="Map" role="button"
       tabindex="0" aria-label="Map: succeeded, 23 of 23 tasks, 1.2 s">
      <title/> <rect class="box"/> <text class="name"/> <text class="type"/>
      <text class="count"/> <text class="time"/> <g class="badge"><circle/> <text class="mark"/></g>
      <text class="visits"/>
    </g>

A live page changes the class of `g` that begins with `is-`, its `aria-label`, and what the texts of the
classes mark, count, time and visits say; all of that is what `status.StateStatus` gives. Its looks are in
`style`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape

from .definition import Edge
from .definition import Graph as _Graph
from .layout import DOT, END, HEIGHT, START, Box, Picture, Route, label_of, layout
from .paths import HEAD, Path, Point
from .status import StateStatus
from .style import STYLE

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
# No XML has these, however they are written.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render(
    graph: _Graph,
    overlay: Mapping[str, StateStatus] | None = None,
    *,
    prefix: str = "marla",
    title: str = "State machine",
    interactive: bool = False,
) -> str:
    """Return the picture of a graph: one element `svg`, for a page or as a file.

    Args:
        overlay: how far states are, by name; those that it leaves out are idle. None for the machine itself.
        prefix: begins every id in it; two pictures on a page have two.
        title: what it is, for those who do not see it.
        interactive: whether states can be focused and pressed, as buttons.
    """
    prefix = _UNSAFE.sub("-", prefix)
    picture = layout(graph)
    width, height = _number(picture.width), _number(picture.height)
    kind = "has-statuses" if overlay is not None else "is-plain"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="marla-graph {kind}" id="{prefix}" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="{"group" if interactive or overlay is not None else "img"}" aria-label="{_text(title)}">',
        f"<title>{_text(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="canvas" width="{width}" height="{height}"/>',
        *_circles(picture),
    ]
    # Containers first, then the edges in and between them, then what stands on the edges.
    boxes = list(enumerate(picture.boxes))
    holders = [(i, box) for i, box in boxes if box.node.inner]
    leaves = [(i, box) for i, box in boxes if not box.node.inner]
    lines += [_state(box, overlay, f"{prefix}-s{i}", interactive) for i, box in holders]
    lines += [_edge(route) for route in picture.routes]
    lines += [_state(box, overlay, f"{prefix}-s{i}", interactive) for i, box in leaves]
    lines += [label for route in picture.routes for label in _edge_label(route)]
    return "\n".join([*lines, "</svg>"]) + "\n"


# ---- states ------------------------------------------------------------------------------------------------


def _state(box: Box, overlay: Mapping[str, StateStatus] | None, id: str, interactive: bool) -> str:
    node, rect = box.node, box.rect
    status = (overlay or {}).get(node.name, StateStatus())
    texts = status.texts() if overlay is not None else StateStatus().texts()
    label = status.label(node.name) if overlay is not None else f"{node.name}: {node.type}"
    focus = 'role="button" tabindex="0"' if interactive else 'role="img"'
    about = node.name + (f"\n{node.comment}" if node.comment else "")
    kind = node.type + (" ↻" if node.retries else "")
    radius = HEIGHT / 2 if node.type == "Choice" else 6
    left, right = _number(rect.x + 12), _number(rect.right - 12)
    middle = _number(rect.middle.x)
    first, second = _number(rect.y + 19), _number(rect.y + 35)
    if node.inner:
        name = f'<text class="name" x="{left}" y="{first}">{_text(node.name)}</text>'
        count = f'<text class="count" x="{right}" y="{first}" text-anchor="end">{texts["count"]}</text>'
    else:
        name = f'<text class="name" x="{middle}" y="{first}" text-anchor="middle">{_text(node.name)}</text>'
        count = f'<text class="count" x="{right}" y="{second}" text-anchor="end">{texts["count"]}</text>'
    plain = overlay is None and not node.inner
    at = f'x="{middle}" text-anchor="middle"' if plain else f'x="{left}"'
    return (
        f'<g class="state type-{_UNSAFE.sub("-", node.type.lower())} is-{status.status}" id="{id}" '
        f'data-state="{_text(node.name)}" data-type="{_text(node.type)}" {focus} aria-label="{_text(label)}">'
        f"<title>{_text(about)}</title>"
        f'<rect class="box" x="{_number(rect.x)}" y="{_number(rect.y)}" width="{_number(rect.width)}" '
        f'height="{_number(rect.height)}" rx="{_number(radius)}"/>'
        f'{name}<text class="type" {at} y="{second}">{_text(kind)}</text>{count}'
        f'<text class="time" x="{right}" y="{second}" text-anchor="end">{texts["time"]}</text>'
        f"{_badge(Point(rect.x + 4, rect.y + 3), texts['mark'])}"
        f"{_visits(Point(rect.right - 4, rect.y - 5), texts['visits'])}</g>"
    )


def _badge(middle: Point, mark: str) -> str:
    x, y = _number(middle.x), _number(middle.y)
    return (
        f'<g class="badge"><circle cx="{x}" cy="{y}" r="8.5"/>'
        f'<text class="mark" x="{x}" y="{_number(middle.y + 4)}" text-anchor="middle">{mark}</text></g>'
    )


def _visits(end: Point, text: str) -> str:
    x, y = _number(end.x), _number(end.y)
    return f'<text class="visits" x="{x}" y="{y}" text-anchor="end">{text}</text>'


# ---- edges -------------------------------------------------------------------------------------------------


def _edge(route: Route) -> str:
    edge = route.edge
    source = "" if edge.source == START else _text(edge.source)
    target = "" if edge.target == END else _text(edge.target)
    return (
        f'<g class="edge is-{edge.kind}" data-from="{source}" data-to="{target}">'
        f"<title>{_text(_about(edge))}</title>"
        f'<path d="{_d(route.path)}"/><path class="head" d="{_head(route.path)}"/></g>'
    )


def _about(edge: Edge) -> str:
    source = "Start" if edge.source == START else edge.source
    target = "End" if edge.target == END else edge.target
    why = {"catch": "on the error ", "default": "otherwise"}.get(edge.kind, "")
    said = f"{why}{edge.label}"
    return f"{source} → {target}" + (f": {said}" if said else "")


def _edge_label(route: Route) -> Iterator[str]:
    if text := label_of(route.edge):
        x, y = _number(route.label.x), _number(route.label.y + 3)
        yield f'<text class="label" x="{x}" y="{y}" text-anchor="{route.anchor}">{_text(text)}</text>'


def _d(path: Path) -> str:
    steps = [
        ("L" if len(step) == 1 else "C") + " ".join(f"{_number(p.x)},{_number(p.y)}" for p in step)
        for step in path.steps
    ]
    return f"M{_number(path.start.x)},{_number(path.start.y)}" + "".join(steps)


def _head(path: Path) -> str:
    """Return the head of an arrow; it points along an axis."""
    last, tip = path.steps[-1][-1], path.tip
    wide = HEAD / 2
    if abs(tip.x - last.x) > abs(tip.y - last.y):
        back = tip.x - HEAD if tip.x > last.x else tip.x + HEAD
        corners = [(back, tip.y - wide), (back, tip.y + wide)]
    else:
        corners = [(tip.x - wide, tip.y - HEAD), (tip.x + wide, tip.y - HEAD)]
    (ax, ay), (bx, by) = corners
    return f"M{_number(tip.x)},{_number(tip.y)}L{_number(ax)},{_number(ay)}L{_number(bx)},{_number(by)}Z"


def _circles(picture: Picture) -> Iterator[str]:
    for kind, middle in (("start", picture.start), ("end", picture.end)):
        if middle is not None:
            x, y, radius = _number(middle.x), _number(middle.y), _number(DOT / 2 - 1)
            inner = f'<circle class="dot" cx="{x}" cy="{y}" r="{_number(DOT / 2 - 6)}"/>'
            yield (
                f'<g class="terminal {kind}"><title>{kind.capitalize()}</title>'
                f'<circle cx="{x}" cy="{y}" r="{radius}"/>{inner if kind == "end" else ""}</g>'
            )


# ---- texts -------------------------------------------------------------------------------------------------


def _number(value: float) -> str:
    """Return a length as short as it can be said: two machines with one definition get the same bytes."""
    return f"{value:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", text))
