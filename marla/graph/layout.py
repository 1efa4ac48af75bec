"""Where everything in the picture of a state machine is: boxes of states, and the paths of edges.

Graphs in Maps and in branches of Parallels are laid out first; their boxes are as large as what is in them.
Lengths are in pixels, x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .columns import place
from .definition import Edge, Graph, Node
from .layers import Cell, Layers, layers_of
from .order import order
from .paths import Band, Path, Point, Rect, again, back, through

START, END = "\0start", "\0end"  # no state is named so
HEIGHT = 42.0  # of a state
HEADER = 46.0  # of one with others in it
MARGIN = 14.0
GAP = 27.0  # between two layers, at least
LABELLED_GAP = 40.0  # where there is a label between them
TURN = 20.0  # what an edge from a state to itself needs beside it
DOT = 24.0  # the circles where a machine starts and ends
NARROWEST = 132.0
NARROWEST_WORKER = 164.0  # with room for a count, such as 10,000 of 10,000
NARROWEST_CONTAINER = 210.0
LONGEST_LABEL = 26  # of an edge, in letters
LETTER = 7.7  # the mean width of a letter of a name


@dataclass(frozen=True)
class Box:
    """A state in the picture; `depth` says in how many others it is."""

    node: Node
    rect: Rect
    depth: int


@dataclass(frozen=True)
class Route:
    """An edge in the picture.

    Attributes:
        edge: with START or END for what is no state.
        label: where its label is: the middle of its line, or its `anchor`: start, middle or end.
    """

    edge: Edge
    path: Path
    label: Point
    anchor: str = "middle"


@dataclass(frozen=True)
class Picture:
    """The picture of a graph: boxes, those of containers before what is in them; routes; and both circles."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]
    start: Point | None = None
    end: Point | None = None


@lru_cache(maxsize=16)
def layout(graph: Graph) -> Picture:
    """Return the picture of a whole machine."""
    picture = _laid(graph, 0)
    moved = _moved(picture, MARGIN, MARGIN)
    return replace(moved, width=picture.width + 2 * MARGIN, height=picture.height + 2 * MARGIN)


def _laid(graph: Graph, depth: int) -> Picture:
    """Return the picture of a graph, with the circles where it is the machine itself."""
    insides = {node.name: _inside(node, depth) for node in graph.nodes if node.inner}
    ends = [] if depth else [node.name for node in graph.nodes if node.ends and node.type != "Fail"]
    edges = [Edge(START, graph.start, "next"), *graph.edges, *(Edge(name, END, "next") for name in ends)]
    # Inside a state, what it starts with has no circle above it, but for the layout's sake.
    dot = 0.0 if depth else DOT
    sizes = {START: (dot, dot)} | {node.name: _size(node, insides.get(node.name)) for node in graph.nodes}
    if ends:
        sizes[END] = (DOT, DOT)
    layers = _layers(graph, edges, sizes)
    bands = _bands(layers, sizes, edges)
    rects = {
        name: Rect(cell.x - sizes[name][0] / 2, bands[cell.rank].top, *sizes[name])
        for name, cell in layers.places.items()
    }
    routes = _routes(edges if not depth else graph.edges, layers, rects, bands)
    boxes: list[Box] = []
    for node in graph.nodes:
        rect = rects[node.name]
        boxes.append(Box(node, rect, depth))
        if node.name in insides:
            inside = insides[node.name]
            moved = _moved(inside, rect.x + (rect.width - inside.width) / 2, rect.y + HEADER)
            boxes += moved.boxes
            routes += moved.routes
    top = bands[1].top if depth else 0.0
    picture = Picture(
        max(cell.x + cell.width / 2 for row in layers.rows for cell in row),
        max([bands[-1].bottom, *(point.y for route in routes for point in route.path.points())]) - top,
        tuple(boxes),
        tuple(routes),
        None if depth else rects[START].middle,
        rects[END].middle if ends else None,
    )
    return _moved(picture, 0, -top)


def _layers(graph: Graph, edges: Sequence[Edge], sizes: dict[str, tuple[float, float]]) -> Layers:
    """Return the layers of a graph, with all cells in order and in place."""
    arrows = [(edge.source, edge.target) for edge in edges if edge.source != edge.target]
    arrows += [(START, name) for name in _unreached(graph)]
    turning = {edge.source for edge in edges if edge.source == edge.target}
    widths = {name: width + (2 * TURN if name in turning else 0) for name, (width, _) in sizes.items()}
    light = {node.name for node in graph.nodes if node.type == "Fail"}
    layers = layers_of(START, widths, arrows, light)
    order(layers)
    place(layers)
    return layers


def _unreached(graph: Graph) -> list[str]:
    """Return states from which all those are reached that the start does not lead to."""
    reached: set[str] = set()
    found = []
    for root in [graph.start, *(node.name for node in graph.nodes)]:
        if root in reached:
            continue
        if root != graph.start:
            found.append(root)
        ahead = [root]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += [edge.target for edge in graph.edges if edge.source == name]
    return found


def _size(node: Node, inside: Picture | None) -> tuple[float, float]:
    text = len(node.name) * LETTER + 32
    if inside is None:
        return max(NARROWEST_WORKER if node.invokes else NARROWEST, round(text)), HEIGHT
    width = max(NARROWEST_CONTAINER, round(text) + 60, inside.width + 2 * MARGIN)
    return width, HEADER + inside.height + MARGIN


def _inside(node: Node, depth: int) -> Picture:
    """Return what is in a Map or Parallel: its graphs, side by side."""
    boxes: tuple[Box, ...] = ()
    routes: tuple[Route, ...] = ()
    x = height = 0.0
    for inner in node.inner:
        picture = _laid(inner, depth + 1)
        moved = _moved(picture, x, 0)
        boxes += moved.boxes
        routes += moved.routes
        x += picture.width + 2 * MARGIN
        height = max(height, picture.height)
    return Picture(x - 2 * MARGIN, height, boxes, routes)


def _moved(picture: Picture, dx: float, dy: float) -> Picture:
    return replace(
        picture,
        boxes=tuple(replace(box, rect=box.rect.moved(dx, dy)) for box in picture.boxes),
        routes=tuple(
            replace(route, path=route.path.moved(dx, dy), label=route.label.moved(dx, dy))
            for route in picture.routes
        ),
        start=picture.start.moved(dx, dy) if picture.start else None,
        end=picture.end.moved(dx, dy) if picture.end else None,
    )


def _bands(layers: Layers, sizes: dict[str, tuple[float, float]], edges: Sequence[Edge]) -> list[Band]:
    """Return what each layer takes up, from the top."""
    labelled = {layers.places[edge.source].rank for edge in edges if label_of(edge)}
    bands = []
    y = 0.0
    for rank, row in enumerate(layers.rows):
        height = max([sizes[cell.name][1] for cell in row if cell.name], default=0.0)
        space = LABELLED_GAP if rank in labelled else GAP
        bands.append(Band(y, y + height, space))
        y += height + space
    return bands


def label_of(edge: Edge) -> str:
    """Return what the picture says of an edge; what a state catches would be too long."""
    return edge.label if edge.kind == "choice" and len(edge.label) <= LONGEST_LABEL else ""


# ---- edges -------------------------------------------------------------------------------------------------


def _routes(edges: Sequence[Edge], layers: Layers, rects: dict[str, Rect], bands: list[Band]) -> list[Route]:
    ports = _ports(layers, rects)
    routes = []
    for edge in edges:
        arrow = (edge.source, edge.target)
        source, target = rects[edge.source], rects[edge.target]
        if edge.source == edge.target:
            busy = [cells[0].x for cells in _lanes_at(layers, edge.source)]
            right = sum(x > source.middle.x for x in busy) <= len(busy) / 2
            label = Point(source.right if right else source.x, source.bottom + 18)
            routes.append(Route(edge, again(source, right), label))
            continue
        cells = [(cell.x, bands[cell.rank]) for cell in layers.ways[arrow]]
        if arrow in layers.loops:
            leaves, comes = ports.get((*arrow, True)), ports.get((*arrow, False))
            path = back(source, cells, target, leaves, comes)
            right = cells[0][0] > source.middle.x
            side = source.right + 6 if right else source.x - 6
            label = Point(side, (leaves or source.bottom + 8) - 8)
            routes.append(Route(edge, path, label, "start" if right else "end"))
        else:
            path = through(source, cells, target)
            (x, band), (next_x, _) = cells[:2]
            label = Point(x + 0.7 * (next_x - x), band.bottom + band.space * 0.5)
            routes.append(Route(edge, path, label))
    return routes


def _lanes_at(layers: Layers, name: str) -> list[tuple[Cell, ...]]:
    return [layers.ways[loop] for loop in sorted(layers.loops) if name in loop]


def _ports(layers: Layers, rects: dict[str, Rect]) -> dict[tuple[str, str, bool], float]:
    """Return at which y an edge that leads back is at the side of its source (True) or target (False).

    Those with a state between their lane and that side have none.
    """
    sides: dict[tuple[str, bool], list[tuple[float, tuple[str, str, bool]]]] = {}
    for arrow in sorted(layers.loops):
        lane = layers.ways[arrow]
        for cell, name, leaves in ((lane[0], arrow[0], True), (lane[-1], arrow[1], False)):
            row = layers.rows[cell.rank]
            here, there = row.index(cell), row.index(layers.places[name])
            if not any(other.name for other in row[min(here, there) + 1 : max(here, there)]):
                right = cell.x > rects[name].middle.x
                # What goes up leaves above what comes from below; near ones are inside of far ones.
                far = abs(cell.x - rects[name].middle.x)
                sides.setdefault((name, right), []).append((far if leaves else 1e6 - far, (*arrow, leaves)))
    ports = {}
    for (name, _), found in sides.items():
        rect = rects[name]
        for i, (_, key) in enumerate(sorted(found), 1):
            ports[key] = round(rect.y + min(rect.height, HEIGHT) * i / (len(found) + 1), 1)
    return ports
