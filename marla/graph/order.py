"""The order of the cells in each layer: such that few edges cross.

grandalf finds one by barycentres, as Sugiyama does; then ways and side lines are tried on either side of all
else, and single cells at all places of their layer, as long as that is better.
"""

from __future__ import annotations

from collections.abc import Sequence

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout

from .columns import spines
from .layers import APART, Cell, Layers

_ROUNDS = 6  # of mending; our own machine needs three
_BLOCKED = 3  # crossings that are as bad as a state between another and an edge that is to leave at its side

# The end of a way that leads back, and the state that it is to be beside.
Beside = dict[Cell, Cell]


class _View:
    """What grandalf asks of a vertex: its size; it leaves its place here."""

    def __init__(self, width: float) -> None:
        self.w = width
        self.h = 1.0
        self.xy = (0.0, 0.0)


def order(layers: Layers) -> None:
    """Bring the cells of each layer into an order."""
    _by_barycentres(layers)
    _mend(layers)


def _by_barycentres(layers: Layers) -> None:
    vertices = {cell: Vertex(cell) for row in layers.rows for cell in row}
    for cell, vertex in vertices.items():
        vertex.view = _View(cell.width)
    links = [(upper, lower) for upper in vertices for lower, _ in upper.below]
    for end, state in _beside(layers).items():
        # Beside the state, a way that leads back hangs from what the state hangs from.
        links += [(upper, end) for upper, _ in state.above]
    edges = [Edge(vertices[upper], vertices[lower]) for upper, lower in dict.fromkeys(links)]
    for part in Graph(list(vertices.values()), edges).C:
        sugiyama = SugiyamaLayout(part)
        sugiyama.xspace = APART
        sugiyama.init_all(roots=[vertex for vertex in part.sV if not vertex.e_in()], inverted_edges=[])
        sugiyama.draw(N=8)
    for row in layers.rows:
        row.sort(key=lambda cell: float(vertices[cell].view.xy[0]))


def _beside(layers: Layers) -> Beside:
    beside: Beside = {}
    places = layers.places
    for source, target in sorted(layers.loops):
        lane = layers.ways[source, target]
        beside[lane[0]] = places[source]
        beside[lane[-1]] = places[target]
    return beside


def _mend(layers: Layers) -> None:
    beside = _beside(layers)
    for _ in range(_ROUNDS):
        changed = False
        for way in sorted(layers.ways.values(), key=len):
            changed |= _swing(layers, [cell for cell in way if not cell.name], beside)
        for run in spines(layers)[1:]:
            changed |= _swing(layers, run, beside)
        for row in layers.rows:
            near = _positions(layers.rows[max(0, row[0].rank - 1) : row[0].rank + 2])
            for cell in list(row):
                changed |= _move(row, cell, near, beside)
        if not changed:
            return


def _swing(layers: Layers, passed: Sequence[Cell], beside: Beside) -> bool:
    """Move cells, of a layer each, to the left or right of all else, if that is better; return whether it is.

    The ends of a way that leads back go to the left or right of the states that they are to be beside.
    """
    if not passed:
        return False
    rows = [layers.rows[cell.rank] for cell in passed]
    # Crossings change between these layers, and those next to them.
    near = layers.rows[max(0, min(cell.rank for cell in passed) - 1) : max(cell.rank for cell in passed) + 2]
    around = layers.rows[max(0, near[0][0].rank - 1) : near[-1][0].rank + 2]
    kept = [list(row) for row in rows]
    least = _cost_of(near, around, beside)
    changed = False
    for right in (True, False):
        for row, cell in zip(rows, passed, strict=True):
            row.remove(cell)
            place = len(row) if right else 0
            if cell in beside:
                place = row.index(beside[cell]) + right
            row.insert(place, cell)
        cost = _cost_of(near, around, beside)
        if cost < least:
            least, changed = cost, True
            kept = [list(row) for row in rows]
    for row, cells in zip(rows, kept, strict=True):
        row[:] = cells
    return changed


def _move(row: list[Cell], cell: Cell, near: dict[Cell, int], beside: Beside) -> bool:
    """Move a cell to where in its layer it is best; return whether that is elsewhere."""
    here = row.index(cell)
    others = [other for other in row if other is not cell]
    orders = [[*others[:i], cell, *others[i:]] for i in range(len(row))]
    costs = [_cost(cells, near | {one: i for i, one in enumerate(cells)}, beside) for cells in orders]
    best = min(range(len(row)), key=lambda i: (costs[i], abs(i - here)))
    row[:] = orders[best]
    near.update({one: i for i, one in enumerate(row)})
    return best != here


def _positions(rows: list[list[Cell]]) -> dict[Cell, int]:
    return {cell: i for row in rows for i, cell in enumerate(row)}


def _cost_of(rows: list[list[Cell]], around: list[list[Cell]], beside: Beside) -> int:
    where = _positions(around)
    return sum(_cost(row, where, beside) for row in rows)


def _cost(row: list[Cell], where: dict[Cell, int], beside: Beside) -> int:
    """Return how bad the order of a layer is, the orders of its neighbours given: how many edges cross."""
    cost = 0
    for links in (
        [[where[upper] for upper, _ in cell.above] for cell in row],
        [[where[lower] for lower, _ in cell.below] for cell in row],
    ):
        for i, left in enumerate(links):
            for right in links[i + 1 :]:
                cost += sum(one > other for one in left for other in right)
    for end, state in beside.items():
        if end.rank == row[0].rank:
            low, high = sorted((where[end], where[state]))
            for cell in row[low + 1 : high]:
                cost += _BLOCKED if cell.name else cell not in beside
    return cost
