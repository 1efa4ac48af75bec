"""Where in its layer each cell is, from left to right: in upright lines, packed beside the main one."""

from __future__ import annotations

from itertools import pairwise

from .layers import APART, Cell, Layers

Block = tuple[Cell, ...]  # cells, of a layer each, with one x
_Pairs = dict[Block, list[tuple[Cell, Cell]]]
_SWEEPS = 4  # of moving blocks towards what they are linked to


def place(layers: Layers) -> None:
    """Give all cells their x, whole numbers from 0 on: no two of a layer overlap, and their order is kept."""
    blocks, order = _blocks(layers)
    of = {cell: block for block in blocks for cell in block}
    lefts: _Pairs = {block: [] for block in blocks}
    rights: _Pairs = {block: [] for block in blocks}
    for row in layers.rows:
        for one, other in pairwise(row):
            rights[of[one]].append((one, other))
            lefts[of[other]].append((one, other))
    main = blocks[0]
    placed = {main}
    for block in reversed(order[: order.index(main)]):  # what has to be left of it, from near to far
        if near := [pair for pair in rights[block] if of[pair[1]] in placed]:
            _move(block, min(other.x - _distance(one, other) for one, other in near))
            placed.add(block)
    for block in order:
        if block not in placed:
            near = [pair for pair in lefts[block] if of[pair[0]] in placed]
            _move(block, max((one.x + _distance(one, other) for one, other in near), default=0.0))
            placed.add(block)
    _relax(layers, [block for block in order if block is not main], lefts, rights)
    left = min(cell.x - cell.width / 2 for cell in of)
    for cell in of:
        cell.x = float(round(cell.x - left))


def spines(layers: Layers) -> list[Block]:
    """Return runs of states, each of which leads to the next, the main one first; each state is in one.

    Of the states that one leads to, the run goes on with that from which it is farthest to an end.
    """
    far: dict[Cell, int] = {}
    for row in reversed(layers.rows):
        for cell in row:
            far[cell] = 1 + max((far[lower] for lower, _ in cell.below), default=-1)
    runs: list[Block] = []
    taken: set[Cell] = set()
    for cell in (cell for row in layers.rows for cell in row if cell.name):
        if cell in taken:
            continue
        run = [cell]
        while following := [lower for lower, _ in run[-1].below if lower.name and lower not in taken]:
            best = max(following, key=lambda lower: (far[lower], lower.name not in layers.light, lower.width))
            if not far[best] and len(run[-1].below) > 1:
                break  # all ends here: they are to be side by side below it
            run.append(best)
            taken.add(best)
        runs.append(tuple(run))
    # The first one is the start's, unless a state that nothing leads to is as high.
    return sorted(runs, key=lambda run: far[run[0]], reverse=True)


def _move(block: Block, x: float) -> None:
    for cell in block:
        cell.x = x


def _relax(layers: Layers, blocks: list[Block], lefts: _Pairs, rights: _Pairs) -> None:
    """Move blocks towards what they are linked to, as far as neighbours let them, and none outwards."""
    loops = {layers.ways[loop]: loop for loop in layers.loops}
    places = layers.places
    leftmost = min(cell.x - cell.width / 2 for row in layers.rows for cell in row)
    rightmost = max(cell.x + cell.width / 2 for row in layers.rows for cell in row)
    for _ in range(_SWEEPS):
        for block in blocks:
            half = max(cell.width for cell in block) / 2
            low = max((a.x + _distance(a, b) for a, b in lefts[block]), default=leftmost + half)
            high = min((b.x - _distance(a, b) for a, b in rights[block]), default=rightmost - half)
            if block in loops:
                linked = [(places[name], 1.0) for name in loops[block]]
            else:
                linked = [one for cell in block for one in cell.above + cell.below if one[0] not in block]
            if linked and low <= high:
                wanted = sum(cell.x * weight for cell, weight in linked) / sum(w for _, w in linked)
                _move(block, min(max(wanted, low), high))


def _blocks(layers: Layers) -> tuple[list[Block], list[Block]]:
    """Return which cells are to be upright lines, the main one first, and an order of all from left to right.

    Those that cannot be, as one would have to be left and right of another, are broken into single cells.
    """
    blocks = spines(layers)
    blocks += [passed for way in layers.ways.values() if (passed := tuple(c for c in way if not c.name))]
    while True:
        order, tangled = _left_to_right(layers, blocks)
        if not tangled:
            return blocks, order
        # The main line is the last to be given up.
        broken = next(block for block in reversed(blocks) if block in tangled and len(block) > 1)
        i = blocks.index(broken)
        blocks[i : i + 1] = [(cell,) for cell in broken]


def _left_to_right(layers: Layers, blocks: list[Block]) -> tuple[list[Block], set[Block]]:
    """Return blocks so that each is behind what is left of it, and those for which there is no such order."""
    of = {cell: block for block in blocks for cell in block}
    waiting = dict.fromkeys(blocks, 0)
    after: dict[Block, list[Block]] = {block: [] for block in blocks}
    for row in layers.rows:
        for one, other in pairwise(row):
            waiting[of[other]] += 1
            after[of[one]].append(of[other])
    order = [block for block in blocks if not waiting[block]]
    for block in order:  # and those that it adds
        for following in after[block]:
            waiting[following] -= 1
            if not waiting[following]:
                order.append(following)
    return order, {block for block in blocks if waiting[block]}


def _distance(one: Cell, other: Cell) -> float:
    """Return how far the middles of two neighbours are at least."""
    space = APART if one.name and other.name else APART / 2 if one.name or other.name else 0.0
    return one.width / 2 + space + other.width / 2
