"""A graph in layers: which state is in which, in what order, and where edges pass between them.

The method is Sugiyama's: edges that lead back are turned, each state's layer is the longest way to it, an
edge over several layers passes through a cell of its own in each, cells are brought into an order in which
few edges cross, and last they get their x. An edge that leads back passes through cells from its source's
layer to its target's, so that it goes round what is between them and comes from the side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Arrow = tuple[str, str]
LANE = 12.0  # the width of a cell that an edge passes through
APART = 22.0  # between two states of a layer


@dataclass(eq=False)
class Cell:
    """A place in a layer: a state's, or one where an edge passes.

    Attributes:
        name: of the state; nothing where an edge passes.
        rank: the number of its layer, from the top.
        x: of its middle.
        above: what it is linked to in the layer above, and how strongly; `below` likewise.
    """

    name: str
    rank: int
    width: float
    x: float = 0.0
    above: list[tuple[Cell, float]] = field(default_factory=list)
    below: list[tuple[Cell, float]] = field(default_factory=list)


@dataclass
class Layers:
    """Cells in order, from the top and from the left.

    Attributes:
        ways: the cells that an edge goes through, from its source to its target. That of one that leads back
            begins and ends beside them: with the first of its own cells, and with the last.
        loops: the edges that lead back.
        light: states that are to make way for others, as those in which all ends.
    """

    rows: list[list[Cell]]
    ways: dict[Arrow, tuple[Cell, ...]]
    loops: set[Arrow]
    light: set[str]

    @property
    def places(self) -> dict[str, Cell]:
        """The cells of states."""
        return {cell.name: cell for row in self.rows for cell in row if cell.name}


def layers_of(start: str, widths: dict[str, float], arrows: Sequence[Arrow], light: set[str]) -> Layers:
    """Return the layers of a graph, each in the order in which its states are given, and no cell in place.

    Args:
        start: the state that all others come from.
        widths: of the states.
        arrows: from state to state, each once, and none from one to itself.
        light: as `Layers` has it.
    """
    loops = _leading_back(start, list(widths), arrows)
    forward = [arrow for arrow in arrows if arrow not in loops]
    ranks = _ranks(list(widths), forward)
    rows: list[list[Cell]] = [[] for _ in range(max(ranks.values()) + 1)]
    places = {name: Cell(name, ranks[name], width) for name, width in widths.items()}
    ways: dict[Arrow, tuple[Cell, ...]] = {}
    for source, target in forward:
        passed = [Cell("", rank, LANE) for rank in range(ranks[source] + 1, ranks[target])]
        ways[source, target] = (places[source], *passed, places[target])
        _link(ways[source, target], 1.0 if target in light else 3.0)
    for source, target in (arrow for arrow in arrows if arrow in loops):
        lane = tuple(Cell("", rank, LANE) for rank in range(ranks[target], ranks[source] + 1))
        ways[source, target] = lane[::-1]
        _link(lane, 1.0)
    for cell in [*places.values(), *(cell for way in ways.values() for cell in way if not cell.name)]:
        rows[cell.rank].append(cell)
    return Layers(rows, ways, loops, light)


def _link(way: Sequence[Cell], weight: float) -> None:
    for upper, lower in pairwise(way):
        upper.below.append((lower, weight))
        lower.above.append((upper, weight))


def _leading_back(start: str, names: list[str], arrows: Sequence[Arrow]) -> set[Arrow]:
    """Return the edges to a state that their source was reached by, going deep and in order."""
    after: dict[str, list[str]] = {name: [] for name in names}
    for source, target in arrows:
        after[source].append(target)
    back: set[Arrow] = set()
    done: set[str] = set()
    for root in [start, *names]:
        if root in done:
            continue
        path = {root: iter(after[root])}
        while path:
            name, following = next(reversed(path.items()))
            ahead = next(following, None)
            if ahead is None:
                done.add(name)
                del path[name]
            elif ahead in path:
                back.add((name, ahead))
            elif ahead not in done:
                path[ahead] = iter(after[ahead])
    return back


def _ranks(names: list[str], forward: Sequence[Arrow]) -> dict[str, int]:
    """Return the layer of each state: one below the lowest that leads to it."""
    ranks = dict.fromkeys(names, 0)
    changed = True
    while changed:  # there is no circle, so it ends
        changed = False
        for source, target in forward:
            if ranks[target] <= ranks[source]:
                ranks[target] = ranks[source] + 1
                changed = True
    return ranks
